from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile
from tunewright.data.readers import conll_lines
from tunewright.data.readers.base import Reader, ReadOptions, Record
from tunewright.data.readers.conll import ConllReader

Write = Callable[..., Path]


def read(
    write: Write, content: str | bytes, name: str = "t.conll"
) -> tuple[Reader, list[Record | Rejected]]:
    reader = ConllReader(DataFile(path=write(name, content), name=name), ReadOptions())
    return reader, list(reader.records())


def values(row: Record | Rejected) -> dict[str, object]:
    assert isinstance(row, Record)
    return dict(row.values)


@pytest.mark.parametrize("mark", ["\t", " ", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_sentences_are_rows_with_their_first_line(write: Write, mark: str, end: str) -> None:
    lines = [f"in{mark}O", f"Oslo{mark}B-place", "", f"now{mark}O"]
    reader, rows = read(write, end.join(lines))
    assert [values(row) for row in rows] == [
        {"tokens": ["in", "Oslo"], "tags": ["O", "B-place"]},
        {"tokens": ["now"], "tags": ["O"]},
    ]
    assert [(row.source.row, row.source.line) for row in rows] == [(1, 1), (2, 4)]
    assert reader.blank_lines == 0


def test_fields_between_are_columns_of_their_own(write: Write) -> None:
    reader, rows = read(write, "Oslo NNP I-NP B-place\nis VBZ I-VP O\n")
    assert values(rows[0]) == {
        "tokens": ["Oslo", "is"],
        "column_2": ["NNP", "VBZ"],
        "column_3": ["I-NP", "I-VP"],
        "tags": ["B-place", "O"],
    }
    assert "the last its tag" in reader.assumptions[0]


def test_marks_of_documents_are_counted_and_numbered(write: Write) -> None:
    start = "-DOCSTART- -X- O O\n\n"
    body = "a NN O O\n\n"
    reader, rows = read(write, start + body + body + start + body)
    assert [values(row)["document"] for row in rows] == ["1", "1", "2"]
    assert reader.blank_lines == 4  # the two marks and the blank lines behind them


def test_comments_name_columns(write: Write) -> None:
    text = (
        "# id 7 domain=news\n# by hand\n# lang = en\nin\tO\n\n"
        "# id = 8\n# tags = no\nOslo\tB-x\n\n# the end\n"
    )
    reader, rows = read(write, text)
    assert values(rows[0]) == {
        "tokens": ["in"],
        "tags": ["O"],
        "id": "7",
        "domain": "news",
        "lang": "en",
        "comment": "by hand",
    }
    assert values(rows[1]) == {
        "tokens": ["Oslo"],
        "tags": ["B-x"],
        "id": "8",
        "comment": "tags = no",
    }
    assert rows[0].source.line == 4
    assert reader.blank_lines == 1


def test_a_token_may_be_a_hash_sign(write: Write) -> None:
    _, rows = read(write, "#\tO\n#tag\tO\na\tO\n")
    assert values(rows[0])["tokens"] == ["#", "#tag", "a"]
    _, rows = read(write, "# O\n#tag O\na B-x\n\n# id = 3\nb O\n")
    assert values(rows[0])["tokens"] == ["#", "#tag", "a"]
    assert values(rows[1]) == {"tokens": ["b"], "tags": ["O"], "id": "3"}


def test_tokens_without_tags(write: Write) -> None:
    _, rows = read(write, "in\nOslo\n\nnow\n")
    assert [values(row) for row in rows] == [{"tokens": ["in", "Oslo"]}, {"tokens": ["now"]}]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("Oslo\n", "line 3 has 1 field, where the file has 2"),
        ("Oslo\tB-x\tmore\n", "line 3 has 3 fields, where the file has 2"),
        ("\tO\n", "line 3 has an empty field"),
    ],
)
def test_a_bad_line_costs_one_sentence(write: Write, bad: str, message: str) -> None:
    good = "a\tO\n\n"
    _, rows = read(write, good + bad + "b\tO\n\n" + good)
    assert isinstance(rows[1], Rejected)
    assert (rows[1].reason, rows[1].message, rows[1].source.line) == ("malformed_row", message, 3)
    assert [values(row)["tokens"] for row in (rows[0], rows[2])] == [["a"], ["a"]]


def test_a_sentence_without_end_is_not_held(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conll_lines, "MOST_TOKENS", 10)
    _, rows = read(write, "a\tO\n" * 100 + "\nb\tO\n")
    assert isinstance(rows[0], Rejected)
    assert "more than 10 tokens" in rows[0].message
    assert values(rows[1])["tokens"] == ["b"]


TAGGED = "in\tO\nOslo\tB-place\n\nnow\tO\n"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.annotated", TAGGED, "conll"),
        ("t.txt", TAGGED, "conll"),
        ("t", TAGGED.replace("\t", " "), "conll"),
        ("t.tsv", TAGGED, "conll"),
        ("t.txt", "-DOCSTART- -X- O\n\n" + TAGGED.replace("\t", " x "), "conll"),
        ("t.tsv", "text\tlabel\na\tO\nb\tB-x\n", "tsv"),
        ("t.txt", "a\tO\n\nb\tO\n", "csv"),
        ("t.txt", "one line\n\nand more\n", "text"),
    ],
)
def test_content_tells_it(write: Write, name: str, content: str, expected: str) -> None:
    reader = open_reader(DataFile(path=write(name, content), name=name), "auto", ReadOptions())
    assert reader.details["format"] == expected
    assert expected != "conll" or "tokens with their tags" in reader.assumptions[0]


@pytest.mark.parametrize("content", ["", "\n\n", "-DOCSTART- O\n\n"])
def test_no_sentence(write: Write, content: str) -> None:
    with pytest.raises(DataError, match="the file is empty"):
        read(write, content)
