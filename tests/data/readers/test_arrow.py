from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tunewright.core.errors import DataError
from tunewright.data.formats import open_reader
from tunewright.data.paths import DataFile
from tunewright.data.readers.arrow import ArrowReader
from tunewright.data.readers.base import ReadOptions, Record

Write = Callable[..., Path]


def make(path: Path, table: Any, *, stream: bool = False, compression: str | None = None) -> None:
    options = pa.ipc.IpcWriteOptions(compression=compression)
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, opened(sink, table.schema, options=options) as out:
        out.write_table(table)


def read(path: Path, **options: Any) -> list[dict[str, object]]:
    reader = ArrowReader(DataFile(path=path, name=path.name), ReadOptions(**options))
    rows = list(reader.records())
    assert all(isinstance(row, Record) for row in rows)
    return [dict(row.values) for row in rows]  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_files_and_streams(tmp_path: Path, stream: bool, compression: str | None) -> None:
    rows = [
        {"text": f"row {n}", "tags": ["a", None], "n": n, "x": 0.5, "o": {"k": "v"}}
        for n in range(3000)
    ]
    path = tmp_path / "t.arrow"
    make(path, pa.Table.from_pylist(rows), stream=stream, compression=compression)
    assert read(path) == rows
    assert read(path, columns=("n", "text")) == [{"text": r["text"], "n": r["n"]} for r in rows]


def test_values_are_those_of_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {
            "f": pa.array([0.1, None], pa.float32()),
            "d": pa.array(["a", "b"]).dictionary_encode(),
            "b": pa.array([b"a\xff", b"c"], pa.binary()),
            "t": pa.array([0, 1], pa.timestamp("s")),
        }
    )
    path = tmp_path / "t.feather"
    make(path, table)
    assert read(path) == [
        {"f": 0.1, "d": "a", "b": "a\udcff", "t": "1970-01-01 00:00:00"},
        {"f": None, "d": "b", "b": "c", "t": "1970-01-01 00:00:01"},
    ]


def test_text_that_is_not_utf8_damages_its_row_alone(tmp_path: Path) -> None:
    text = pa.array([b"a", b"\xff", b"c"], pa.binary()).view(pa.string())
    path = tmp_path / "t.arrow"
    make(path, pa.table({"text": text}))
    assert [row["text"] for row in read(path)] == ["a", "\udcff", "c"]


@pytest.mark.parametrize("stream", [True, False])
def test_its_beginning_tells_it(write: Write, tmp_path: Path, stream: bool) -> None:
    path = write("t.data", b"")
    make(path, pa.table({"text": ["a"]}), stream=stream)
    reader = open_reader(DataFile(path=path, name="t.data"), "auto", ReadOptions())
    assert reader.details["format"] == "arrow"


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    make(path, pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["x", "x"]))
    with pytest.raises(DataError, match="two columns are called 'x'"):
        read(path)


@pytest.mark.parametrize("stream", [True, False])
def test_damaged_files_never_end_the_program(tmp_path: Path, stream: bool) -> None:
    """Offsets that lead nowhere would read beyond the file."""
    table = pa.table({"text": ["ab", "cde", ""] * 50, "tags": [["x"], [], ["y", "z"]] * 50})
    path = tmp_path / "t.arrow"
    make(path, table, stream=stream)
    whole = path.read_bytes()
    draw = random.Random(7)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            damaged[draw.randrange(8, len(whole))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.choice([len(whole), draw.randrange(len(whole))])])
        try:
            read(path)
        except DataError as problem:
            refused += 1
            assert problem.file == "t.arrow"
            assert problem.fix
    assert refused > 50
