from __future__ import annotations

import gzip
import io
import pickle
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.binary import refuse_binary, refuse_nul_bytes
from tunewright.data.paths import DataFile

Write = Callable[..., Path]


def zipped(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "content")  # dated 1980: the same bytes always
    return stream.getvalue()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def database(folder: Path) -> bytes:
    path = folder / "real.db"
    connection = sqlite3.connect(path)
    connection.execute("create table t (text)")
    connection.commit()
    connection.close()
    return path.read_bytes()


def refusal(write: Write, content: bytes, name: str = "train.csv") -> DataError:
    path = write(name, content)
    with pytest.raises(DataError, match="the file is not text") as caught:
        refuse_binary(DataFile(path=path, name=name))
    assert caught.value.file == name
    assert "CSV" in str(caught.value.expected)
    return caught.value


@pytest.mark.parametrize(
    ("content", "found", "fix"),
    [
        (zipped("xl/workbook.xml"), "Excel", "save it as CSV"),
        (zipped("[Content_Types].xml"), "Excel", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel", "save it as CSV"),
        (zipped("train.csv"), "a zip archive", "unpack it first"),
        (packed(packed(b"text,label\n")), "a gzip archive inside", "unpack it once"),
        (b"BZh91AY&SY", "a bzip2 archive", "pack it with gzip"),
        (b"\xfd7zXZ\x00", "an xz archive", "pack it with gzip"),
        (b"\x28\xb5\x2f\xfd", "a zstandard archive", "pack it with gzip"),
        (packed(b"name" + bytes(253) + b"ustar\x00"), "a tar archive", "unpack it first"),
        (b"%PDF-1.7\n", "a PDF document", "copy its table"),
        (b"PAR1\x15\x04", "a Parquet file", "format: parquet"),
        (b"\x89PNG\r\n\x1a\n", "an image", "text rows"),
    ],
    ids=[
        *("xlsx", "xlsx types", "xls", "zip", "gzip", "bzip2", "xz", "zstd", "tar", "pdf"),
        *("parquet", "png"),
    ],
)
def test_known_files_are_named_with_a_fix(
    write: Write, content: bytes, found: str, fix: str
) -> None:
    error = refusal(write, content)
    assert found in str(error.found)
    assert fix in str(error.fix)


def test_a_database_is_named(write: Write, tmp_path: Path) -> None:
    assert refusal(write, database(tmp_path)).found == "an SQLite database"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused_by_its_first_bytes(write: Write, protocol: int) -> None:
    error = refusal(write, pickle.dumps({"text": ["a"]}, protocol=protocol))
    assert "can run code" in str(error.found)
    assert "CSV or JSON Lines" in str(error.fix)


@pytest.mark.parametrize("suffix", [".pkl", ".PICKLE", ".joblib", ".pt", ".npz"])
def test_a_pickle_is_refused_by_its_name_without_being_opened(tmp_path: Path, suffix: str) -> None:
    missing = DataFile(path=tmp_path / f"train{suffix}", name=f"train{suffix}")
    with pytest.raises(DataError, match="the file is not text"):
        refuse_binary(missing)


@pytest.mark.parametrize("content", [b"text,label\n", b"", b"PK is a text", b"MZ,x", "ü".encode()])
def test_text_passes(write: Write, content: bytes) -> None:
    refuse_binary(DataFile(path=write("t.csv", content), name="t.csv"))


def test_many_nul_bytes_are_refused_and_a_few_are_not(tmp_path: Path) -> None:
    file = DataFile(path=tmp_path, name="t.csv")
    refuse_nul_bytes(file, b"")
    refuse_nul_bytes(file, b"text" * 25 + b"\0")
    with pytest.raises(DataError, match=r"t\.csv: the file is not text") as caught:
        refuse_nul_bytes(file, "text,label".encode("utf-16-le"))
    assert caught.value.found == "10 NUL bytes among the first 20 bytes"
    assert "utf-16-le" in str(caught.value.fix)
