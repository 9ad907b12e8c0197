"""Archives are unpacked while they are read, and no further than a text goes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data import opening
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import ReadOptions, Record

Write = Callable[..., Path]

CONTENTS = {
    "t.csv": ("csv", "text,label\na,b\n"),
    "t.tsv": ("tsv", "text\tlabel\na\tb\n"),
    "t.json": ("json", '[{"text": "a", "label": "b"}]'),
    "t.jsonl": ("jsonl", '{"text": "a", "label": "b"}\n'),
    "t.txt": ("text", "a\n"),
    "t.conll": ("conll", "a\tO\n\nb\tB-x\n"),
}


def packed(write: Write, name: str, content: str | bytes) -> DataFile:
    data = content if isinstance(content, bytes) else content.encode()
    return DataFile(path=write(name, gzip.compress(data, mtime=0)), name=name)


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("end", [".gz", ".GZ", ""])
def test_an_archive_is_read_as_what_is_inside(write: Write, name: str, end: str) -> None:
    expected, content = CONTENTS[name]
    plain = DataFile(path=write(name, content), name=name)
    rows = list(open_reader(plain, "auto", ReadOptions()).records())
    reader = open_reader(packed(write, f"p_{name}{end}", content), "auto", ReadOptions())
    assert reader.details["format"] == expected
    assert reader.assumptions == [] or expected == "csv"
    found = list(reader.records())
    assert all(isinstance(row, Record) for row in found)
    assert [row.values for row in found] == [row.values for row in rows]  # type: ignore[union-attr]


def test_an_archive_that_was_cut_off_is_told(write: Write) -> None:
    whole = gzip.compress(b'{"a": 1}\n' * 50_000)
    path = write("t.jsonl.gz", whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged or not complete") as caught:
        open_reader(DataFile(path=path, name="t.jsonl.gz"), "auto", ReadOptions())
    assert caught.value.file == "t.jsonl.gz"
    assert caught.value.fix


def test_an_archive_with_other_bytes_behind_it_is_told(write: Write) -> None:
    path = write("t.jsonl.gz", gzip.compress(b'{"a": 1}\n') + b"more")
    with pytest.raises(DataError, match="damaged"):
        open_reader(DataFile(path=path, name="t.jsonl.gz"), "auto", ReadOptions())


def test_a_bomb_is_stopped(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_FREE_BYTES", 100_000)
    file = packed(write, "t.txt.gz", b"a" * 10_000_000)
    with pytest.raises(DataError, match="far more than a text") as caught:
        open_reader(file, "auto", ReadOptions())
    most = max(100_000, 200 * file.path.stat().st_size)
    assert caught.value.found == f"more than {most:,} bytes out of {file.path.stat().st_size:,}"


def test_what_text_shrinks_to_is_no_bomb(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_FREE_BYTES", 0)
    lines = "".join(f"line number {place} of many that are alike\n" for place in range(20_000))
    file = packed(write, "t.txt.gz", lines)
    assert len(lines) > 5 * file.path.stat().st_size
    assert sum(1 for _ in open_reader(file, "auto", ReadOptions()).records()) == 20_000


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_tables_that_are_compressed_within_are_not_unpacked(write: Write, name: str) -> None:
    file = packed(write, f"{name}.gz", b"PAR1")
    with pytest.raises(DataError, match="cannot be read out of a gzip archive") as caught:
        open_reader(file, "auto", ReadOptions())
    assert "gunzip" in str(caught.value.fix)


def test_a_pickle_in_an_archive_is_refused(write: Write) -> None:
    for name, content in (("t.pkl.gz", b"x"), ("t.csv.gz", b"\x80\x04\x95")):
        with pytest.raises(DataError, match="not text") as caught:
            open_reader(packed(write, name, content), "auto", ReadOptions())
        assert "a pickle" in str(caught.value.found)
