"""A file of rows while it is written: in the format that its name says, whole or not at all."""

from __future__ import annotations

import gzip
import os
from array import array
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from hashlib import blake2b
from pathlib import Path, PurePath
from types import TracebackType
from typing import BinaryIO, Self, cast

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import draft_of, writing
from tunewright.data.carried import NotCarriedError, restored_cells
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile
from tunewright.data.plain import canonical, plain
from tunewright.data.readers.base import ReadOptions
from tunewright.data.values import NotTextError, shown
from tunewright.data.writers import WRITERS
from tunewright.data.writers.base import UnwritableError, Writer

_ELSEWHERE = "name another file"


def format_to_write(target: Path) -> str:
    """The name of the format that a file's name asks for.

    Raises:
        ConfigError: when it names none, or one that cannot be compressed as a whole.
    """
    name = target.name.lower()
    packed = name.endswith(".gz")
    suffix = PurePath(name.removesuffix(".gz")).suffix
    for format_name in WRITERS:
        writer = WRITERS.get(format_name)
        if suffix in writer.suffixes:
            if packed and not writer.packs:
                raise ConfigError(
                    f"a {format_name} file is compressed within, not as a whole",
                    file=target,
                    fix=f"name it '{target.name[: -len('.gz')]}'",
                )
            return format_name
    known = [WRITERS.get(name).suffixes[0] for name in WRITERS]
    raise ConfigError(
        "the name does not say in which format to write",
        file=target,
        found=f"the ending '{suffix}'" if suffix else "no ending",
        expected=f"one of {', '.join(known)}; all but Parquet and Arrow also with '.gz'",
        fix=f"name it as in '{PurePath(target.name).stem or 'rows'}.jsonl'",
    )


class RowFile:
    """Writes rows to a draft beside the target, which takes its place when all are written.

    Use it as a context; leaving it by an error leaves nothing behind.

    Args:
        target: the file to be; an older one is replaced.
        verify: whether the draft is read back before it takes the place, and each row compared
            with what was to be written.
    """

    def __init__(self, target: Path, *, verify: bool = False) -> None:
        self.format = format_to_write(target)
        self.rows = 0
        """Rows written so far."""

        self._target = target
        self._draft = draft_of(target)
        self._digests = array("Q") if verify else None
        self._files: list[BinaryIO] = []
        self._writer: Writer | None = None

    def __enter__(self) -> Self:
        with writing(self._target, _ELSEWHERE):
            stream = self._draft.open("wb")
            self._files.append(cast(BinaryIO, stream))
            if self._target.name.lower().endswith(".gz"):
                packed = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0)
                self._files.append(cast(BinaryIO, packed))
            kind = WRITERS.get(self.format)
            self._writer = kind(self._files[-1], self._target.parent)
        return self

    def write(self, values: Mapping[str, object]) -> None:
        """Write one row.

        Raises:
            UnwritableError: when the format cannot hold it; the file goes on without it.
            StudyError: when the disk is full, or the folder may not be written.
        """
        assert self._writer is not None
        row = _plain_row(values)
        with writing(self._target, _ELSEWHERE):
            self._writer.write(row)
        self.rows += 1
        if self._digests is not None:
            self._digests.append(_digest(row))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with writing(self._target, _ELSEWHERE):
                    self._finish()
                self._verify()
                with writing(self._target, _ELSEWHERE):
                    self._draft.replace(self._target)
        finally:
            with suppress(OSError, ValueError):  # a full disk has been told of already
                self._close()
            self._draft.unlink(missing_ok=True)

    def _finish(self) -> None:
        assert self._writer is not None
        self._writer.finish()
        plain_file, *packed = self._files
        for stream in packed:
            stream.close()
        plain_file.flush()
        os.fsync(plain_file.fileno())
        self._close()

    def _close(self) -> None:
        with ExitStack() as stack:  # each of them, whatever the one before it says
            for stream in self._files:
                stack.callback(stream.close)
            if self._writer is not None:
                stack.callback(self._writer.close)

    def _verify(self) -> None:
        """Read the draft back, and compare it with what was to be written."""
        if self._digests is None:
            return
        file = DataFile(path=self._draft, name=self._target.name)
        row = 0
        reader = open_reader(file, self.format, ReadOptions(header=_header(self.format)))
        for row, found in enumerate(reader.records(), start=1):
            if row > len(self._digests) or isinstance(found, Rejected):
                raise self._differs(row)
            try:
                digest = _digest(_plain_row(restored_cells(found.values)))
            except (NotCarriedError, UnwritableError) as problem:
                raise self._differs(row) from problem
            if digest != self._digests[row - 1]:
                raise self._differs(row)
        if row != len(self._digests):
            raise self._differs(row + 1)

    def _differs(self, row: int) -> DataError:
        return DataError(
            f"the rows do not survive as {self.format}: what was written reads back differently",
            file=self._target,
            row=row,
            expected="the same row",
            fix="write them as '.jsonl', which holds every text",
        )


def _header(format_name: str) -> bool | None:
    return True if format_name in ("csv", "tsv") else None


def _plain_row(values: Mapping[str, object]) -> dict[str, object]:
    row = {}
    for name, value in values.items():
        try:
            row[name] = plain(value)
        except NotTextError as problem:
            message = f"the column {shown(name)} holds {problem}, which cannot be written as text"
            raise UnwritableError("not_text", message, name) from problem
    return row


def _digest(row: Mapping[str, object]) -> int:
    content = canonical(row).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")
