"""What every writer promises, for every registered format: its reader gives back the row."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tunewright.core.errors import ConfigError, DataError, StudyError
from tunewright.data.carried import restored_cells
from tunewright.data.formats import open_reader
from tunewright.data.json_text import Number
from tunewright.data.paths import DataFile
from tunewright.data.plain import canonical, plain
from tunewright.data.readers import READERS
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.row_file import RowFile, format_to_write
from tunewright.data.writers import WRITERS
from tunewright.data.writers.base import UnwritableError, Writer

Row = dict[str, Any]

NASTY = st.sampled_from(
    [*"\",;\t|\r\n \\'{}[]:#=aé0", *"\x0b\x85\u2028\ufeff\0😀\x1a", "-DOCSTART-"]
)
TEXT = st.lists(NASTY | st.characters(exclude_categories=["Cs"]), max_size=6).map("".join)
NUMBER = (st.integers() | st.floats(allow_nan=False, allow_infinity=False)).map(
    lambda value: Number(repr(value))
) | st.sampled_from([Number("1e5"), Number("-0"), Number("0.10"), Number(str(2**70))])
VALUE = st.recursive(
    TEXT | NUMBER | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["text", "label", "id", "a b", "é", "column_2", "a;b"]) | TEXT
TABLE = st.lists(st.dictionaries(NAMES, VALUE, max_size=4), min_size=1, max_size=5)
LINES = st.lists(st.fixed_dictionaries({"text": TEXT}), min_size=1, max_size=5)
WORD = TEXT.filter(lambda text: bool(text.strip()))
SENTENCE = st.tuples(
    st.lists(st.tuples(WORD, st.sampled_from(["O", "B-x", "I-é", "a b"])), min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["id", "comment", "lang", "a=b"]), VALUE, max_size=2),
).map(
    lambda drawn: {
        "tokens": [word for word, _ in drawn[0]],
        "tags": [tag for _, tag in drawn[0]],
        **drawn[1],
    }
)
ROWS = {"text": LINES, "conll": st.lists(SENTENCE, min_size=1, max_size=5)}
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
GOOD: dict[str, list[Row]] = {
    "text": [{"text": " grüße, \t"}, {"text": ""}],
    "conll": [
        {"tokens": ["in", "#Oslo x"], "tags": ["O", "B-place"], "id": "7"},
        {"tokens": ["now"], "tags": ["O"], "score": Number("0.50"), "note": "a\nb"},
    ],
}
ANY: list[Row] = [
    {"text": "grüße\r\n", "n": Number("0.10"), "o": {"k": [None, True]}, "gone": None},
    {"text": "", "n": "007", "o": {}, "new": "x"},
]


@pytest.fixture(params=WRITERS.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def suffix(name: str) -> str:
    return WRITERS.get(name).suffixes[0]


def write(target: Path, rows: list[Row]) -> tuple[list[Row], list[UnwritableError]]:
    """Write the rows that the format holds; returns them, and why the others are not there."""
    written, refused = [], []
    with RowFile(target) as out:
        for row in rows:
            try:
                out.write(row)
                written.append(row)
            except UnwritableError as problem:
                refused.append(problem)
        if not written:
            raise EOFError
    return written, refused


def read(target: Path, name: str) -> list[str]:
    file = DataFile(path=target, name=target.name)
    records = list(open_reader(file, name, ReadOptions()).records())
    assert all(isinstance(row, Record) for row in records)
    return [same(restored_cells(row.values)) for row in records]  # type: ignore[union-attr]


def same(row: Mapping[str, object]) -> str:
    return canonical({name: plain(value) for name, value in row.items()})


def test_each_has_a_reader_of_its_name(name: str) -> None:
    assert set(WRITERS.get(name).suffixes) <= set(READERS.get(name).suffixes)
    assert issubclass(WRITERS.get(name), Writer)


@MANY
@given(data=st.data())
@pytest.mark.parametrize("name", WRITERS.names())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    rows = data.draw(ROWS.get(name, TABLE))
    target = tmp_path_factory.getbasetemp() / f"t{suffix(name)}"
    try:
        written, refused = write(target, rows)
    except EOFError:
        return
    assert len(written) + len(refused) == len(rows)
    assert all(problem.message and problem.reason for problem in refused)
    assert read(target, name) == [same(row) for row in written]


def test_compressed_files_hold_the_same(name: str, tmp_path: Path) -> None:
    rows = GOOD.get(name, ANY)
    target, packed = tmp_path / f"t{suffix(name)}", tmp_path / f"t{suffix(name)}.gz"
    assert write(target, rows) == (rows, [])
    if not WRITERS.get(name).packs:
        with pytest.raises(ConfigError, match="compressed within") as caught:
            RowFile(packed)
        assert caught.value.fix == f"name it 't{suffix(name)}'"
        return
    assert write(packed, rows) == (rows, [])
    assert gzip.decompress(packed.read_bytes()) == target.read_bytes()
    assert read(packed, name) == [same(row) for row in rows]
    first = packed.read_bytes()
    write(packed, rows)
    assert packed.read_bytes() == first  # no time of day in it


def test_halves_of_characters_are_refused_with_their_column(name: str, tmp_path: Path) -> None:
    good = GOOD.get(name, ANY)[0]
    bad: Row = {"tokens": ["a\udcff"], "tags": ["O"]} if name == "conll" else {"text": "a\udcff"}
    written, (problem,) = write(tmp_path / f"t{suffix(name)}", [good, bad, good])
    assert len(written) == 2
    assert problem.reason == "bad_encoding"
    assert problem.field == next(iter(bad))
    assert repr(problem.field) in problem.message


def test_nul_is_refused_where_it_would_be_lost(name: str, tmp_path: Path) -> None:
    bad: Row = {"tokens": ["a\0"], "tags": ["O"]} if name == "conll" else {"text": "a\0"}
    target = tmp_path / f"t{suffix(name)}"
    _written, refused = write(target, [GOOD.get(name, ANY)[0], bad])
    if name in ("json", "jsonl", "parquet", "arrow"):
        assert refused == []
        assert read(target, name)[1] == same(bad)
    else:
        assert [problem.reason for problem in refused] == ["nul_byte"]


def test_a_failure_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    target = tmp_path / f"t{suffix(name)}"
    target.write_text("older")
    with pytest.raises(RuntimeError), RowFile(target) as out:
        out.write(GOOD.get(name, ANY)[0])
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert target.read_text() == "older"


def test_a_folder_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError), RowFile(tmp_path / "no" / f"t{suffix(name)}"):
        pass


def test_what_would_not_survive_is_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer with a mistake must not cost anybody a row."""
    rows = GOOD.get(name, ANY)
    target = tmp_path / f"t{suffix(name)}"
    with RowFile(target, verify=True) as out:
        for row in rows:
            out.write(row)
    assert read(target, name) == [same(row) for row in rows]
    target.unlink()
    kind = WRITERS.get(name)
    monkeypatch.setattr(kind, "write", _forgetful(kind.write))
    with pytest.raises(DataError, match="reads back differently") as caught:  # noqa: SIM117
        with RowFile(target, verify=True) as out:
            for row in rows:
                out.write(row)
    assert caught.value.row == 2
    assert list(tmp_path.iterdir()) == []


def _forgetful(real: Any) -> Any:
    seen = []

    def write(self: Writer, values: Mapping[str, object]) -> None:
        seen.append(values)
        real(self, values if len(seen) == 1 else seen[0])

    return write


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        *(("a.csv", "csv"), ("A.CSV.GZ", "csv"), ("a.tab", "tsv"), ("a.ndjson", "jsonl")),
        *(("a.b.json", "json"), ("a.pq", "parquet"), ("a.feather", "arrow"), ("a.txt", "text")),
        *(("a.iob2.gz", "conll"),),
    ],
)
def test_the_name_says_the_format(file: str, expected: str) -> None:
    assert format_to_write(Path(file)) == expected


@pytest.mark.parametrize("file", ["a", "a.gz", "a.xlsx", "csv"])
def test_other_names_are_refused(file: str) -> None:
    with pytest.raises(ConfigError, match="does not say in which format") as caught:
        format_to_write(Path(file))
    assert ".jsonl" in str(caught.value.expected)


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("text", {"text": "a\nb"}, "line_break"),
        ("text", {"text": "a\r"}, "line_break"),
        ("text", {"text": Number("1")}, "not_text"),
        ("text", {"text": "a", "id": "1"}, "no_place"),
        ("csv", {" a": "x"}, "column_name"),
        ("csv", {"": "x"}, "column_name"),
        ("tsv", {"_carried": "mine", "a": "x"}, "not_carried"),
        ("csv", {}, "empty_row"),
        ("conll", {"text": "a"}, "no_place"),
        ("conll", {"tokens": ["a"], "tags": ["O", "O"]}, "wrong_length"),
        ("conll", {"tokens": [], "tags": []}, "wrong_length"),
        ("conll", {"tokens": ["a\tb"], "tags": ["O"]}, "no_place"),
        ("conll", {"tokens": ["a"], "tags": [Number("1")]}, "wrong_type"),
        ("conll", {"tokens": "a", "tags": ["O"]}, "wrong_type"),
        ("conll", {"tokens": ["-DOCSTART-"], "tags": ["O"]}, "no_place"),
        ("conll", {"tokens": ["a"], "tags": ["O"], "a b": "x"}, "column_name"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path: Path, name: str, row: Row, reason: str) -> None:
    good = {"text": "a"} if name != "conll" else GOOD["conll"][0]
    written, (problem,) = write(tmp_path / f"t{suffix(name)}", [good, row, good])
    assert len(written) == 2
    assert problem.reason == reason
    assert problem.field is None or problem.field in row or problem.field == "tokens"


def test_binary_data_is_no_value(tmp_path: Path) -> None:
    _, (problem,) = write(tmp_path / "t.jsonl", [{"a": "x"}, {"a": {"bytes": b"x"}}])
    assert (problem.reason, problem.field) == ("not_text", "a")


def test_fields_of_conll_are_those_of_the_first_row(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"tokens": ["a"], "column_2": ["NN"], "tags": ["O"]},
        {"tokens": ["a"], "tags": ["O"]},
    ]
    _written, (problem,) = write(tmp_path / "t.conll", rows)
    assert (tmp_path / "t.conll").read_text() == "a\tNN\tO\n"
    assert problem.reason == "wrong_field_count"


def test_columns_have_the_types_of_their_values(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    messages = [{"role": "user", "content": "x"}]
    rows: list[Row] = [
        {"n": Number("1"), "f": Number("0.5"), "b": True, "t": ["a"], "m": messages, "mixed": "x"},
        {"n": None, "f": Number("1.0"), "b": None, "t": [], "m": [], "mixed": Number("2")},
    ]
    write(tmp_path / "t.parquet", rows)
    table = pq.read_table(tmp_path / "t.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "n": "int64",
        "f": "double",
        "b": "bool",
        "t": "list<element: string>",
        "m": "list<element: struct<role: string, content: string>>",
        "mixed": "string",
        "_carried": "string",
    }
    assert table["_carried"].to_pylist() == [None, '{"cells": {"json": ["mixed"]}}']
    assert table["m"].to_pylist()[0] == messages


def test_tables_are_what_people_expect(tmp_path: Path) -> None:
    rows: list[Row] = [{"text": "plain", "label": "a"}, {"text": 'say "a; b"', "label": ""}]
    write(tmp_path / "t.csv", rows)
    assert (tmp_path / "t.csv").read_text() == 'text,label\nplain,a\n"say ""a; b""",\n'
    write(tmp_path / "t.tsv", [{"text": "x", "tags": ["a"], "n": Number("1.50")}])
    lines = (tmp_path / "t.tsv").read_text().splitlines()
    assert lines[0] == "text\ttags\tn\t_carried"
    assert lines[1].startswith('x\t"[""a""]"\t1.50\t')
    carried = lines[1].split("\t")[3][1:-1].replace('""', '"')
    assert json.loads(carried) == {"cells": {"json": ["tags", "n"]}}


@MANY
@given(rows=st.lists(st.fixed_dictionaries({"text": TEXT}), min_size=1, max_size=3))
@example(rows=[{"text": "\ufeffa"}])
@example(rows=[{"text": "a,b\nc"}] * 300)
def test_a_single_column_survives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    for name in ("csv", "tsv"):
        target = tmp_path_factory.getbasetemp() / f"one.{name}"
        try:
            written, _ = write(target, rows)
        except EOFError:
            continue
        assert read(target, name) == [same(row) for row in written]
