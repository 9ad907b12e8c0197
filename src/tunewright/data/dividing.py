"""How the examples of a study are divided, mixed, and proved to have nothing in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.errors import DataError
from tunewright.core.events import Notice
from tunewright.core.files import read_json
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count
from tunewright.data import split
from tunewright.data.config import DataConfig
from tunewright.data.dataset import EXAMPLES_FILE, SPLITS_FILE, TEST, example_columns
from tunewright.data.example import Example, Rejected
from tunewright.data.mix import Mixture, mixture
from tunewright.data.normalise import normalise
from tunewright.data.paths import resolve_paths
from tunewright.data.proof import PartKeys, leakage_proof
from tunewright.data.synthetic import real_rows, refuse_only_synthetic
from tunewright.data.times import Times, read_times, shown_time
from tunewright.data.values import shown
from tunewright.workers.base import OnEvent


def normalised_inputs(inputs: Mapping[str, str]) -> str:
    """Equal for two rows whose texts differ only in what `normalise` folds."""
    return "\n".join(normalise(text) for text in inputs.values())


def key_of_example(example: Example) -> str:
    """What two examples that are never divided have in common."""
    return normalised_inputs(example.inputs)


def split_keys(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """Class and group number of each row, int64 [n] each."""
    number = {label: i for i, label in enumerate(sorted({str(e.target) for e in examples}))}
    targets = np.array([number[str(e.target)] for e in examples], dtype=np.int64)
    keys = [key_of_example(e) for e in examples]
    return targets, split.group_numbers(keys, [e.group for e in examples])


def hold_out_rows(
    examples: Sequence[Example], config: DataConfig, part: str, fraction: float, seed: int,
    emit: OnEvent,
) -> np.ndarray:  # fmt: skip
    """Which rows become a part of their own, as `split_by` says; bool [n]. Never one that a model
    wrote.

    Args:
        examples: to be divided.
        config: says how.
        part: `test` or `dev`.
        fraction: wanted share of the rows.
        seed: of the study.
        emit: is told of ties, and of rows without a time.

    Raises:
        DataError: when there are no times to divide by, or every row was written by a model.
    """
    refuse_only_synthetic(examples, part)
    if any(example.synthetic for example in examples):
        held = np.zeros(len(examples), dtype=bool)
        real = np.array([not example.synthetic for example in examples])
        held[real] = hold_out_rows(real_rows(examples), config, part, fraction, seed, emit)
        return held
    targets, groups = split_keys(examples)
    if config.split_by != "time":
        classes = np.zeros_like(targets) if config.split_by == "random" else targets
        return split.hold_out(classes, groups, fraction, derive_seed(seed, part))
    assert config.time is not None
    times = read_times([e.time for e in examples], config.time)
    held, notices = latest_rows(times, groups, fraction, config.time, part)
    for text, level in notices:
        emit(Notice(text=text, level="warning" if level == "warning" else "info"))
    return held


def latest_rows(
    times: Times, groups: np.ndarray, fraction: float, column: str, part: str
) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Which rows are the latest, bool [n], and what is to be told: sentences with their level.

    Raises:
        DataError: when all rows have the same time.
    """
    points = [split.NO_TIME if t is None else t for t in times.microseconds]
    cut = split.hold_out_latest(np.array(points, dtype=np.int64), groups, fraction)
    if cut.time is None:
        raise DataError(
            f"no {part} set can be divided off by time: all rows have one time, or hang together",
            field=column,
            fix="name the column with the times, or set `split_by: stratified`",
        )
    told = [
        (
            f"{part}: {format_count(int(cut.held.sum()), 'row')} from {shown_time(cut.time)} on; "
            f"{cut.ties:,} of exactly that time, which are not divided",
            "info",
        )
    ]
    earlier = int((cut.held & (np.array(points, dtype=np.int64) < cut.time)).sum())
    if earlier:
        rows = "1 is older or has" if earlier == 1 else f"{earlier:,} are older or have"
        told.append(
            (
                f"{part}: of these, {rows} no time, and kept with a later row of the same "
                "question or group",
                "info",
            )
        )
    if times.untimed:
        example = f", for instance {shown(times.example)}" if times.example else ""
        told.append(
            (
                f"{format_count(times.untimed, 'row')} without a time in {shown(column)} "
                f"({times.missing:,} empty, {times.unreadable:,} unreadable{example}): they stay "
                f"out of {part} and may be later than what is in it",
                "warning",
            )
        )
    return cut.held, told


def example_proof(
    parts: Mapping[str, Sequence[Example]], config: DataConfig, seed: int
) -> dict[str, Any]:
    """The leakage proof of a study's parts; see `proof.py`."""
    keys = {name: PartKeys() for name in parts}
    timed = config.split_by == "time" and config.time is not None
    for name, examples in parts.items():
        times: Iterable[int | None] = [None] * len(examples)
        if timed and examples:
            times = _times([e.time for e in examples], str(config.time))
        for example, time in zip(examples, times, strict=True):
            keys[name].add(key_of_example(example), example.group, time)
    return leakage_proof(keys, by=config.split_by, seed=seed)


def _times(values: list[str | None], column: str) -> list[int | None]:
    try:
        return read_times(values, column).microseconds
    except DataError:  # a part without times, or too small to tell day from month
        return [None] * len(values)


def proofs_of_study(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stored leakage proof of a study, and the one made anew from its prepared examples; both
    without times, which are not kept.

    Args:
        folder: the study's `data` folder.

    Raises:
        DataError: when the prepared data is missing or damaged.
    """
    splits = read_json(folder / SPLITS_FILE)
    stored = splits.get("proof")
    if stored is None:
        return {}, {}
    columns = example_columns(folder / EXAMPLES_FILE)
    dev = set(splits["dev"])
    keys = {name: PartKeys() for name in stored["parts"]}
    questions = _stored_questions(columns)
    for part, id_, question, group in zip(
        columns["part"], columns["id"], questions, columns["group"], strict=True
    ):
        name = "test" if part == TEST else "dev" if id_ in dev else "train"
        keys[name].add(question, group, None)
    untimed = {
        name: {**part, "first": None, "last": None} for name, part in stored["parts"].items()
    }
    anew = leakage_proof(keys, by=stored["by"], seed=stored["seed"])
    return {**stored, "parts": untimed}, anew


def _stored_questions(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """What each prepared row asks, normalised, of whichever task it is."""
    if "inputs" in columns:
        return [normalised_inputs(json.loads(inputs)) for inputs in columns["inputs"]]
    from tunewright.data.contents import content_of

    return [normalise(content_of(text).question) for text in columns["content"]]


# -- mixtures -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """Training rows after mixing."""

    train: list[Example]
    """Drawn rows; one that was drawn again has an id of its own."""

    not_drawn: list[Rejected]
    counts: list[dict[str, Any]]
    """One for each data set; see `Mixture.counts`."""


def mixed_rows(
    examples: list[Example], config: DataConfig, folder: Path, seed: int, *, may_repeat: bool
) -> Mixed:
    """Draw training rows from the files of `train` as `mix` says.

    Args:
        examples: the training rows, without those of dev and test.
        config: with `mix`.
        folder: where relative paths start.
        seed: of the study.
        may_repeat: whether a row may be drawn more than once.

    Raises:
        DataError: when a data set has no rows left, or would repeat although it may not.
    """
    assert config.mix is not None
    paths = resolve_paths(config.train, folder, allow_network=True)  # their names alone
    names = [path.written for path in paths]
    place = {file.name: at for at, path in enumerate(paths) for file in path.files}
    sets: list[list[Example]] = [[] for _ in paths]
    for example in examples:
        sets[place[example.source.file]].append(example)
    empty = next((name for name, rows in zip(names, sets, strict=True) if not rows), None)
    if empty is not None:
        raise DataError(
            "no row of this data set is left to be mixed",
            file=empty,
            field="mix",
            fix="take it out of `train:`, or give it more rows",
        )
    drawn = mixture([len(rows) for rows in sets], config.mix, seed)
    if not may_repeat and any(draw.epoch for draw in drawn.draws):
        raise _would_repeat(drawn, names)
    train = [_again(sets[draw.source][draw.row], draw.epoch) for draw in drawn.draws]
    kept = {(draw.source, draw.row) for draw in drawn.draws}
    not_drawn = [
        Rejected(source=row.source, reason="not_drawn", message="the mixture has no place for it")
        for at, rows in enumerate(sets)
        for number, row in enumerate(rows)
        if (at, number) not in kept
    ]
    return Mixed(train=train, not_drawn=not_drawn, counts=drawn.counts(names))


def _again(example: Example, epoch: int) -> Example:
    return replace(example, id=f"{example.id}-again-{epoch}") if epoch else example


def _would_repeat(drawn: Mixture, names: Sequence[str]) -> DataError:
    told = [c for c in drawn.counts(names) if c["epochs"] > 1]
    return DataError(
        "the mixture would repeat rows, and there are so few that choices are made on folds, "
        "where copies would be counted as so many tests",
        field="mix",
        found=", ".join(f"{c['name']}: {c['drawn']:,} of {c['rows']:,} rows" for c in told),
        fix="set `rows:` of `mix:` lower, or give dev a file of its own",
    )


def told_mixture(counts: Sequence[Mapping[str, Any]]) -> str:
    """The mixture in one sentence."""
    parts = []
    for count in counts:
        how = f"{count['drawn']:,} of {count['rows']:,}"
        if count["epochs"] > 1:
            how = f"{count['drawn']:,} ({count['epochs']:.1f} times its {count['rows']:,} rows)"
        parts.append(f"{how} from {count['name']}")
    return "train is a mixture: " + ", ".join(parts)
