"""Data sets of the hub, by local folders that `datasets` reads in the same way, and by a double."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tunewright.core.errors import DataError
from tunewright.data.config import DataConfig
from tunewright.data.formats import open_reader
from tunewright.data.paths import resolve_paths
from tunewright.data.read import read_examples
from tunewright.data.readers.base import Reader, ReadOptions, Record

Write = Callable[..., Path]


def opened(written: str, folder: Path) -> Reader:
    (file,) = resolve_paths(written, folder, allow_network=True)[0].files
    return open_reader(file, "auto", ReadOptions())


class Rows(list[dict[str, Any]]):
    """What a streamed data set looks like."""

    features: dict[str, Any] | None = None
    column_names: list[str] | None = None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Replaces `datasets` by a double; the list holds what was asked of it."""
    calls: list[tuple[Any, ...]] = []
    rows = Rows([{"text": "a", "label": 1, "tags": [0, -1]}, {"text": "b", "label": None}])
    label = SimpleNamespace(names=["ham", "spam"], int2str=lambda value: "")
    rows.features = {"text": None, "label": label, "tags": SimpleNamespace(feature=label)}

    def load_dataset(name: str, config: str | None = None, **options: Any) -> Any:
        calls.append((name, config, options))
        if options["split"] is None:
            return {"train": rows, "test": rows} if name == "a/two" else {"only": rows}
        if name == "a/broken":
            raise ConnectionError("no route\nto the hub")
        return rows

    module = ModuleType("datasets")
    monkeypatch.setattr(module, "load_dataset", load_dataset, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


@pytest.mark.parametrize(
    ("written", "config", "split"),
    [
        ("hub:a/two", None, "train"),
        ("hub:a/one", None, "only"),
        ("hub:a/b:test", None, "test"),
        ("hub:a/b:en:test", "en", "test"),
        ("hub:b:train[:10%]", None, "train[:10%]"),
    ],
)
def test_names_say_what_is_read(
    tmp_path: Path, asked: list[Any], written: str, config: str | None, split: str
) -> None:
    rows = list(opened(written, tmp_path).records())
    assert len(rows) == 2
    name = written.split(":")[1]
    assert asked[-1] == (name, config, {"split": split, "streaming": True})


def test_numbers_of_classes_become_their_names(tmp_path: Path, asked: list[Any]) -> None:
    rows = [r.values for r in opened("hub:a/b:test", tmp_path).records() if isinstance(r, Record)]
    assert rows == [
        {"text": "a", "label": "spam", "tags": ["ham", None]},
        {"text": "b", "label": None},
    ]


def test_which_split_was_taken_is_told(tmp_path: Path, asked: list[Any]) -> None:
    assert "the split 'train' of a/two is read" in opened("hub:a/two", tmp_path).assumptions[0]
    assert opened("hub:a/one", tmp_path).assumptions == []


def test_what_fails_is_told_with_a_fix(tmp_path: Path, asked: list[Any]) -> None:
    with pytest.raises(DataError, match="cannot be read from the hub") as caught:
        opened("hub:a/broken:train", tmp_path)
    assert caught.value.found == "ConnectionError: no route"
    assert caught.value.fix


@pytest.mark.parametrize("written", ["hub:", "hub:a/b/c", "hub:a:b:c:d", "hub:../a"])
def test_other_names_are_refused(tmp_path: Path, asked: list[Any], written: str) -> None:
    with pytest.raises(DataError, match="does not name a data set") as caught:
        opened(written, tmp_path)
    assert "hub:owner/name" in str(caught.value.expected)
    assert asked == []


def test_nothing_is_asked_without_leave(tmp_path: Path, asked: list[Any]) -> None:
    with pytest.raises(DataError, match="the network may not be used") as caught:
        resolve_paths("hub:a/b", tmp_path)
    assert "allow_network" in str(caught.value.fix)
    assert asked == []


def test_without_the_library_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match="need the `datasets` library"):
        opened("hub:a/b:train", tmp_path)


def test_a_local_folder_through_the_real_library(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    write("own/train.jsonl", '{"text": "a", "n": 1}\n{"text": "b", "n": 2}\n')
    rows = [r.values for r in opened("hub:own", tmp_path).records() if isinstance(r, Record)]
    assert rows == [{"text": "a", "n": 1}, {"text": "b", "n": 2}]


def test_examples_are_read_with_leave(tmp_path: Path, asked: list[Any]) -> None:
    config = DataConfig(train="hub:a/b:test", text="text", label="label")
    result = read_examples(config, config.train, "train", tmp_path, 0, allow_network=True)
    assert [(e.inputs["text"], e.target) for e in result.examples] == [("a", "spam")]
    assert [row.reason for row in result.rejected] == ["missing_label"]
    with pytest.raises(DataError, match="the network may not be used"):
        read_examples(config, config.train, "train", tmp_path, 0)
