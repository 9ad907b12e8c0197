"""Opening a data file so that the operating system's refusals become errors with a fix.

A byte that an encoding does not know is read as a lone surrogate (`values.BAD_BYTE`), which no
valid text holds: readers pass it on, and `read_examples` rejects the one row that it stands in.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO, cast

from tunewright.core.errors import DataError
from tunewright.data.paths import DataFile

_MARK_BAD_BYTES = "tunewright.mark_bad_bytes"


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
    """Open a file to read its bytes.

    Raises:
        DataError: when the operating system refuses, while opening or while reading.
    """
    try:
        with file.path.open("rb") as stream:
            yield cast(BinaryIO, stream)
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
        with file.path.open(encoding=encoding, errors=_MARK_BAD_BYTES, newline=newline) as stream:
            yield stream
    except OSError as problem:
        raise _refused(problem, file) from problem
    except UnicodeError as problem:
        raise DataError(
            f"the file cannot be read as {encoding}",
            file=file.name,
            found=str(problem),
            fix="set `encoding:` to the file's own encoding, or remove it to let us find it",
        ) from problem


def _refused(problem: OSError, file: DataFile) -> DataError:
    return DataError(
        "the file cannot be read",
        file=file.name,
        found=problem.strerror or str(problem),
        fix="check that the file exists, is readable and is not open elsewhere",
    )
