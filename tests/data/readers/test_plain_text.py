from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.paths import resolve_paths
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.readers.plain_text import TextReader

Write = Callable[..., Path]


def read(tmp_path: Path, written: str) -> list[dict[str, object]]:
    file = resolve_paths(written, tmp_path)[0].files[0]
    rows = TextReader(file, ReadOptions()).records()
    return [dict(row.values) for row in rows if isinstance(row, Record)]


def test_lines_and_labels_belong_together(tmp_path: Path, write: Write) -> None:
    write("x.txt", "one\r\n\r\nthree, \u2028 still\rthree\r\n")
    write("y.txt", "a\nb\nc")
    assert read(tmp_path, "x.txt+y.txt") == [
        {"text": "one", "label": "a"},
        {"text": "", "label": "b"},
        {"text": "three, \u2028 still\rthree", "label": "c"},
    ]


def test_each_file_has_its_own_encoding(tmp_path: Path, write: Write) -> None:
    write("x.txt", "grüße\n", encoding="utf-16")
    write("y.txt", "größe\n", encoding="utf-8")
    file = resolve_paths("x.txt+y.txt", tmp_path)[0].files[0]
    reader = TextReader(file, ReadOptions())
    (row,) = reader.records()
    assert isinstance(row, Record)
    assert dict(row.values) == {"text": "grüße", "label": "größe"}
    assert reader.details == {"encoding": "utf-16", "labels": "y.txt", "label_encoding": "utf-8"}


def test_one_file_has_texts_only(tmp_path: Path, write: Write) -> None:
    write("x.txt", "one\ntwo\n")
    assert read(tmp_path, "x.txt") == [{"text": "one"}, {"text": "two"}]


@pytest.mark.parametrize("labels", ["a\n", "a\nb\nc\n"])
def test_files_of_different_length_are_refused(tmp_path: Path, write: Write, labels: str) -> None:
    write("x.txt", "one\ntwo\n")
    write("y.txt", labels)
    with pytest.raises(DataError, match="different numbers of lines") as caught:
        read(tmp_path, "x.txt+y.txt")
    error = caught.value
    assert error.file == "x.txt"
    assert error.found == f"2 lines in 'x.txt', {labels.count(chr(10))} lines in 'y.txt'"
    assert error.fix


def test_a_file_of_carriage_returns_alone(tmp_path: Path, write: Write) -> None:
    write("x.txt", "one\rtwo\r\rfour\r")
    write("y.txt", "a\nb\nc\nd\n")
    rows = read(tmp_path, "x.txt+y.txt")
    assert [row["text"] for row in rows] == ["one", "two", "", "four"]
    file = resolve_paths("x.txt", tmp_path)[0].files[0]
    assert "carriage return" in TextReader(file, ReadOptions()).assumptions[0]


@pytest.mark.parametrize("content", ["one\r", "one\rstill\n"])
def test_one_carriage_return_is_no_line_end(tmp_path: Path, write: Write, content: str) -> None:
    write("x.txt", content)
    assert len(read(tmp_path, "x.txt")) == 1
