"""What the evidence of written answers is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.errors import GateError
from tunewright.core.seeds import derive_seed
from tunewright.decide.config import DecisionConfig
from tunewright.evaluate.arrays import Floats
from tunewright.evaluate.generation.base import Reference
from tunewright.evaluate.resample import Settings
from tunewright.study.ledger import Answers

_RESAMPLES = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TextItems:
    """The scored items of a split, ordered by example id."""

    ids: list[str]
    references: list[Reference]
    groups: list[str] | None = None
    """Group of each item; None when the project names no group column."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TextScored:
    """One candidate's answers to the items of a split, in their order."""

    id: str
    answers: list[str | None]
    """None where the candidate gave none."""
    likelihoods: Floats | None = None
    """[n]: log probability (nats) of the reference under the candidate, summed over its tokens.
    None for a candidate that gives no probabilities."""
    reference_tokens: Floats | None = None
    """[n]: tokens behind `likelihoods`; needed with them."""
    cut_off: int | None = None
    """Answers that ended at the limit of tokens; None where that cannot happen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextInfo:
    """What is known of the test items besides their answers; aligned with `TextItems.ids`."""

    texts: list[str]
    """The input of each item as a person reads it."""
    lengths: list[int]
    """Tokens of the input."""
    sources: list[str]
    """File of each item."""
    columns: dict[str, list[str | None]] = field(default_factory=dict)
    """The slice columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextFinalist:
    """A candidate that was scored on the test set."""

    record: dict[str, Any]
    """`id`, `candidate`, `kind`, `title`, `settings` and `cost`, as for classification: `cost`
    holds `make_seconds`, `make_cpu_seconds`, `run_seconds_per_1000`, `run_cpu_seconds_per_1000`,
    `peak_memory_bytes`, `parameters`, `trained_parameters` and `tokens`."""
    dev: TextScored
    test: TextScored


@dataclass(frozen=True, kw_only=True, slots=True)
class TextEvidenceInput:
    """Everything that the evidence is computed from."""

    config: DecisionConfig
    folder: Path
    """The project's, for files that a metric's settings name."""
    dev: TextItems
    test: TextItems
    info: TextInfo
    finalists: list[TextFinalist]
    others: list[tuple[dict[str, Any], TextScored]]
    """Candidates that were left behind on dev: record and dev answers."""
    seeds: list[TextScored] = field(default_factory=list)
    """Test answers of each seed of the final recipe."""
    context: dict[str, Any] = field(default_factory=dict)
    """Results of other stages, handed through: project, data, audit, plan, calibration, search,
    tuning, curve, curve_answer, test_openings, incidents, warnings, environment, as the stage
    `evidence` of classification writes them; and `generation`, the decoding settings by name."""
    seed: int = 0

    @property
    def settings(self) -> Settings:
        """Level, margin and seed of the statistics."""
        return Settings(
            level=1 - self.config.alpha,
            margin=self.config.margin,
            resamples=_RESAMPLES,
            seed=derive_seed(self.seed, "statistics") % (1 << 32),
        )


def text_items(
    references: Mapping[str, Reference], groups: Mapping[str, str | None] | None = None
) -> TextItems:
    """Items from the references by example id; an item without a group is one of its own."""
    ids = sorted(references)
    return TextItems(
        ids=ids,
        references=[references[id_] for id_ in ids],
        groups=None if groups is None else [groups[id_] or f"alone-{id_}" for id_ in ids],
    )


def text_scored(
    candidate: str,
    answers: Answers,
    items: TextItems,
    *,
    reference_tokens: Sequence[int] | None = None,
    cut_off: int | None = None,
) -> TextScored:
    """A candidate's answers from the ledger, in the order of the items.

    Args:
        candidate: its id.
        answers: of the ledger; `target_probabilities` are per-token probabilities of the reference
            (the geometric mean), or None for a candidate that gives none.
        items: of the split.
        reference_tokens: [n], tokens of each reference; with them perplexity can be told.
        cut_off: answers that ended at the limit of tokens.

    Raises:
        GateError: when the ledger's answers are not those of exactly these items.
    """
    if answers.examples != items.ids:
        raise GateError(
            f"the stored answers of '{candidate}' are not those of this test set",
            found=f"{len(answers.examples)} answers",
            expected=f"{len(items.ids)}, one for each test item",
            fix="run `tunewright run --fresh`",
        )
    likelihoods, tokens = _likelihoods(answers, reference_tokens)
    return TextScored(
        id=candidate,
        answers=answers.answers,
        likelihoods=likelihoods,
        reference_tokens=tokens,
        cut_off=cut_off,
    )


def _likelihoods(
    answers: Answers, reference_tokens: Sequence[int] | None
) -> tuple[Floats | None, Floats | None]:
    """Summed log probabilities and the tokens behind them, where every item has both."""
    known = [p for p in answers.target_probabilities if p]
    if reference_tokens is None or len(known) != len(answers.examples):
        return None, None
    tokens = np.asarray(reference_tokens, dtype=np.float64)
    return np.log(np.asarray(known)) * tokens, tokens
