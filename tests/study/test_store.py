"""The store: an entry is whole or not there, and is computed once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewright.core.errors import StudyError
from tunewright.core.hashing import hash_value
from tunewright.study import store as store_module
from tunewright.study.store import Draft, Store

ORIGIN: dict[str, Any] = {"model": "m", "depth": 3}
OTHER: dict[str, Any] = {"model": "m", "depth": 4}
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def folder_of(store: Store, origin: dict[str, Any]) -> Path:
    """Where an entry of the kind `states` lies."""
    return store.root / "states" / hash_value(origin)


def build(draft: Draft) -> None:
    draft.create("values", VALUES.shape, np.float32)[:] = VALUES
    draft.save("rows", np.arange(3))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_an_entry_is_built_once_and_read_back_without_copying(store: Store) -> None:
    calls = []

    def counting(draft: Draft) -> None:
        calls.append(1)
        build(draft)

    for _ in range(2):
        entry = store.get("states", ORIGIN, counting)
    assert calls == [1]
    values = entry.array("values")
    assert isinstance(values, np.memmap)
    assert not values.flags.writeable
    np.testing.assert_array_equal(values, VALUES)
    np.testing.assert_array_equal(entry.array("rows"), [0, 1, 2])
    meta = json.loads((folder_of(store, ORIGIN) / "meta.json").read_text())
    assert meta["made_from"] == ORIGIN


def test_the_key_is_what_it_was_made_from(store: Store) -> None:
    store.get("states", ORIGIN, build)
    assert store.has("states", {"depth": 3, "model": "m"})
    assert not store.has("states", OTHER)
    assert not store.has("vectors", ORIGIN)
    with pytest.raises(StudyError, match="missing or damaged"):
        store.entry("states", OTHER)


def test_a_failed_build_leaves_nothing(store: Store) -> None:
    def failing(draft: Draft) -> None:
        build(draft)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        store.get("states", ORIGIN, failing)
    assert not store.has("states", ORIGIN)
    assert list(store.root.glob("*/*")) == []
    np.testing.assert_array_equal(store.get("states", ORIGIN, build).array("values"), VALUES)


def test_a_killed_writer_leaves_only_a_draft(store: Store) -> None:
    """A process that is killed while it fills an entry, as `kill -9` does it."""
    code = (
        "import os, signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from tunewright.study.store import Store\n"
        "def build(draft):\n"
        "    draft.save('values', np.ones(3))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Store(Path(sys.argv[1])).get('states', {ORIGIN!r}, build)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(store.root)], check=False)
    assert ended.returncode == -9
    drafts = list((store.root / "states").iterdir())
    assert [path.name.startswith(".") for path in drafts] == [True]
    assert not store.has("states", ORIGIN)
    store.clear_drafts()
    assert list((store.root / "states").iterdir()) == []
    np.testing.assert_array_equal(store.get("states", ORIGIN, build).array("values"), VALUES)


def test_clearing_drafts_keeps_finished_entries(store: Store) -> None:
    store.get("states", ORIGIN, build)
    store.clear_drafts()
    assert store.has("states", ORIGIN)


def _cut_array(folder: Path) -> None:
    path = folder / "values.npy"
    path.write_bytes(path.read_bytes()[:-5])


def _lose_array(folder: Path) -> None:
    (folder / "rows.npy").unlink()


def _cut_meta(folder: Path) -> None:
    (folder / "meta.json").write_text('{"made_from": {"mod')


def _empty_meta(folder: Path) -> None:
    (folder / "meta.json").write_text("")


def _lose_meta(folder: Path) -> None:
    (folder / "meta.json").unlink()


@pytest.mark.parametrize(
    "damage",
    [_cut_array, _lose_array, _cut_meta, _empty_meta, _lose_meta],
    ids=lambda f: f.__name__,
)
def test_a_damaged_entry_is_made_anew(store: Store, damage: Any) -> None:
    store.get("states", ORIGIN, build)
    damage(folder_of(store, ORIGIN))
    assert not store.has("states", ORIGIN)
    with pytest.raises(StudyError, match="missing or damaged") as caught:
        store.entry("states", ORIGIN)
    assert caught.value.exit_code == 5
    assert "computed anew" in str(caught.value.fix)
    entry = store.get("states", ORIGIN, build)
    np.testing.assert_array_equal(entry.array("values"), VALUES)
    np.testing.assert_array_equal(entry.array("rows"), [0, 1, 2])


def test_several_entries_are_built_in_one_pass(store: Store) -> None:
    def fill(drafts: list[Draft]) -> None:
        for number, draft in enumerate(drafts):
            draft.save("values", np.full(2, number))

    store.build_missing([("states", ORIGIN), ("vectors", OTHER)], fill)
    np.testing.assert_array_equal(store.entry("states", ORIGIN).array("values"), [0, 0])
    np.testing.assert_array_equal(store.entry("vectors", OTHER).array("values"), [1, 1])


def test_only_what_is_missing_is_built(store: Store) -> None:
    store.get("states", ORIGIN, build)
    before = (folder_of(store, ORIGIN) / "meta.json").stat().st_mtime_ns
    drafted = []

    def fill(drafts: list[Draft]) -> None:
        drafted.append(len(drafts))
        drafts[0].save("values", np.full(2, 7))

    store.build_missing([("states", ORIGIN), ("states", OTHER)], fill)
    store.build_missing([("states", ORIGIN), ("states", OTHER)], fill)
    assert drafted == [1]
    np.testing.assert_array_equal(store.entry("states", ORIGIN).array("values"), VALUES)
    np.testing.assert_array_equal(store.entry("states", OTHER).array("values"), [7, 7])
    assert (folder_of(store, ORIGIN) / "meta.json").stat().st_mtime_ns == before


def test_a_failed_pass_leaves_none_of_its_entries(store: Store) -> None:
    def fill(drafts: list[Draft]) -> None:
        drafts[0].save("values", VALUES)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.build_missing([("states", ORIGIN), ("states", OTHER)], fill)
    assert not store.has("states", ORIGIN)
    assert list(store.root.glob("*/*")) == []


def test_arrays_hold_numbers_only(store: Store) -> None:
    """An array of Python objects would have to be pickled."""

    def objects(draft: Draft) -> None:
        draft.save("values", np.array([{"a": 1}], dtype=object))

    with pytest.raises(ValueError, match="pickle"):
        store.get("states", ORIGIN, objects)
    assert not store.has("states", ORIGIN)


def test_too_little_room_is_said_before_anything_is_computed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "free_bytes", lambda path: 600_000_000)
    called: list[int] = []
    with pytest.raises(StudyError, match="the disk is too small") as caught:
        store.build_missing([("states", ORIGIN)], lambda drafts: called.append(1), 200_000_000)
    assert called == []
    assert (caught.value.found, caught.value.expected) == ("600.0 MB free", "700.0 MB")
    assert "store: false" in str(caught.value.fix)
    store.build_missing([("states", ORIGIN)], lambda drafts: build(drafts[0]), 50_000_000)
    assert store.has("states", ORIGIN)
