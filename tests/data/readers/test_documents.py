from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.paths import resolve_paths
from tunewright.data.readers import documents
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.documents import markdown_title

Write = Callable[..., Path]


def opened(folder: Path, written: str = "docs", format_name: str = "auto") -> Reader:
    return open_reader(resolve_paths(written, folder)[0].files[0], format_name, ReadOptions())


def by_path(reader: Reader) -> dict[str, tuple[str | None, str]]:
    rows = [row.values for row in reader.records() if isinstance(row, Record)]
    return {str(row["path"]): (row["title"], row["text"]) for row in rows}  # type: ignore[misc]


def test_every_file_below_is_a_row(write: Write, tmp_path: Path) -> None:
    write("docs/b.md", "# Tides\n\nTwice a day.\n")
    write("docs/a.txt", "plain\r\ntext")
    write("docs/deep/er/c.html", "<title>Page</title><p>one<p>two")
    write("docs/deep/d.txt.gz", gzip.compress(b"packed"))
    write("docs/e.htm", "grüße".encode("utf-16"))
    reader = opened(tmp_path)
    assert by_path(reader) == {
        "a.txt": (None, "plain\ntext"),
        "b.md": ("Tides", "# Tides\n\nTwice a day.\n"),
        "deep/d.txt.gz": (None, "packed"),
        "deep/er/c.html": ("Page", "one\n\ntwo"),
        "e.htm": (None, "grüße"),
    }
    assert [row.source.row for row in reader.records()] == [1, 2, 3, 4, 5]
    assert {row.source.file for row in reader.records()} == {"docs"}


def test_hidden_files_are_passed_over_and_counted(write: Write, tmp_path: Path) -> None:
    write("docs/a.txt", "text")
    write("docs/.secret.txt", "no")
    write("docs/.git/config.txt", "no")
    reader = opened(tmp_path)
    assert list(by_path(reader)) == ["a.txt"]
    assert reader.assumptions == ["2 hidden files and folders in 'docs' were passed over"]
    assert reader.details["hidden"] == "2"


def test_what_cannot_be_read_is_rejected_with_a_reason(write: Write, tmp_path: Path) -> None:
    write("docs/a.txt", "text")
    write("docs/blank.md", " \n")
    write("docs/empty.txt", b"")
    write("docs/image.png", b"\x89PNG")
    write("docs/really.html", b"%PDF-1.7")
    (tmp_path / "docs/gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "docs/linked").symlink_to(tmp_path / "docs")
    rows = list(opened(tmp_path).records())
    rejected = {row.message: row.reason for row in rows if isinstance(row, Rejected)}
    assert rejected == {
        "'blank.md' holds no text": "empty_text",
        "'empty.txt' holds no text": "empty_text",
        "'gone.txt' is a link to nothing": "not_a_document",
        "'image.png' is no text, Markdown or HTML file": "not_a_document",
        "'linked' is a link to a folder": "not_a_document",
        "'really.html': the file is not text (a PDF document)": "unreadable",
    }
    assert len(rows) == 7


@pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="whoever is root may enter every folder",
)
def test_a_folder_that_may_not_be_entered_is_a_rejected_row(write: Write, tmp_path: Path) -> None:
    write("docs/a.txt", "text")
    closed = write("docs/closed/b.txt", "text").parent
    closed.chmod(0)
    try:
        rows = list(opened(tmp_path).records())
    finally:
        closed.chmod(0o755)
    assert [row.message for row in rows if isinstance(row, Rejected)] == [
        "'closed' is a folder that cannot be entered"
    ]


def test_a_text_that_is_too_long_is_rejected(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_MOST_CHARACTERS", 10)
    write("docs/a.txt", "a" * 11)
    write("docs/b.txt", "a" * 10)
    first, second = opened(tmp_path).records()
    assert isinstance(first, Rejected)
    assert first.reason == "too_long"
    assert isinstance(second, Record)


def test_one_file_can_be_called_a_document(write: Write, tmp_path: Path) -> None:
    write("a.md", "# T\n\nline\n")
    assert by_path(opened(tmp_path, "a.md", "documents")) == {"a.md": ("T", "# T\n\nline\n")}


def test_a_folder_of_tables_with_a_readme_is_none_of_documents(
    write: Write, tmp_path: Path
) -> None:
    write("docs/README.md", "# About")
    write("docs/train.csv", "a,b\n")
    write("docs/test.csv.gz", "a,b\n")
    with pytest.raises(DataError, match="folder, not a file") as caught:
        resolve_paths("docs", tmp_path)
    assert "train.csv" in str(caught.value.found)


def test_another_format_is_refused(write: Write, tmp_path: Path) -> None:
    write("docs/a.txt", "text")
    with pytest.raises(DataError, match="read as documents"):
        opened(tmp_path, format_name="csv")


def test_the_files_of_a_folder_are_its_parts(write: Write, tmp_path: Path) -> None:
    write("docs/a.txt", "text")
    write("docs/b/c.md", "text")
    (file,) = resolve_paths("docs", tmp_path)[0].files
    assert [part.name for part in file.parts] == ["docs/a.txt", "docs/b/c.md"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n## Second level ##\n", "Second level"),
        ("Title\n=====\ntext", "Title"),
        ("```\n# comment\n```\n# Real\n", "Real"),
        ("#hashtag\ntext", None),
        ("- a\n---\n", "- a"),
        ("\n---\ntext", None),
        ("no heading", None),
    ],
)
def test_titles_of_markdown(text: str, title: str | None) -> None:
    assert markdown_title(text) == title
