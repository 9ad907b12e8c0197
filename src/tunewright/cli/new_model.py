"""`new-model`: a small model of random weights, with a tokenizer learned from the person's rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tunewright.cli.console import LiveProgress, console, print_json
from tunewright.core.config import YamlDocument, validate
from tunewright.core.text import printable
from tunewright.core.units import format_count
from tunewright.models.fresh.config import FreshModelConfig, architecture_named, size_named
from tunewright.workflow.desk import field_columns
from tunewright.workflow.new_model import NewModel, NewModelRequest, make_new_model
from tunewright.workflow.project import describe


@dataclass(frozen=True, kw_only=True, slots=True)
class NewModelOptions:
    """What the person said on the command line."""

    data: list[str]
    out: Path
    architecture: str = "llama"
    size: str = "small"
    layers: int | None = None
    hidden_size: int | None = None
    heads: int | None = None
    vocab_size: int | None = None
    words_end_at: str = "punctuation"
    max_length: int | None = None
    seed: int = 0
    schema: str | None = None
    columns: list[str] | None = None
    allow_network: bool = False


def run(options: NewModelOptions, *, force: bool, as_json: bool) -> None:
    """Make the model and say what it is."""
    request = NewModelRequest(
        config=config_of(options),
        files=options.data,
        out=options.out,
        schema=options.schema,
        columns=field_columns(options.columns or []),
        allow_network=options.allow_network,
        force=force,
    )
    with LiveProgress(quiet=as_json) as progress:
        made = make_new_model(request, progress.listener().on_event)
    if as_json:
        print_json(describe(made))
    else:
        show(made)


def config_of(options: NewModelOptions) -> FreshModelConfig:
    """The shape that the options mean.

    Raises:
        ConfigError: for a name or a number that cannot be meant.
    """
    given = {
        "num_hidden_layers": options.layers,
        "hidden_size": options.hidden_size,
        "num_attention_heads": options.heads,
        "vocab_size": options.vocab_size,
        "max_length": options.max_length,
    }
    values = {
        "architecture": architecture_named(options.architecture),
        "size": size_named(options.size),
        "words_end_at": options.words_end_at,
        "seed": options.seed,
        **{name: value for name, value in given.items() if value is not None},
    }
    return validate(FreshModelConfig, YamlDocument(values, {}, None))


def show(made: NewModel) -> None:
    """What was made, in a few lines."""
    shape = made.shape
    console.print(
        f"{made.architecture}: {format_count(made.parameters, 'parameter')}, "
        f"{format_count(shape['num_hidden_layers'], 'layer')} of {shape['hidden_size']:,} with "
        f"{format_count(shape['num_attention_heads'], 'head')}, random weights",
        markup=False,
    )
    fewer = made.vocabulary < shape["vocab_size"]
    console.print(
        f"Tokenizer: {made.vocabulary:,} tokens"
        + (f" (the texts have no more that occur twice; {shape['vocab_size']:,} asked for)" * fewer)
        + f", learned from {format_count(made.rows, 'row')} read as {made.row_schema}"
        + (f"; {format_count(made.rejected, 'row')} could not be read" * bool(made.rejected)),
        markup=False,
        soft_wrap=True,
    )
    console.print(
        f"Wrote {printable(str(made.folder))}. It knows nothing yet: name it under `model:` and "
        "train all of it.",
        markup=False,
        soft_wrap=True,
    )
