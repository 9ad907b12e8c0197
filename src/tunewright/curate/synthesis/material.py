"""All that methods and filters work with."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewright.core.errors import ConfigError
from tunewright.curate.synthesis.config import SynthesisConfig
from tunewright.curate.synthesis.rows import (
    Passage,
    Seed,
    asks_once,
    pair,
    question_of,
    system_of,
)
from tunewright.curate.synthesis.writer import Writer
from tunewright.data.content import Content, Labelled
from tunewright.data.schemas.base import Schema

Predict = Callable[[Sequence[str]], Sequence[tuple[str, float]]]
"""From texts to the label of each and its probability."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut:
    """Texts that no new row may come near."""

    test: Sequence[str] = ()
    dev: Sequence[str] = ()
    possible: Sequence[str] = ()
    """All rows of a file of which a test set has not been split off yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What there is to make rows from, and to judge them by."""

    config: SynthesisConfig
    writer: Writer
    schema: Schema
    """Of the rows to be written."""
    seeds: Sequence[Seed] = ()
    passages: Sequence[Passage] = ()
    held_out: HeldOut = field(default_factory=HeldOut)
    label_descriptions: Mapping[str, str] = field(default_factory=dict)
    predict: Predict | None = None
    """A classifier fitted on the person's training rows, for a classification."""
    languages: Callable[[Sequence[str]], list[tuple[str, Mapping[str, float]]]] | None = None
    """Names the language of texts, with the probability of each; None leaves that filter out."""

    @property
    def labels(self) -> Counter[str]:
        """Rows of each label among the seeds."""
        found = (s.content.label for s in self.seeds if isinstance(s.content, Labelled))
        return Counter(label for label in found if label)

    def pairs(self) -> list[Seed]:
        """The seeds that are one request with one answer.

        Raises:
            ConfigError: when there is none, or the schema has no place for such rows.
        """
        found = [seed for seed in self.seeds if asks_once(seed.content)]
        if not found:
            raise self.unsuitable("rows with one request and its answer")
        return found

    def unsuitable(self, expected: str) -> ConfigError:
        """The error for a method that has nothing to work with in this data."""
        kinds = Counter(seed.content.kind for seed in self.seeds)
        found = ", ".join(f"{count:,} of kind {kind}" for kind, count in kinds.most_common())
        return ConfigError(
            f"the method {self.config.method} has nothing to work with here",
            field="--method",
            found=f"rows of the schema {self.schema.name} ({found or 'none'})",
            expected=expected,
            fix="take another method: class_conditional for texts with labels, self_instruct or "
            "evolve for requests with answers, questions for documents",
        )

    def stream(self, *names: str | int) -> random.Random:
        """Random numbers of their own for each name."""
        return random.Random(self.writer.seed_of("stream", *names))

    def system(self) -> str | None:
        """The system turn that most of the seeds have."""
        counts = Counter(system_of(seed.content) for seed in self.seeds)
        return counts.most_common(1)[0][0] if counts else None

    def new_pair(self, question: str, answer: str) -> Content:
        """A request and its answer as the rows here are made."""
        return pair(self.schema, question, answer, self.system())


def drawn(stream: random.Random, seeds: Sequence[Any], count: int) -> list[Any]:
    """Some of them in random order; all when there are fewer."""
    return stream.sample(list(seeds), min(count, len(seeds)))


def demonstration(seed: Seed) -> tuple[str, str]:
    """Request and answer of a row, without outer white space."""
    return question_of(seed.content).strip(), (seed.content.answer or "").strip()
