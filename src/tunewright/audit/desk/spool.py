"""What a scan remembers of each row, on disk: hashes, sketches and texts, in reading order.

The folder is removed when the scan is over. Files are read by `seek` and `read`, never mapped, so
that memory stays the same for files of any size and on every system.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from tunewright.audit.desk.sketch import BANDS, HASHES, SKETCH
from tunewright.core.files import writing

HASH_FIELDS = (
    "question",
    "written",
    "answer",
    "whole",
    "asked",
    "target",
    "group",
    "template",
    "question_start",
    "question_end",
    "answer_start",
    "answer_end",
)
ROW = np.dtype(
    [
        ("used", "u1"),
        ("split", "u1"),
        ("file", "<u2"),
        ("row", "<u4"),
        ("line", "<u4"),
        ("characters", "<u4"),
        ("question_bytes", "<u4"),
        ("answer_bytes", "<u4"),
        ("text_at", "<u8"),
        *((name, "<u8") for name in HASH_FIELDS),
    ]
)
"""Of one row read. `used` is 0 for a rejected row; `line` is 0 where the format has none;
`characters` are those of the normalised question; a hash of 0 means that there is nothing.

- `question`, `answer`: normalised; `written`: the question as it stands.
- `whole`: everything that the row teaches.
- `asked` and `target`: rows with equal `asked` and different `target` contradict each other.
- `template`: the question without numbers and names.
- the rest: the first and the last sentence of question and answer, as they stand."""

ROW_FORMAT = "<BBHIIIIIQ" + "Q" * len(HASH_FIELDS)
"""The same for `struct`."""

_SIGNATURE = np.dtype(("u1", (HASHES,)))

CHUNK_ROWS = 1 << 15
_DENSE = 512
"""So many records of a chunk are read more quickly with all of it."""
_PARTITION_ROWS = 1 << 19


_FILES = ("rows.bin", "signatures.bin", "texts.bin", *(f"band-{n}.bin" for n in range(BANDS)))


class Spool:
    """The rows of a scan on disk.

    Args:
        folder: a new folder of its own, made here and removed by `close`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.files: list[str] = []
        """Names of the data files; `ROW["file"]` counts in them."""
        self._text_bytes = 0
        self._open = ExitStack()
        with writing(folder):
            folder.mkdir(parents=True)
            opened: list[IO[bytes]] = [
                self._open.enter_context((folder / name).open("wb", buffering=1 << 16))
                for name in _FILES
            ]
        self._rows, self._signatures, self._texts, *self._bands = opened

    def finish(self) -> None:
        """Everything has been added; from here on it is read."""
        with writing(self.folder):
            self._open.close()
        self._open_all()

    def _open_all(self) -> None:
        opened: list[IO[bytes]] = [
            self._open.enter_context((self.folder / name).open("rb", buffering=0))
            for name in _FILES
        ]
        self._rows, self._signatures, self._texts, *self._bands = opened

    @classmethod
    def reading(cls, folder: Path, count: int) -> Spool:
        """A finished spool for another process, which only reads it.

        Args:
            folder: of the spool.
            count: its rows.
        """
        spool = cls.__new__(cls)
        spool.folder, spool.count, spool.files = folder, count, []
        spool._open = ExitStack()
        spool._open_all()
        return spool

    def close(self) -> None:
        """Remove the folder."""
        with suppress(OSError):  # a full disk has been told of already
            self._open.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def append(self, rows: bytes, files: Sequence[str], sketches: bytes, texts: bytes) -> None:
        """Add a block of rows.

        Args:
            rows: ROW [n], with `file` counting in `files` and `text_at` in `texts`.
            files: names of data files.
            sketches: SKETCH [n].
            texts: question and answer of each row.
        """
        found = np.frombuffer(bytearray(rows), dtype=ROW)
        for name in files:
            if name not in self.files:
                self.files.append(name)
        known = np.array([self.files.index(name) for name in files] or [0], dtype=np.uint16)
        found["file"] = known[found["file"]]
        found["text_at"] += np.uint64(self._text_bytes)
        with writing(self.folder):
            self._rows.write(found.tobytes())
            self._texts.write(texts)
            sketched = np.frombuffer(sketches, dtype=SKETCH)
            self._signatures.write(sketched["signature"].tobytes())
            for band, stream in enumerate(self._bands):
                stream.write(sketched["bands"][:, band].tobytes())
        self._text_bytes += len(texts)
        self.count += len(found)

    # -- reading ----------------------------------------------------------------------------------

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """ROW [n] of some rows, in the order asked for."""
        return self._gather(self._rows, ROW, numbers)

    def row(self, number: int) -> np.void:
        """What is known of one row, ROW."""
        self._rows.seek(number * ROW.itemsize)
        found: np.void = np.frombuffer(self._rows.read(ROW.itemsize), dtype=ROW)[0]
        return found

    def signatures(self, numbers: np.ndarray) -> np.ndarray:
        """Signatures of some rows, uint8 [n, HASHES]."""
        return self._gather(self._signatures, _SIGNATURE, numbers)

    def _gather(self, stream: IO[bytes], kind: np.dtype[Any], numbers: np.ndarray) -> np.ndarray:
        """Records by number: a stretch of many is read at once, others one by one."""
        size = kind.itemsize
        found = np.empty(len(numbers), dtype=kind)
        order = np.argsort(numbers, kind="stable")
        chunks = numbers[order] // CHUNK_ROWS
        stops = np.flatnonzero(np.diff(chunks, append=-1)) + 1
        start = 0
        for stop in stops.tolist():
            places = order[start:stop]
            if stop - start < _DENSE:
                for place in places.tolist():
                    stream.seek(int(numbers[place]) * size)
                    found[place] = np.frombuffer(stream.read(size), dtype=kind)[0]
            else:
                first = int(chunks[start]) * CHUNK_ROWS
                stream.seek(first * size)
                content = stream.read(min(CHUNK_ROWS, self.count - first) * size)
                found[places] = np.frombuffer(content, dtype=kind)[numbers[places] - first]
            start = stop
        return found

    def text(self, number: int) -> tuple[str, str]:
        """The question and the answer of a row as they stand; each cut at its first characters."""
        row = self.row(number)
        split = int(row["question_bytes"])
        self._texts.seek(int(row["text_at"]))
        content = self._texts.read(split + int(row["answer_bytes"]))
        question, answer = content[:split], content[split:]
        return question.decode("utf-8", "surrogatepass"), answer.decode("utf-8", "surrogatepass")

    def chunks(self) -> Iterator[tuple[int, np.ndarray]]:
        """All rows in order, some thousand at a time: number of the first, ROW [n]."""
        for first in range(0, self.count, CHUNK_ROWS):
            count = min(CHUNK_ROWS, self.count - first)
            self._rows.seek(first * ROW.itemsize)
            content = self._rows.read(count * ROW.itemsize)
            yield first, np.frombuffer(content, dtype=ROW)

    def band_chunks(self, band: int) -> Iterator[tuple[int, np.ndarray]]:
        """One band of all rows in order: number of the first, uint32 [n]."""
        stream = self._bands[band]
        for first in range(0, self.count, CHUNK_ROWS):
            count = min(CHUNK_ROWS, self.count - first)
            stream.seek(first * 4)
            yield first, np.frombuffer(stream.read(count * 4), dtype="<u4")

    # -- sorting ----------------------------------------------------------------------------------

    def partitions(
        self,
        keys: Iterable[tuple[np.ndarray, np.ndarray]],
        bits: int = 64,
        for_each_row: int = 1,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of key and number, divided by the first bits of the key and sorted in each part.

        Args:
            keys: chunks of (keys, uint [n]; numbers, int64 [n]), in the order of numbers.
            bits: of a key; its first ones say in which part it is sorted.
            for_each_row: about how many keys there are for each row of the scan, at most.

        Yields:
            Sorted keys and their numbers; equal keys are in one part, in the order of numbers.
        """
        parts = -(-self.count * for_each_row // _PARTITION_ROWS)
        held = _Partitions(self.folder, min(bits, max(parts - 1, 0).bit_length()), bits)
        for part_keys, numbers in keys:
            held.add(part_keys, numbers)
        yield from held.sorted()


_PAIR = np.dtype([("key", "<u8"), ("number", "<i8")])
_LOW_WORD = np.uint64((1 << 32) - 1)


class _Partitions:
    """Keys that are divided by their first bits; more than one part are kept on disk."""

    def __init__(self, folder: Path, prefix_bits: int, key_bits: int) -> None:
        self._prefix_bits = prefix_bits
        self._key_bits = key_bits
        self._shift = np.uint64(key_bits - prefix_bits)
        self._memory: list[np.ndarray] = []
        self._paths = [folder / f"part-{n}.bin" for n in range(1 << prefix_bits)]

    def add(self, keys: np.ndarray, numbers: np.ndarray) -> None:
        pairs = np.empty(len(keys), dtype=_PAIR)
        pairs["key"], pairs["number"] = keys, numbers
        if not self._prefix_bits:
            self._memory.append(pairs)
            return
        prefix = pairs["key"] >> self._shift
        for part in np.unique(prefix).tolist():
            with writing(self._paths[part]), self._paths[part].open("ab") as stream:
                stream.write(pairs[prefix == part].tobytes())

    def sorted(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if not self._prefix_bits:
            if self._memory:
                yield self._by_key(np.concatenate(self._memory))
            return
        for path in self._paths:
            if path.exists():
                yield self._by_key(np.fromfile(path, dtype=_PAIR))
                path.unlink()

    def _by_key(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keys and numbers, sorted; both in one word where they fit, which is far quicker."""
        keys, numbers = pairs["key"], pairs["number"]
        if self._key_bits <= 32 and numbers.max(initial=0) < 1 << 32:
            packed = keys << np.uint64(32) | numbers.astype(np.uint64)
            packed.sort()
            return packed >> np.uint64(32), (packed & _LOW_WORD).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        return keys[order], numbers[order]
