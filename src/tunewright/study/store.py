"""Content-addressed arrays: computed once, memory-mapped ever after.

An entry is a folder `store/<kind>/<key>/` of `.npy` files and a `meta.json`. Its key is the hash of
everything it was made from, so an entry is never out of date; it appears in one step when it is
whole, so a killed writer leaves nothing behind that could be read. What a failing disk has cut
short since does not count as an entry: it is made anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.errors import StudyError
from tunewright.core.files import (
    drafted_folder,
    free_bytes,
    remove_drafts,
    write_json,
    writing,
)
from tunewright.core.hashing import hash_value
from tunewright.core.units import format_bytes

_META = "meta.json"
_KEEP_FREE_BYTES = 500_000_000


class Draft:
    """An entry that is being filled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """A new memory-mapped array of the entry, to be filled in place."""
        path = self._folder / f"{name}.npy"
        return np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)

    def save(self, name: str, values: np.ndarray) -> None:
        """Write a whole array of the entry."""
        np.save(self._folder / f"{name}.npy", values, allow_pickle=False)


class Entry:
    """A finished entry."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def array(self, name: str) -> np.ndarray:
        """One of its arrays, memory-mapped and read-only."""
        path = self._folder / f"{name}.npy"
        values: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return values


class Store:
    """The arrays of a study."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, kind: str, made_from: dict[str, Any], build: Callable[[Draft], None]) -> Entry:
        """The entry of `kind` made from these values, built first when it is not there yet.

        Args:
            kind: such as `tokens` or `states`.
            made_from: plain values that together decide every number of the entry.
            build: fills a draft.
        """
        self.build_missing([(kind, made_from)], lambda drafts: build(drafts[0]))
        return self.entry(kind, made_from)

    def entry(self, kind: str, made_from: dict[str, Any]) -> Entry:
        """An entry that has been built.

        Raises:
            StudyError: when it has not, or is not whole any more.
        """
        if not self.has(kind, made_from):
            raise StudyError(
                "an entry of the store is missing or damaged",
                file=self._folder(kind, made_from),
                fix="run the same command again: it is computed anew",
            )
        return Entry(self._folder(kind, made_from))

    def build_missing(
        self,
        wanted: list[tuple[str, dict[str, Any]]],
        build: Callable[[list[Draft]], None],
        expected_bytes: int = 0,
    ) -> None:
        """Build several entries in one go, so that one pass over the data can fill them all.

        Args:
            wanted: kind and origin of each; those that are there already must be left out.
            build: fills the drafts, which come in the order of `wanted`.
            expected_bytes: size of the arrays to come; the disk must hold them.

        Raises:
            StudyError: when the disk is too small or cannot be written.
        """
        missing = [item for item in wanted if not self.has(*item)]
        if not missing:
            return
        self._check_room(expected_bytes)
        for item in missing:
            _remove(self._folder(*item))  # what is left of a damaged entry
        with ExitStack() as stack:
            folders = [stack.enter_context(drafted_folder(self._folder(*item))) for item in missing]
            build([Draft(folder) for folder in folders])
            for folder, (_, made_from) in zip(folders, missing, strict=True):
                sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
                write_json(folder / _META, {"made_from": made_from, "bytes": sizes})

    def has(self, kind: str, made_from: dict[str, Any]) -> bool:
        """Whether the entry is there, with every file as long as it was made."""
        folder = self._folder(kind, made_from)
        try:
            sizes = json.loads((folder / _META).read_text(encoding="utf-8"))["bytes"]
            return all((folder / name).stat().st_size == size for name, size in sizes.items())
        except (OSError, ValueError, KeyError):
            return False

    def clear_drafts(self) -> None:
        """Remove what killed writers have left. Only the one running worker may call this."""
        remove_drafts(self.root)

    def _folder(self, kind: str, made_from: dict[str, Any]) -> Path:
        return self.root / kind / hash_value(made_from)

    def _check_room(self, expected_bytes: int) -> None:
        free = free_bytes(self.root)
        if expected_bytes and free is not None and expected_bytes + _KEEP_FREE_BYTES > free:
            raise StudyError(
                "the disk is too small for the stored activations",
                file=self.root,
                found=f"{format_bytes(free)} free",
                expected=f"{format_bytes(expected_bytes + _KEEP_FREE_BYTES)}",
                fix="free some space, or set `store: false` in tunewright.yaml",
            )


def _remove(folder: Path) -> None:
    with writing(folder):
        if folder.exists():
            shutil.rmtree(folder)
