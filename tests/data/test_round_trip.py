"""Random tables are read back exactly, and random bytes break nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tunewright.core.errors import TunewrightError
from tunewright.data.config import DataConfig
from tunewright.data.detect import detect
from tunewright.data.read import read_examples
from tunewright.data.readers import READERS

NASTY = st.sampled_from([*"\",;\t|\r\n \\'{}[]:#=aé", *"\x0b\x85\u2028\ufeff\u200b😀\x1a"])
TEXT = st.text(NASTY | st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
LABEL = TEXT.filter(lambda label: label == label.strip() and label != "")
ROWS = st.lists(st.tuples(TEXT.filter(lambda text: bool(text.strip())), LABEL), min_size=1)
ONE_TEST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round-trip")


def read_back(folder: Path, name: str, **options: str) -> list[tuple[str, str | None]]:
    config = DataConfig(train=name, text="text", label="label", **options)  # type: ignore[arg-type]
    result = read_examples(config, name, "train", folder, 0)
    assert result.rejected == []
    return [(found.inputs["text"], found.target) for found in result.examples]


@ONE_TEST
@given(rows=ROWS, delimiter=st.sampled_from(",;\t|"), encoding=st.sampled_from(["utf-8", "utf-16"]))
def test_csv(folder: Path, rows: list[tuple[str, str]], delimiter: str, encoding: str) -> None:
    with (folder / "t.csv").open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerows([("text", "label"), *rows])
    assert read_back(folder, "t.csv", delimiter=delimiter) == rows
    assert read_back(folder, "t.csv") == rows


@ONE_TEST
@given(rows=ROWS, ascii_only=st.booleans())
def test_json_lines(folder: Path, rows: list[tuple[str, str]], ascii_only: bool) -> None:
    lines = [
        json.dumps({"text": text, "label": label}, ensure_ascii=ascii_only) for text, label in rows
    ]
    (folder / "t.jsonl").write_bytes("\n".join(lines).encode())
    assert read_back(folder, "t.jsonl") == rows


@ONE_TEST
@given(rows=ROWS, shape=st.sampled_from(["list", "wrapped", "columns"]))
def test_json(folder: Path, rows: list[tuple[str, str]], shape: str) -> None:
    objects = [{"text": text, "label": label} for text, label in rows]
    columns = {"text": [text for text, _ in rows], "label": [label for _, label in rows]}
    document = {"list": objects, "wrapped": {"data": objects}, "columns": columns}[shape]
    (folder / "t.json").write_bytes(json.dumps(document, ensure_ascii=False).encode())
    assert read_back(folder, "t.json") == rows


@ONE_TEST
@given(rows=ROWS)
def test_parquet(folder: Path, rows: list[tuple[str, str]]) -> None:
    names = ("text", "label")
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    pq.write_table(table, folder / "t.parquet")
    assert read_back(folder, "t.parquet") == rows


PIECES = st.sampled_from(
    [
        *(b"text,label\n", b'"', b",", b"\n", b"\r\n", b"a", b"\xff", b"\xc3\xa9", b"\0", b"\t"),
        *(b"[", b"{", b"}", b"]", b"null", b'{"text": "a", "label": 1}', b"PAR1"),
        *(b"\xff\xfe", b"\xef\xbb\xbf"),
    ]
)
BYTES = st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(b"".join)


@settings(parent=ONE_TEST, max_examples=150)
@given(content=BYTES, format_name=st.sampled_from(["auto", *READERS.names()]), header=st.booleans())
@example(content=b'text,label\n"', format_name="csv", header=True)
@example(content=b"text,label\na,b\n\xff,c\n", format_name="auto", header=True)
def test_arbitrary_bytes_never_crash(
    folder: Path, content: bytes, format_name: str, header: bool
) -> None:
    (folder / "any.txt").write_bytes(content)
    names = ("text", "label") if header else ("column_1", "column_2")
    config = DataConfig(train="any.txt", text=names[0], label=names[1], format=format_name)
    try:
        result = read_examples(config, "any.txt", "train", folder, 0, labels_required=False)
    except TunewrightError as problem:
        assert "any.txt" in str(problem)
        str(problem).encode("utf-8")
    else:
        assert result.rows_read == len(result.examples) + len(result.rejected)
        assert result.examples
        places = [row.source.row for row in (*result.examples, *result.rejected)]
        assert sorted(places) == list(range(1, result.rows_read + 1))
        assert json.dumps(result.description)


@settings(parent=ONE_TEST, max_examples=100)
@given(content=BYTES, suffix=st.sampled_from(["csv", "tsv", "json", "jsonl", "parquet", "txt"]))
def test_detection_never_crashes(folder: Path, content: bytes, suffix: str) -> None:
    (folder / f"any.{suffix}").write_bytes(content)
    try:
        found = detect(f"any.{suffix}", folder)
    except TunewrightError as problem:
        assert f"any.{suffix}" in str(problem)
    else:
        assert found.rows_read > found.rejected_rows
        assert set(found.text) <= {column.name for column in found.columns}
