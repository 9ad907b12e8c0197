"""Which rows prompt formats are compared on, and which they may show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewright.candidates.labels import refuse_unknown_labels
from tunewright.core.errors import DataError
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count
from tunewright.data import split
from tunewright.data.example import Rejected
from tunewright.data.normalise import normalise
from tunewright.data.rows import DataRow
from tunewright.data.synthetic import is_synthetic
from tunewright.experiment.hypothesis import scored_groups
from tunewright.tasks.classify import describe_labels
from tunewright.workflow.desk import Desk
from tunewright.workflow.session import Session

MOST_ITEMS = 500
"""Dev rows that a model that writes is asked; more are drawn from."""
_FEWEST_ITEMS = 5
_SHOWN = 32
"""Training rows that formats may show; each takes the first of them."""


@dataclass(frozen=True, slots=True)
class FormatRows:
    """What the formats are compared on."""

    payload: dict[str, Any]
    groups: np.ndarray | None
    """[n], for the rows of `cases`."""
    dev_rows: int
    not_drawn: int = 0
    rejected: int = 0


def encoder_rows(session: Session, names: list[str]) -> FormatRows:
    return FormatRows(
        {"formats": names, "label_descriptions": session.config.label_descriptions},
        scored_groups(session.dataset),
        len(session.dataset.scored_rows),
    )


def label_rows(session: Session, names: list[str]) -> FormatRows:
    """Dev rows of a classification project; with folds every row but those that are shown."""
    dataset = session.dataset
    described = session.config.label_descriptions
    refuse_unknown_labels(described, dataset.labels)
    rng = np.random.default_rng(derive_seed(session.config.seed, "formats"))
    scored = dataset.scored_rows
    groups = scored_groups(dataset)
    if dataset.uses_folds:
        # Nothing is trained, so a row may be asked unless it, or its group, is shown.
        shown = rng.permutation(scored)[: min(_SHOWN, len(scored) // 5)]
        known = np.isin(scored, shown)
        if groups is not None:
            known = np.isin(groups, groups[known])
        asked = scored[~known]
    else:
        shown = rng.permutation(dataset.train_rows)[:_SHOWN]
        asked = scored
    chosen = np.sort(rng.permutation(asked)[:MOST_ITEMS])
    if groups is not None:
        groups = groups[np.searchsorted(scored, chosen)]

    def case(row: int) -> dict[str, Any]:
        label = dataset.labels[int(dataset.fit.targets[row])]
        return {"inputs": dataset.fit.inputs[row], "answer": label}

    return FormatRows(
        {
            "formats": names,
            "reader": "classify",
            "labels": dataset.labels,
            "descriptions": describe_labels(dataset.labels, described),
            "demonstrations": [case(int(row)) for row in shown],
            "cases": [case(int(row)) for row in chosen],
        },
        groups,
        len(asked),
        len(asked) - len(chosen),
    )


def answer_rows(session: Session, names: list[str]) -> FormatRows:
    """Dev rows of questions with answers: those of the dev file, or a part held out of train."""
    config = session.config
    desk = Desk(
        data=config.data,
        folder=session.folder,
        task=config.task,
        model=config.model,
        seed=config.seed,
    )
    learned, rejected = _answered(desk, "train")
    if config.data.dev is None:
        learned, dev = _held_out(session, learned)
    else:
        dev, more = _answered(desk, "dev")
        rejected += more
    if len(dev) < _FEWEST_ITEMS:
        raise DataError(
            "too few dev rows have an answer",
            found=format_count(len(dev), "row"),
            expected=f"at least {_FEWEST_ITEMS}",
            fix="name a `dev:` file under `data:`, or more training rows",
        )
    rng = np.random.default_rng(derive_seed(config.seed, "formats"))
    chosen = [dev[place] for place in np.sort(rng.permutation(len(dev))[:MOST_ITEMS])]
    shown = [learned[place] for place in rng.permutation(len(learned))[:_SHOWN]]
    grouped = any(row.group is not None for row in chosen)
    groups = [row.group or f"row {place}" for place, row in enumerate(chosen)]
    return FormatRows(
        {
            "formats": names,
            "reader": "generate",
            "labels": [],
            "descriptions": [],
            "demonstrations": [_case(row) for row in shown],
            "cases": [_case(row) for row in chosen],
        },
        np.array(groups) if grouped else None,
        len(dev),
        len(dev) - len(chosen),
        rejected,
    )


def _case(row: DataRow) -> dict[str, Any]:
    return {"inputs": {"question": row.content.question}, "answer": row.content.answer or ""}


def _answered(desk: Desk, name: str) -> tuple[list[DataRow], int]:
    """Rows with a question and an answer that people have written; and how many are not so."""
    rows: list[DataRow] = []
    others = 0
    for row in desk.rows(name, extras=True):
        usable = not isinstance(row, Rejected) and bool((row.content.answer or "").strip())
        if usable and isinstance(row, DataRow) and not is_synthetic(row.extras or {}):
            rows.append(row)
        else:
            others += 1
    return rows, others


def _held_out(session: Session, rows: list[DataRow]) -> tuple[list[DataRow], list[DataRow]]:
    """Training and dev rows. Without a test file, the rows that a run would seal are left alone.

    They are drawn as `data.prepare` draws them, equal questions and groups together.
    """
    data, seed = session.config.data, session.config.seed
    keys = [normalise(row.content.question) for row in rows]
    groups = split.group_numbers(keys, [row.group for row in rows])
    everything = np.arange(len(rows))
    if data.test is None and len(rows):
        sealed = _drawn(groups, data.test_size, derive_seed(seed, "test"))
        everything = everything[~sealed]
    if not len(everything):
        return [], []
    fraction = split.dev_fraction(len(everything), data.dev_size)
    held = _drawn(groups[everything], fraction, derive_seed(seed, "dev"))
    return (
        [rows[place] for place in everything[~held]],
        [rows[place] for place in everything[held]],
    )


def _drawn(groups: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    return split.hold_out(np.zeros(len(groups), dtype=np.int64), groups, fraction, seed)
