"""A model on rows of prompt and answer, before it is trained on them and after."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import write_result
from benchmarks.given import GivenWorkspace, trial_of, usual_tokens, workspace_of

Pair = tuple[str, str]
Measure = Callable[[list[str], list[str]], dict[str, float]]
"""From the answers and the references, in this order, to named figures."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of prompt and answer."""

    train: list[Pair]
    test: list[Pair]


def parser_of(description: str | None, epochs: int, max_new_tokens: int) -> argparse.ArgumentParser:
    """The options that these benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--model", type=Path, help="a folder; random weights when not given")
    parser.add_argument("--size", default="tiny", help="of the random weights")
    parser.add_argument("--train-rows", type=int, help="only the first so many")
    parser.add_argument("--test-rows", type=int, help="only the first so many")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--strategy", choices=["full", "lora"], default="full")
    parser.add_argument("--max-new-tokens", type=int, default=max_new_tokens)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def run(name: str, args: argparse.Namespace, part: Part, measure: Measure) -> None:
    """Train, measure, write the result."""
    part = Part(train=part.train[: args.train_rows], test=part.test[: args.test_rows])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = args.model or fresh(folder / "model", args.size, part.train)
        result = compare(model.resolve(), folder, args, part, measure)
    kind = args.model.resolve().name if args.model else f"random-{args.size}"
    write_result(
        f"{name}-{kind}",
        {
            "command": " ".join(a for a in sys.argv[1:] if "/" not in a),
            "model": kind,
            **result,
        },
    )


def fresh(folder: Path, size: str, rows: list[Pair]) -> Path:
    """A decoder with random weights and a tokenizer learned from the training rows."""
    from tunewright.models.fresh import FreshModelConfig, make_model

    config = FreshModelConfig(size=size)  # type: ignore[arg-type]  # it checks the name itself
    return make_model(config, [text for row in rows for text in row], folder).folder


def compare(
    model: Path, folder: Path, args: argparse.Namespace, part: Part, measure: Measure
) -> dict[str, Any]:
    """What the model does before and after, and what the training took."""
    from tunewright.data.content import Completion
    from tunewright.train.engine import train
    from tunewright.train.recipe import StrategySpec
    from tunewright.train.writing.jobs import prepare_writer
    from tunewright.train.writing.rows import token_rows

    workspace = workspace_of(
        model, folder, batch_size=args.batch_size, tokens=128, threads=args.threads
    )
    pairs = [*part.train, *part.test]
    contents = [Completion(prompt=prompt, completion=answer) for prompt, answer in pairs]
    rows = token_rows(workspace.renderer, contents, workspace.max_length)
    workspace.give(rows, len(part.train))
    settings = {"train_embeddings": True} if args.strategy == "full" else {}
    values = {
        "learning_rate": args.learning_rate,
        "num_train_epochs": args.epochs,
        "per_device_train_batch_size": args.batch_size,
    }
    trial = trial_of(StrategySpec(name=args.strategy, settings=settings), values)
    member, stream, judge = prepare_writer(workspace, trial)
    before = figures(workspace, member.model, workspace.model, args, part, measure)
    start, cpu = time.perf_counter(), time.process_time()
    train([member], stream, judge, lambda event: None)
    seconds = time.perf_counter() - start, time.process_time() - cpu
    done = member.finish()
    after = figures(workspace, done, None, args, part, measure)
    return {
        "recipe": trial.recipe.label,
        "train_rows": len(part.train),
        "test_rows": len(part.test),
        "rows_by_length": dict(rows.outcomes),
        "usual_tokens_of_a_row": usual_tokens(rows),
        "weights": sum(p.numel() for p in workspace.model.parameters()),
        "training_wall_seconds": round(seconds[0], 1),
        "training_cpu_seconds": round(seconds[1], 1),
        "train_loss_by_epoch": [round(e["train_loss"], 4) for e in member.progress.history],
        "before": before,
        "after": after,
    }


def figures(
    workspace: GivenWorkspace,
    model: Any,
    plain: Any,
    args: argparse.Namespace,
    part: Part,
    measure: Measure,
) -> dict[str, Any]:
    """Perplexity of the test answers, and what is made of the answers that the model writes.

    Rows that are too long for the model have no perplexity, and are answered wrong.

    Args:
        workspace: with the rows.
        model: as the engine trains it.
        plain: the same as transformers knows it; taken from `model`, which is of no more use then,
            when None.
        args: the command line.
        part: the texts of the rows.
        measure: what else is made of the answers.
    """
    from tunewright.data.content import Completion
    from tunewright.models.generation.config import GenerationConfig
    from tunewright.models.generation.decoder import Decoder
    from tunewright.train.engine import MICRO_BATCH_TOKENS
    from tunewright.train.writing.stream import row_losses

    model.eval()
    first = len(part.train)
    losses = row_losses(
        model,
        workspace.source(),
        workspace.rows,
        workspace.rows.of_examples(np.arange(first, first + len(part.test))),
        micro_batch_tokens=MICRO_BATCH_TOKENS,
        device=workspace.device,
    )
    decoder = Decoder(plain or model.plain_model().eval(), workspace.tokenizer)
    asked = [
        workspace.renderer.prompt(Completion(prompt=prompt, completion=None)).token_ids
        for prompt, _ in part.test
    ]
    config = GenerationConfig(max_new_tokens=args.max_new_tokens)
    start = time.perf_counter()
    written = decoder.write(asked, config)
    seconds = time.perf_counter() - start
    answers = [one.text.strip() for one in written]
    references = [answer.strip() for _, answer in part.test]
    return {
        "perplexity": round(math.exp(min(losses.mean, 700.0)), 3),
        "rows_with_perplexity": len(losses.rows),
        **{name: round(value, 4) for name, value in measure(answers, references).items()},
        "ended_by_itself": round(sum(one.ended for one in written) / len(written), 4),
        "not_answered": sum(one.problem is not None for one in written),
        "writing_seconds": round(seconds, 1),
        "first_answers": answers[:3],
    }


def mean_score(
    name: str, answers: Sequence[str], references: Sequence[str], **settings: Any
) -> float:
    """The score of a metric of the product."""
    from tunewright.core.config import YamlDocument, validate
    from tunewright.evaluate.generation import TEXT_METRICS
    from tunewright.evaluate.generation.base import Reference

    kind = TEXT_METRICS.get(name)
    metric = kind(validate(kind.Settings, YamlDocument(settings, {}, None)))
    held = [Reference(texts=(text,)) for text in references]
    return float(metric.score_each(list(answers), held).scores.mean())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
