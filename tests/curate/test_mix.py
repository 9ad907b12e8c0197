"""Files mixed into one, with the source of every row."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.curate.helpers import LABELLED, MESSAGES, chat, read_lines, turns, write_lines
from tunewright.core.errors import ConfigError, DataError
from tunewright.curate.mix import MixJob, MixResult, mix_files
from tunewright.data.config import DataConfig
from tunewright.data.mix_config import MixConfig


def mixed(folder: Path, *sets: tuple[str, dict[str, Any]], **options: Any) -> MixResult:
    job = MixJob(
        sets=tuple(DataConfig(train=name, **how) for name, how in sets),
        folder=folder,
        out=folder / options.pop("out", "mixed.jsonl"),
        mix=MixConfig(**options.pop("mix", {})),
        force=True,
        **options,
    )
    return mix_files(job)


def labelled(path: Path, count: int) -> None:
    write_lines(path, [{"text": f"{path.stem} {n}", "label": "x", "n": n} for n in range(count)])


def test_every_row_says_where_it_comes_from(tmp_path: Path) -> None:
    labelled(tmp_path / "a.jsonl", 30)
    labelled(tmp_path / "b.jsonl", 10)
    result = mixed(tmp_path, ("a.jsonl", LABELLED), ("b.jsonl", LABELLED), mix={"rows": 20})
    rows = read_lines(result.out)
    assert Counter(row["_source"] for row in rows) == {"a.jsonl": 15, "b.jsonl": 5}
    assert all(row["text"].startswith(row["_source"][0]) for row in rows)
    assert len({row["text"] for row in rows}) == 20
    assert [part["not_drawn"] for part in result.sets] == [15, 5]
    first = result.out.read_bytes()
    mixed(tmp_path, ("a.jsonl", LABELLED), ("b.jsonl", LABELLED), mix={"rows": 20})
    assert result.out.read_bytes() == first
    mixed(tmp_path, ("a.jsonl", LABELLED), ("b.jsonl", LABELLED), mix={"rows": 20}, seed=1)
    assert result.out.read_bytes() != first


def test_a_mixture_of_a_mixture_keeps_both_sources(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"text": "a", "label": "x", "_source": "old.csv"}])
    labelled(tmp_path / "b.jsonl", 1)
    result = mixed(tmp_path, ("a.jsonl", LABELLED), ("b.jsonl", LABELLED))
    assert {row["_source"] for row in read_lines(result.out)} == {"a.jsonl: old.csv", "b.jsonl"}


def test_other_columns_and_layouts_become_those_of_the_first(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [chat("u:Hi", "a:Hello", topic="a")])
    (tmp_path / "b.csv").write_text("instruction,input,output,messages\nAdd,1 and 1,2,note\n")
    alpaca = {"row_schema": "alpaca"}
    result = mixed(tmp_path, ("a.jsonl", MESSAGES), ("b.csv", alpaca))
    rows = {row["_source"]: row for row in read_lines(result.out)}
    assert rows["a.jsonl"]["topic"] == "a"
    second = rows["b.csv"]
    assert turns(second)[0].startswith("u:Add")
    assert turns(second)[1] == "a:2"
    assert second["messages_extra"] == "note"
    other = mixed(tmp_path, ("a.jsonl", MESSAGES), ("b.csv", alpaca), to="alpaca", out="m.csv")
    assert (other.schema, other.rows) == ("alpaca", 2)


def test_what_cannot_be_converted_is_listed_or_refused(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [{"instruction": "a", "output": "b"}] * 3)
    many = chat("u:1", "a:2", "u:3", "a:4")
    many["messages"][1]["tool_calls"] = [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    write_lines(tmp_path / "b.jsonl", [chat("u:Hi", "a:Hello"), many])
    alpaca = {"row_schema": "alpaca"}
    result = mixed(tmp_path, ("a.jsonl", alpaca), ("b.jsonl", MESSAGES))
    assert [part["rejected"] for part in result.sets] == [0, 1]
    assert result.rejected is not None
    assert read_lines(result.rejected)[0]["reason"] == "cannot_hold"
    write_lines(tmp_path / "b.jsonl", [many])
    with pytest.raises(DataError, match="no row of this data set"):
        mixed(tmp_path, ("a.jsonl", alpaca), ("b.jsonl", MESSAGES), out="other.jsonl")
    assert not (tmp_path / "other.jsonl").exists()


def test_wrong_mixtures_are_refused(tmp_path: Path) -> None:
    labelled(tmp_path / "a.jsonl", 3)
    labelled(tmp_path / "b.jsonl", 3)
    a, b = ("a.jsonl", LABELLED), ("b.jsonl", LABELLED)
    with pytest.raises(ConfigError, match="several data sets"):
        mixed(tmp_path, a)
    with pytest.raises(ConfigError, match="named twice"):
        mixed(tmp_path, a, a)
    with pytest.raises(ConfigError, match="3 weights for 2"):
        mixed(tmp_path, a, b, mix={"sampling": "fixed", "weights": [1, 1, 1]})
    with pytest.raises(ConfigError, match="never touched"):
        mixed(tmp_path, a, b, out="b.jsonl")
    with pytest.raises(ConfigError, match="format"):
        mixed(tmp_path, a, b, out="mixed")
