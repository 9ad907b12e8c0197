"""Studies divided by time or at random, mixed, and proved to have nothing in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.events import Notice
from tunewright.data import split
from tunewright.data.config import DataConfig
from tunewright.data.dividing import proofs_of_study
from tunewright.data.prepare import PrepareData
from tunewright.workers.base import Context


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 9)), min_size=2, max_size=40),
    st.floats(0.05, 0.9),
)
def test_nothing_that_stays_is_later_than_what_is_held_out(
    rows: list[tuple[int, int]], fraction: float
) -> None:
    groups = np.array([group for group, _ in rows])
    times = np.array([split.NO_TIME if time < 0 else time for _, time in rows])
    cut = split.hold_out_latest(times, groups, fraction)
    assert not cut.held.all()
    for group in np.unique(groups):
        assert len(np.unique(cut.held[groups == group])) == 1, "a group was divided"
    if cut.time is not None:
        assert cut.held.any()
        assert (times[~cut.held] < cut.time).all()
        latest = np.array([times[groups == group].max() for group in groups])
        assert (latest[cut.held] >= cut.time).all()


def test_the_line_is_drawn_where_the_share_is_nearest() -> None:
    times = np.array([1, 1, 2, 3, 3, 3, 3, 4, 5, 5])
    groups = np.arange(10)
    assert split.hold_out_latest(times, groups, 0.3).time == 4
    by_ties = split.hold_out_latest(times, groups, 0.6)
    assert (by_ties.time, by_ties.ties, int(by_ties.held.sum())) == (3, 4, 7)
    assert split.hold_out_latest(np.ones(4, dtype=np.int64), np.arange(4), 0.5).time is None


# -- the data stage -------------------------------------------------------------------------------


def prepared(folder: Path, **data: Any) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Result of the data stage, what `splits.json` holds, and what was told."""
    told: list[str] = []

    def emit(event: Any) -> None:
        if isinstance(event, Notice):
            told.append(event.text)

    config = DataConfig(**{"train": "a.csv", "text": "text", "label": "label", **data})
    payload = {"data": config.model_dump(mode="json"), "folder": str(folder), "seed": 3}
    context = Context(study=folder / "study", emit=emit)
    result = PrepareData().run(context, payload)
    return result, json.loads((folder / "study/data/splits.json").read_text()), told


def table(path: Path, rows: list[tuple[object, ...]], head: str) -> None:
    lines = [head, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def days(count: int) -> list[tuple[object, ...]]:
    return [
        (f"text number {n}", "ab"[n % 2], f"2024-{1 + n // 28:02}-{1 + n % 28:02}")
        for n in range(count)
    ]


def test_the_latest_rows_are_the_test_set_and_those_before_them_dev(tmp_path: Path) -> None:
    rows = days(300) + [(f"more {n}", "a", "2024-12-31") for n in range(300)]
    table(tmp_path / "a.csv", rows, "text,label,day")
    result, splits, told = prepared(tmp_path, split_by="time", time="day", test_size=0.5)
    parts = splits["proof"]["parts"]
    assert parts["test"]["first"] == "2024-12-31"
    assert result["test"] == 300
    assert any("300 of exactly that time" in text for text in told)
    assert splits["proof"]["by"] == "time"
    assert all(not any(shared.values()) for shared in splits["proof"]["in_common"].values())


def test_dev_comes_before_test_in_time(tmp_path: Path) -> None:
    rows = [(f"text {n}", "ab"[n % 2], 1700000000 + 60 * n) for n in range(1000)]
    table(tmp_path / "a.csv", rows, "text,label,day")
    _, splits, _ = prepared(tmp_path, split_by="time", time="day")
    parts = splits["proof"]["parts"]
    assert (
        parts["train"]["last"]
        < parts["dev"]["first"]
        <= parts["dev"]["last"]
        < parts["test"]["first"]
    )
    assert [parts[name]["rows"] for name in ("train", "dev", "test")] == [600, 200, 200]


def test_a_row_that_comes_to_the_test_set_with_a_later_one_is_told(tmp_path: Path) -> None:
    rows = [("text number 299", "b", "2024-01-01"), *days(300)]
    table(tmp_path / "a.csv", rows, "text,label,day")
    _, splits, told = prepared(tmp_path, split_by="time", time="day")
    assert splits["proof"]["parts"]["test"]["first"] == "2024-01-01"
    kept = "test: of these, 1 is older or has no time, and kept with a later row"
    assert any(kept in text for text in told)


def test_rows_without_a_time_stay_in_train_and_are_told(tmp_path: Path) -> None:
    rows = [*days(300), ("untimed one", "a", ""), ("untimed two", "b", "soon")]
    table(tmp_path / "a.csv", rows, "text,label,day")
    result, _, told = prepared(tmp_path, split_by="time", time="day")
    assert any("2 rows without a time" in text and "'soon'" in text for text in told)
    assert result["train"] + result["dev"] + result["test"] == 302
    with pytest.raises(DataError, match="no value of the column"):
        prepared(tmp_path, split_by="time", time="label", label="day")


def test_a_split_by_needs_its_column() -> None:
    for by in ("time", "group"):
        with pytest.raises(ValueError, match="needs the column"):
            DataConfig(train="a", text="t", label="l", split_by=by)


def test_groups_are_never_divided_whatever_the_split(tmp_path: Path) -> None:
    rows = [
        (f"text {n}", "ab"[n % 2], f"g{n // 7}", 1700000000 + (n * 37) % 911) for n in range(700)
    ]
    table(tmp_path / "a.csv", rows, "text,label,who,day")
    for by in ("stratified", "random", "group", "time"):
        _, splits, _ = prepared(tmp_path, split_by=by, group="who", time="day")
        proof = splits["proof"]
        assert proof["in_common"]["train and test"] == {"questions": 0, "groups": 0}
        assert sum(part["groups"] for part in proof["parts"].values()) == 100


def test_the_proof_is_found_again_and_a_change_is_not_overlooked(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    table(tmp_path / "a.csv", days(300), "text,label,day")
    prepared(tmp_path, group="day")
    folder = tmp_path / "study/data"
    stored, anew = proofs_of_study(folder)
    assert stored == anew
    examples = pq.read_table(folder / "examples.parquet")
    pq.write_table(examples.slice(0, examples.num_rows - 1), folder / "examples.parquet")
    stored, anew = proofs_of_study(folder)
    assert stored["parts"]["train"] == anew["parts"]["train"]
    assert stored["parts"]["test"] != anew["parts"]["test"]


# -- mixtures -------------------------------------------------------------------------------------


@pytest.fixture
def two_sets(tmp_path: Path) -> Path:
    for name, count in (("a", 900), ("b", 100)):
        table(
            tmp_path / f"{name}.csv",
            [(f"{name} text {n}", "xy"[n % 2]) for n in range(count)],
            "text,label",
        )
    table(tmp_path / "t.csv", [(f"test {n}", "xy"[n % 2]) for n in range(50)], "text,label")
    return tmp_path


def test_training_rows_are_mixed_and_dev_and_test_are_not(two_sets: Path) -> None:
    mix = {"sampling": "fixed", "weights": [1, 1], "rows": 400}
    result, splits, told = prepared(two_sets, train=["a.csv", "b.csv"], test="t.csv", mix=mix)
    assert (result["train"], result["dev"], result["test"]) == (400, 200, 50)
    assert len(splits["train"]) == len(set(splits["train"])) == 400
    large, small = result["mixture"]
    assert (large["drawn"], small["drawn"]) == (200, 200)
    assert large["rows"] + small["rows"] == 800
    assert small["epochs"] > 1
    left = 600 - small["rows"]
    assert result["rejected"] == {"not_drawn": left}
    assert any("train is a mixture: 200 of" in text for text in told)
    distinct = {row.partition("-again-")[0] for row in splits["train"]}
    assert len(distinct) + result["dev"] + left == 1000
    assert splits["proof"]["in_common"]["train and dev"]["questions"] == 0


def test_the_same_seed_mixes_the_same(two_sets: Path) -> None:
    mix = {"sampling": "temperature", "rows": 300}
    found = [prepared(two_sets, train=["a.csv", "b.csv"], test="t.csv", mix=mix) for _ in range(2)]
    assert found[0][1] == found[1][1]


def test_on_folds_no_row_is_repeated(two_sets: Path) -> None:
    table(two_sets / "a.csv", [(f"a {n}", "xy"[n % 2]) for n in range(100)], "text,label")
    mix = {"sampling": "fixed", "weights": [1, 3], "rows": 190}
    with pytest.raises(DataError, match="folds"):
        prepared(two_sets, train=["a.csv", "b.csv"], test="t.csv", mix=mix)
    result, splits, _ = prepared(
        two_sets, train=["a.csv", "b.csv"], test="t.csv", mix={**mix, "rows": 100}
    )
    assert (result["train"], result["folds"]) == (100, 5)
    assert len(splits["folds"]) == 100


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"train": "a.csv", "mix": {}}, "several data sets"),
        (
            {"train": ["a.csv", "b.csv"], "mix": {"sampling": "fixed", "weights": [1]}},
            "1 weights for 2",
        ),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(data: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, ConfigError), match=told):
        DataConfig(text="t", label="l", **data)
