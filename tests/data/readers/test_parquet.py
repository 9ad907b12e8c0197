from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.core.errors import DataError
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.readers.parquet import ParquetReader
from tunewright.data.values import BAD_BYTE, as_text


def open_table(tmp_path: Path, table: pa.Table, **options: tuple[str, ...]) -> ParquetReader:
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    return ParquetReader(DataFile(path=path, name="t.parquet"), ReadOptions(**options))  # type: ignore[arg-type]


def column(tmp_path: Path, values: pa.Array) -> list[object]:
    reader = open_table(tmp_path, pa.table({"a": values}))
    return [row.values["a"] for row in reader.records() if isinstance(row, Record)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["a", None, "é"]), ["a", None, "é"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.array([b"caf\xc3\xa9"]), ["café"]),
        (pa.array([1, None]), ["1", None]),
        (pa.array([1.0, float("nan")]), ["1.0", None]),
        (pa.array([0.1, None], pa.float32()), ["0.1", None]),
        (pa.array([0.5], pa.float16()), ["0.5"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([Decimal("1.10")]), ["1.10"]),
        (pa.array([date(2026, 11, 21)]), ["2026-11-21"]),
        (pa.array([datetime(2026, 11, 21, 6, 30)], pa.timestamp("ns")), None),
        (pa.nulls(2), [None, None]),
    ],
)
def test_values_become_text_without_loss(
    tmp_path: Path, values: pa.Array, expected: list[str | None] | None
) -> None:
    found = [as_text(value) for value in column(tmp_path, values)]
    if expected is None:
        assert str(found[0]).startswith("2026-11-21 06:30:00")
    else:
        assert found == expected


def test_bytes_that_are_no_utf8_are_marked(tmp_path: Path) -> None:
    broken = pa.array([b"caf\xe9", b"ok"]).view(pa.string())
    first, second = column(tmp_path, broken)
    assert BAD_BYTE.search(str(first))
    assert second == "ok"


def test_only_the_used_columns_are_read(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "vector": [[1.0, 2.0]], "label": ["x"]})
    reader = open_table(tmp_path, table, columns=("text", "label"))
    (row,) = reader.records()
    assert isinstance(row, Record)
    assert dict(row.values) == {"text": "a", "label": "x"}
    assert reader.columns == ("text", "vector", "label")


def test_rows_are_numbered_over_all_batches(tmp_path: Path) -> None:
    reader = open_table(tmp_path, pa.table({"a": list(range(3000))}))
    assert [row.source.row for row in reader.records()] == list(range(1, 3001))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="two columns are called 'a'"):
        open_table(tmp_path, table)


@pytest.mark.parametrize("content", [b"hello", b"PAR1", b"PAR1aaaaPAR1", b"PAR1" + b"\x00" * 500])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a Parquet file, or is damaged") as caught:
        ParquetReader(DataFile(path=path, name="t.parquet"), ReadOptions())
    assert caught.value.file == "t.parquet"
    assert caught.value.found
    assert caught.value.fix


def test_a_file_that_is_damaged_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [f"row {n}" for n in range(5000)]}), path)
    content = bytearray(path.read_bytes())
    content[4:3000] = b"\xff" * 2996
    path.write_bytes(content)
    reader = ParquetReader(DataFile(path=path, name="t.parquet"), ReadOptions())
    with pytest.raises(DataError, match="damaged"):
        list(reader.records())
