"""A tiny training problem for the engine's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from tests.conftest import INTENTS, make_rows
from tunewright.models.encoder import Encoder, load_encoder
from tunewright.models.resolve import resolve_model
from tunewright.models.tokens import Tokens, tokenize
from tunewright.train.classifying import (
    ClassStream,
    TrainingSet,
    classifying_member,
    judge_classes,
    score_rows,
)
from tunewright.train.engine import train
from tunewright.train.member import Judge, Member
from tunewright.train.probe import LinearProbe
from tunewright.train.recipe import Hyperparameters, Phase, Recipe, Selection, StrategySpec, Trial
from tunewright.train.source import Source, TokenSource

LABELS = sorted(INTENTS)


def load(folder: Path, attention: str = "eager") -> Encoder:
    """The tiny model."""
    return load_encoder(resolve_model(str(folder), folder), attention)


def problem(encoder: Encoder, rows: int = 96) -> tuple[Tokens, TrainingSet]:
    """Tokens and a training set: the first three quarters to fit, the rest to score."""
    examples = make_rows(rows, seed=3)
    tokens = tokenize(encoder.tokenizer, [text for text, _ in examples], encoder.max_length)
    targets = np.array([LABELS.index(label) for _, label in examples])
    cut = 3 * rows // 4
    everything = np.arange(rows)
    return tokens, TrainingSet(
        targets=targets, classes=len(LABELS), fit=everything[:cut], dev=everything[cut:]
    )


def trial(strategy: str = "top_layers", seed: int = 5, **values: Any) -> Trial:
    """A trial with a small batch and two epochs; `settings` go to the strategy."""
    settings = values.pop("settings", {"layers": 1} if strategy == "top_layers" else {})
    defaults: dict[str, Any] = {
        "learning_rate": 1e-2,
        "num_train_epochs": 2,
        "per_device_train_batch_size": 8,
        "head_init": "random",
    }
    phase = Phase(
        strategy=StrategySpec(name=strategy, settings=settings),
        hyperparameters=Hyperparameters(**{**defaults, **values}),
    )
    return Trial(
        recipe=Recipe(model="tiny", phase=phase),
        selection=Selection(),
        seed=seed,
        data="data",
        numerics="float32",
    )


def member(
    encoder: Encoder,
    data: TrainingSet,
    folder: Path,
    chosen: Trial | None = None,
    probe: LinearProbe | None = None,
) -> Member:
    """A member at its start."""
    return classifying_member(
        chosen or trial(), encoder, data, probe, folder, Accelerator(cpu=True)
    )


def stream(tokens: Tokens, encoder: Encoder, data: TrainingSet, of: Trial) -> ClassStream:
    """The batches of a trial, from tokens."""
    return stream_from(TokenSource.of(tokens, encoder), data, of)


def stream_from(source: Source, data: TrainingSet, of: Trial) -> ClassStream:
    """The batches of a trial, from any source."""
    values = of.recipe.phase.hyperparameters
    return ClassStream(
        source=source,
        data=data,
        batch_size=values.per_device_train_batch_size,
        accumulation_steps=values.gradient_accumulation_steps,
        seed=of.seed,
        device=torch.device("cpu"),
    )


def judge(batches: ClassStream) -> Judge | None:
    """Accuracy on the dev rows."""
    return judge_classes(batches.source, batches.data, accuracy, batches.device)


def logits_of(found: Member, source: Source, rows: np.ndarray) -> np.ndarray:
    """Logits of some rows."""
    return score_rows(found.model, source, rows, found.device)


def accuracy(targets: np.ndarray, answers: np.ndarray) -> float:
    """Share of right answers."""
    return float((targets == answers).mean())


def run(
    encoder: Encoder, tokens: Tokens, data: TrainingSet, folder: Path, chosen: Trial, **more: Any
) -> Member:
    """Train a trial to its end, or to a horizon."""
    found = member(encoder, data, folder, chosen, more.pop("probe", None))
    source = more.pop("source", None)
    batches = stream(tokens, encoder, data, chosen)
    if source is not None:
        batches = stream_from(source, data, chosen)
    train([found], batches, judge(batches), more.pop("emit", lambda event: None), **more)
    return found


def same_weights(a: Member, b: Member) -> bool:
    """Whether the trained weights are equal bit for bit."""
    first, second = a.weights(), b.weights()
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)
