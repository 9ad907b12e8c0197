from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.core.errors import DataError
from tunewright.data.formats import open_reader
from tunewright.data.paths import resolve_paths
from tunewright.data.readers.base import Reader, ReadOptions

Write = Callable[..., Path]

LINES = '{"text": "a"}\n{"text": "b"}\n'
LIST = '[{"text": "a"}, {"text": "b"}]'
PRETTY = '[\n  {\n    "text": "a"\n  }\n]\n'
WRAPPED = '{"data": [{"text": "a"}]}'


def opened(folder: Path, written: str, format_name: str = "auto") -> Reader:
    return open_reader(resolve_paths(written, folder)[0].files[0], format_name, ReadOptions())


@pytest.mark.parametrize(
    ("name", "content", "expected", "said"),
    [
        ("t.csv", "text\na\n", "csv", False),
        ("t.CSV", "text\na\n", "csv", False),
        ("t.tsv", "text\na\n", "tsv", False),
        ("t.jsonl", LINES, "jsonl", False),
        ("t.ndjson", LINES, "jsonl", False),
        ("t.json", LIST, "json", False),
        ("t.json", PRETTY, "json", False),
        ("t.json", WRAPPED, "json", False),
        ("t.json", LINES, "jsonl", True),
        ("t.jsonl", LIST, "json", True),
        ("t.jsonl", PRETTY, "json", True),
        ("t.jsonl", '{"text": "a" bad}\n' + LINES, "jsonl", False),
        ("t.jsonl", '["a"]\n["b"]\n', "jsonl", False),
        ("t.jsonl", '{\n  "text": ["a"]\n}\n', "json", True),
        ("t.jsonl", '{"text": "a"}\n\n{"text": "b"}\n', "jsonl", False),
        ("t.json", '{"text": "a"}\r{"text": "b"}\r', "jsonl", True),
        ("t.txt", "one\ntwo\n", "text", False),
        ("t.txt", "one;a\ntwo;b\n", "csv", True),
        ("t.data", "text,label\na,b\n", "csv", True),
        ("t.data", LINES, "jsonl", True),
        ("t.data", WRAPPED + "\n", "jsonl", True),
        ("t.data", PRETTY, "json", True),
        ("t", "one\ntwo\n", "text", True),
    ],
)
def test_formats_are_told_by_name_and_content(
    tmp_path: Path, write: Write, name: str, content: str, expected: str, said: bool
) -> None:
    write(name, content)
    reader = opened(tmp_path, name)
    assert reader.details["format"] == expected
    assert next(iter(reader.details)) == "format"
    explained = [text for text in reader.assumptions if f"'{name}' is read as {expected}" in text]
    assert bool(explained) is said


def test_parquet_is_known_by_its_content(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "train")
    assert opened(tmp_path, "train").details["format"] == "parquet"


def test_what_was_asked_for_is_used(tmp_path: Path, write: Write) -> None:
    write("t.csv", LINES)
    assert opened(tmp_path, "t.csv", "jsonl").details["format"] == "jsonl"


def test_two_files_are_plain_text(tmp_path: Path, write: Write) -> None:
    write("x.csv", "a,b\n")
    write("y.csv", "c,d\n")
    assert opened(tmp_path, "x.csv+y.csv").details["format"] == "text"
    with pytest.raises(DataError, match="plain text") as caught:
        opened(tmp_path, "x.csv+y.csv", "csv")
    error = caught.value
    assert (error.file, error.found) == ("x.csv", "`format: csv`")
    assert error.fix


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("t.xlsx", b"PK\x03\x04....xl/workbook.xml", "Excel"),
        ("t.json", b"\x80\x04\x95", "a pickle"),
        ("t.pkl", b"", "a pickle"),
        ("t.csv.bz2", b"BZh91AY&SY", "a bzip2 archive"),
    ],
)
def test_binary_files_are_refused(
    tmp_path: Path, write: Write, name: str, content: bytes, found: str
) -> None:
    write(name, content)
    with pytest.raises(DataError, match="not text") as caught:
        opened(tmp_path, name)
    assert found in str(caught.value.found)
    assert caught.value.fix
