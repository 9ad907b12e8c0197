"""The commands about models, as a table of contents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.data_commands import ColumnsOption, JsonOption, NetworkOption, SchemaOption
from tunewright.cli.exit import guarded

PANEL_MODEL = "Its model"


def register(app: typer.Typer) -> None:
    """Add the commands, in the order in which `--help` shows them."""
    app.command(rich_help_panel=PANEL_MODEL)(guarded(new_model))


def new_model(
    data: Annotated[
        list[str] | None,
        typer.Option(help="Training file that the tokenizer learns from (repeat); never test."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the model.")] = Path("model"),
    architecture: Annotated[
        str, typer.Option(help="llama, qwen3, gpt2 (decoders), t5 or bart (with an encoder).")
    ] = "llama",
    size: Annotated[
        str, typer.Option(help="tiny, small, medium or large, where no number is given.")
    ] = "small",
    layers: Annotated[int | None, typer.Option(help="Blocks; of each half with t5, bart.")] = None,
    hidden_size: Annotated[
        int | None, typer.Option("--hidden_size", "--hidden-size", help="Width of the model.")
    ] = None,
    heads: Annotated[int | None, typer.Option(help="Heads; they divide the width.")] = None,
    vocab_size: Annotated[
        int | None, typer.Option("--vocab_size", "--vocab-size", help="The most tokens.")
    ] = None,
    words_end_at: Annotated[
        str,
        typer.Option(
            "--words_end_at",
            "--words-end-at",
            help="No token goes across punctuation, or only none across white_space.",
        ),
    ] = "punctuation",
    max_length: Annotated[
        int | None, typer.Option("--max_length", "--max-length", help="The most tokens of a row.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same model.")] = 0,
    schema: SchemaOption = None,
    columns: ColumnsOption = None,
    allow_network: NetworkOption = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a model of random weights.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a small model of random weights, with a tokenizer of your own texts."""
    from tunewright.cli import new_model as command

    command.run(
        command.NewModelOptions(
            data=data or [],
            out=out,
            architecture=architecture,
            size=size,
            layers=layers,
            hidden_size=hidden_size,
            heads=heads,
            vocab_size=vocab_size,
            words_end_at=words_end_at,
            max_length=max_length,
            seed=seed,
            schema=schema,
            columns=columns,
            allow_network=allow_network,
        ),
        force=force,
        as_json=json,
    )
