"""Opening a data file so that the operating system's refusals become errors with a fix.

A byte that an encoding does not know is read as a lone surrogate (`values.BAD_BYTE`), which no
valid text holds: readers pass it on, and `read_examples` rejects the one row that it stands in.

A gzip archive, whatever its name, is unpacked while it is read. Not more than a text can shrink to
is unpacked, so that a small file made to fill the memory or the disk does neither.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from tunewright.core.errors import DataError
from tunewright.data.paths import DataFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MARK_BAD_BYTES = "tunewright.mark_bad_bytes"
_GZIP = b"\x1f\x8b"
_FREE_BYTES = 1 << 28
"""So much is unpacked of any archive, however small it is."""
_MOST_TIMES = 200
"""And beyond that so many times its size; text shrinks to a tenth, templates to a fiftieth."""


def mark_bad_bytes(problem: UnicodeError) -> tuple[str, int]:
    """Codec error handler: like `surrogateescape`, but also for bytes below 128 (UTF-16)."""
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    bad = problem.object[problem.start : problem.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), problem.end


codecs.register_error(_MARK_BAD_BYTES, mark_bad_bytes)


def decode(content: bytes, encoding: str) -> str:
    """Decode bytes, marking those that the encoding does not know."""
    return content.decode(encoding, _MARK_BAD_BYTES)


@contextmanager
def open_bytes(file: DataFile) -> Iterator[BinaryIO]:
    """Open a file to read its bytes; those inside, where it is a gzip archive.

    Raises:
        DataError: when the operating system refuses, or an archive is damaged or a bomb, while
            opening or while reading.
    """
    try:
        with file.path.open("rb") as stream:
            if stream.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
                yield cast(BinaryIO, stream)
                return
            with io.BufferedReader(_Unpacked(stream, file), io.DEFAULT_BUFFER_SIZE) as unpacked:
                yield cast(BinaryIO, unpacked)
    except OSError as problem:
        raise _refused(problem, file) from problem


@contextmanager
def open_text(file: DataFile, encoding: str, *, newline: str | None) -> Iterator[TextIO]:
    """Open a file to read it as text, with bad bytes marked.

    Args:
        file: the file.
        encoding: a codec that Python knows.
        newline: as for `open`; '' keeps every line end as it is.

    Raises:
        DataError: when the operating system refuses, or the codec gives up.
    """
    try:
        with (
            open_bytes(file) as stream,
            io.TextIOWrapper(
                stream, encoding=encoding, errors=_MARK_BAD_BYTES, newline=newline
            ) as text,
        ):
            yield text
    except UnicodeError as problem:
        raise DataError(
            f"the file cannot be read as {encoding}",
            file=file.name,
            found=str(problem),
            fix="set `encoding:` to the file's own encoding, or remove it to let us find it",
        ) from problem


def refuse_packed(file: DataFile, kind: str) -> None:
    """Refuse a gzip archive of a format that has to be read out of order.

    Raises:
        DataError: naming the file and what to do instead.
    """
    try:
        with file.path.open("rb") as stream:
            packed = stream.read(len(_GZIP)) == _GZIP
    except OSError as problem:
        raise _refused(problem, file) from problem
    if packed:
        raise DataError(
            f"{kind} cannot be read out of a gzip archive",
            file=file.name,
            found="a gzip archive",
            expected="the file itself, which is compressed within",
            fix=f"unpack it first: `gunzip {file.name}`",
        )


class _Unpacked(io.RawIOBase):
    """The bytes in a gzip archive, as many as one may expect of it."""

    def __init__(self, packed: BinaryIO | io.BufferedReader, file: DataFile) -> None:
        self._archive = gzip.GzipFile(fileobj=packed, mode="rb")
        self._file = file
        self._packed_bytes = os.fstat(packed.fileno()).st_size
        self._most = max(_FREE_BYTES, _MOST_TIMES * self._packed_bytes)
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        into = memoryview(buffer).cast("B")
        try:
            content = self._archive.read(len(into))
        except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
            raise DataError(
                "the gzip archive is damaged or not complete",
                file=self._file.name,
                found=str(problem),
                expected="an archive that `gzip -t` finds no fault with",
                fix="fetch or make it again",
            ) from problem
        into[: len(content)] = content
        self._done += len(content)
        if self._done > self._most:
            raise self._bomb()
        return len(content)

    def _bomb(self) -> DataError:
        return DataError(
            "the gzip archive unpacks to far more than a text would",
            file=self._file.name,
            found=f"more than {self._most:,} bytes out of {self._packed_bytes:,}",
            expected=f"at most {_MOST_TIMES} times the size of the archive",
            fix="where it is what it should be, unpack it yourself and name the file inside",
        )


def _refused(problem: OSError, file: DataFile) -> DataError:
    return DataError(
        "the file cannot be read",
        file=file.name,
        found=problem.strerror or str(problem),
        fix="check that the file exists, is readable and is not open elsewhere",
    )
