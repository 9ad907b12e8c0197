"""Files that are no text: named for what they are, with what to do instead."""

from __future__ import annotations

import re

from tunewright.core.errors import DataError
from tunewright.data.opening import open_bytes
from tunewright.data.paths import DataFile

_START_BYTES = 4096
_NUL_SHARE = 0.1
_CONTROL_SHARE = 0.03
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
"""Bytes that stand in no text; escape (1b) does in Japanese encodings and coloured logs."""

_SAVE_AS_CSV = "open it where it was made and save it as CSV (UTF-8)"
_UNPACK = "unpack it first and name the file inside, or pack it with gzip, which is read as it is"
_UNPACK_TWICE = "unpack it once and name what comes out"
_UNPACK_ALL = "unpack it first and name the files inside"
_PICKLE = "a pickle, which can run code when it is opened"
_PICKLE_FIX = "where you trust it, load it yourself and save the table as CSV or JSON Lines"

_NEVER_OPENED = {".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".ckpt", ".npy", ".npz"}
"""Suffixes of files that hold pickles; they are refused by name, before anything is read."""

_SPREADSHEET = re.compile(rb"PK\x03\x04.*(?:xl/|\[Content_Types\]|opendocument)", re.DOTALL)

_KINDS: list[tuple[re.Pattern[bytes], str, str]] = [
    (re.compile(rb"\x80[\x02-\x05]"), _PICKLE, _PICKLE_FIX),
    (_SPREADSHEET, "an Excel or other spreadsheet file", _SAVE_AS_CSV),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an old Excel or Word file", _SAVE_AS_CSV),
    (re.compile(rb"PK\x03\x04"), "a zip archive", _UNPACK),
    (re.compile(rb"\x1f\x8b"), "a gzip archive inside a gzip archive", _UNPACK_TWICE),
    (re.compile(rb".{257}ustar", re.DOTALL), "a tar archive", _UNPACK_ALL),
    (re.compile(rb"BZh\d1AY&SY"), "a bzip2 archive", _UNPACK),
    (re.compile(rb"\xfd7zXZ\x00"), "an xz archive", _UNPACK),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "a zstandard archive", _UNPACK),
    (re.compile(rb"7z\xbc\xaf"), "a 7-zip archive", _UNPACK),
    (re.compile(rb"%PDF-"), "a PDF document", "copy its table into a CSV file"),
    (re.compile(rb"SQLite format 3\x00"), "an SQLite database", "export the table as CSV"),
    (re.compile(rb"PAR1"), "a Parquet file", "set `format: parquet`, or name it '*.parquet'"),
    (re.compile(rb"ARROW1"), "an Arrow file", "set `format: arrow`, or name it '*.arrow'"),
    (re.compile(rb"\x89HDF"), "an HDF5 file", "save the table as Parquet or CSV"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8[79]a"), "an image", "name a file with text rows"),
    (re.compile(rb"\x7fELF|MZ\x90\x00"), "a program", "name a file with text rows"),
]


def refuse_pickle(file: DataFile) -> None:
    """Refuse a file whose name says that it holds a pickle, without opening it.

    Raises:
        DataError: naming the file and what to do instead.
    """
    if file.suffix in _NEVER_OPENED:
        raise _refusal(file, _PICKLE, _PICKLE_FIX)


def refuse_binary(file: DataFile) -> None:
    """Refuse a file whose first bytes show that it is no text.

    Raises:
        DataError: naming the file, what it is, and what to do instead.
    """
    refuse_pickle(file)
    with open_bytes(file) as stream:
        start = stream.read(_START_BYTES)
    for pattern, what, fix in _KINDS:
        if pattern.match(start):
            raise _refusal(file, what, fix)


def refuse_nul_bytes(file: DataFile, start: bytes) -> None:
    """Refuse a file with many NUL or other control bytes at its start.

    A few are left to damage one row, and in a short file so are the others.

    Raises:
        DataError: naming the file and what it may be.
    """
    nul_bytes = start.count(0)
    others = len(_CONTROL.findall(start)) if len(start) >= _START_BYTES else 0
    if others > _CONTROL_SHARE * len(start) and nul_bytes <= _NUL_SHARE * len(start):
        raise _refusal(
            file,
            f"{others:,} control characters among the first {len(start):,} bytes",
            _SAVE_AS_CSV,
        )
    if nul_bytes > _NUL_SHARE * len(start):
        raise DataError(
            "the file is not text",
            file=file.name,
            found=f"{nul_bytes:,} NUL bytes among the first {len(start):,} bytes",
            expected="a text file (CSV, TSV, JSON, JSON Lines, plain text) or a Parquet file",
            fix="if it is UTF-16 text, set `encoding: utf-16-le`; else save the table as CSV",
        )


def _refusal(file: DataFile, what: str, fix: str) -> DataError:
    return DataError(
        "the file is not text",
        file=file.name,
        found=what,
        expected="a text file (CSV, TSV, JSON, JSON Lines, plain text) or a Parquet file",
        fix=fix,
    )
