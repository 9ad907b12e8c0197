"""What every reader promises, checked for every registered format."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.core.errors import DataError
from tunewright.data.paths import DataFile, resolve_paths
from tunewright.data.readers import READERS
from tunewright.data.readers.base import Reader, ReadOptions, Record

Write = Callable[..., Path]
TEXTS = ["hello", "grüße ✓", "  good bye "]
LABELS = ["a", "b", "a"]


def _make_parquet(write: Write, rows: int) -> str:
    table = pa.table({"text": TEXTS[:rows], "label": LABELS[:rows]})
    path = write("good.parquet", b"")
    pq.write_table(table.cast(pa.schema([("text", pa.string()), ("label", pa.string())])), path)
    return "good.parquet"


def _make_text(write: Write, rows: int) -> str:
    write("texts.txt", "".join(f"{text}\n" for text in TEXTS[:rows]))
    write("labels.txt", "".join(f"{label}\n" for label in LABELS[:rows]))
    return "texts.txt+labels.txt"


def _make_table(name: str, head: str, row: str, between: str, tail: str) -> Any:
    def make(write: Write, rows: int) -> str:
        pairs = zip(TEXTS[:rows], LABELS[:rows], strict=True)
        filled = [row.replace("T", text).replace("L", label) for text, label in pairs]
        write(name, head + between.join(filled) + tail)
        return name

    return make


MAKERS: dict[str, Callable[[Write, int], str]] = {
    "csv": _make_table("good.csv", "text,label\n", "T,L", "\n", "\n"),
    "tsv": _make_table("good.tsv", "text\tlabel\n", "T\tL", "\n", "\n"),
    "json": _make_table("good.json", "[", '{"text": "T", "label": "L"}', ", ", "]"),
    "jsonl": _make_table("good.jsonl", "", '{"text": "T", "label": "L"}', "\n", "\n"),
    "parquet": _make_parquet,
    "text": _make_text,
}


@pytest.fixture(params=READERS.names())
def format_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    assert name in MAKERS, f"add a way to make a small '{name}' file to this suite"
    return name


def the_file(written: str, folder: Path) -> DataFile:
    return resolve_paths(written, folder)[0].files[0]


@pytest.fixture
def reader(format_name: str, write: Write, tmp_path: Path) -> Reader:
    written = MAKERS[format_name](write, len(TEXTS))
    return READERS.get(format_name)(the_file(written, tmp_path), ReadOptions())


def test_rows_come_in_order_with_their_place(reader: Reader) -> None:
    records = [row for row in reader.records() if isinstance(row, Record)]
    assert [dict(row.values) for row in records] == [
        {"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    assert [row.source.row for row in records] == [1, 2, 3]
    assert {row.source.file for row in records} == {reader.file.name}


def test_columns_are_those_of_every_record(reader: Reader) -> None:
    if reader.columns is not None:
        assert all(tuple(row.values) == reader.columns for row in reader.records())


def test_a_second_pass_yields_the_same(reader: Reader) -> None:
    first = list(reader.records())
    assert list(reader.records()) == first
    assert reader.blank_lines == 0


def test_details_are_plain(reader: Reader) -> None:
    assert all(isinstance(value, str | bool) for value in reader.details.values())


def test_suffixes_are_lower_case_and_belong_to_one_format(format_name: str) -> None:
    suffixes = READERS.get(format_name).suffixes
    assert suffixes
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
    others = [s for name in READERS if name != format_name for s in READERS.get(name).suffixes]
    assert not set(suffixes) & set(others)


def test_a_file_without_rows_is_refused(format_name: str, write: Write, tmp_path: Path) -> None:
    file = the_file(MAKERS[format_name](write, 0), tmp_path)
    with pytest.raises(DataError, match=r"empty|no rows") as caught:
        list(READERS.get(format_name)(file, ReadOptions()).records())
    assert caught.value.file == file.name
    assert caught.value.fix


def test_a_file_of_no_bytes_is_refused(format_name: str, write: Write) -> None:
    path = write("nothing", b"")
    with pytest.raises(DataError, match="nothing: the file is empty") as caught:
        list(READERS.get(format_name)(DataFile(path=path, name="nothing"), ReadOptions()).records())
    assert caught.value.fix


def test_a_pickle_is_never_opened(format_name: str, tmp_path: Path) -> None:
    missing = DataFile(path=tmp_path / "data.pkl", name="data.pkl")
    with pytest.raises(DataError, match="not text") as caught:
        READERS.get(format_name)(missing, ReadOptions())
    assert "a pickle" in str(caught.value.found)


def test_a_file_that_vanished_is_an_error_with_its_name(format_name: str, tmp_path: Path) -> None:
    missing = DataFile(path=tmp_path / "gone", name="gone")
    with pytest.raises(DataError, match="gone: the file cannot be read") as caught:
        list(READERS.get(format_name)(missing, ReadOptions()).records())
    assert caught.value.fix


def test_importing_the_data_layer_loads_nothing_heavy() -> None:
    code = (
        "import sys, tunewright.data, tunewright.data.read, tunewright.data.detect; "
        "print([m for m in ('pyarrow', 'numpy', 'charset_normalizer') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
