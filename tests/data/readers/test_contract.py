"""What every reader promises, checked for every registered format."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
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


def _make_arrow(write: Write, rows: int) -> str:
    schema = pa.schema([("text", pa.string()), ("label", pa.string())])
    path = write("good.arrow", b"")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(pa.table({"text": TEXTS[:rows], "label": LABELS[:rows]}, schema=schema))
    return "good.arrow"


def _make_conll(write: Write, rows: int) -> str:
    write("good.conll", "\n".join(f"{text}\t{label}\n" for text, label in _pairs(rows)))
    return "good.conll"


def _make_documents(write: Write, rows: int) -> DataFile:
    folder = write("documents/.hidden", "").parent
    for place, text in enumerate(TEXTS[:rows]):
        write(f"documents/{place}.txt", text)
    return DataFile(path=folder, name="documents", layout="documents")


def _make_beir(write: Write, rows: int) -> str:
    write("beir/corpus.jsonl", '{"_id": "d", "text": "document", "title": "T"}\n')
    queries = [json.dumps({"_id": f"q{n}", "text": text}) for n, text in enumerate(TEXTS)]
    write("beir/queries.jsonl", "\n".join(queries))
    qrels = "".join(f"q{n}\td\t1\n" for n in range(rows))
    write("beir/qrels/test.tsv", "query-id\tcorpus-id\tscore\n" + qrels)
    return "beir"


def _make_trec(write: Write, rows: int) -> str:
    write("c.tsv", "d\tT\tdocument\n")
    write("q.tsv", "".join(f"q{n}\t{text}\n" for n, text in enumerate(TEXTS)))
    write("qrels", "".join(f"q{n} 0 d 1\n" for n in range(rows)))
    return "qrels+q.tsv+c.tsv"


def _make_hub(write: Write, rows: int) -> DataFile:
    HUB_ROWS[:] = [{"text": text, "label": label} for text, label in _pairs(rows)]
    return DataFile(path=Path("hub:a/b:train"), name="hub:a/b:train", layout="hub")


HUB_ROWS: list[dict[str, str]] = []


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str, config: str | None, **options: object) -> list[dict[str, str]]:
        assert options == {"split": "train", "streaming": True}
        return HUB_ROWS

    module = ModuleType("datasets")
    monkeypatch.setattr(module, "load_dataset", load_dataset, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", module)


def _pairs(rows: int) -> list[tuple[str, str]]:
    return list(zip(TEXTS[:rows], LABELS[:rows], strict=True))


def _make_table(name: str, head: str, row: str, between: str, tail: str) -> Any:
    def make(write: Write, rows: int) -> str:
        filled = [row.replace("T", text).replace("L", label) for text, label in _pairs(rows)]
        write(name, head + between.join(filled) + tail)
        return name

    return make


MAKERS: dict[str, Callable[[Write, int], str | DataFile]] = {
    "csv": _make_table("good.csv", "text,label\n", "T,L", "\n", "\n"),
    "tsv": _make_table("good.tsv", "text\tlabel\n", "T\tL", "\n", "\n"),
    "json": _make_table("good.json", "[", '{"text": "T", "label": "L"}', ", ", "]"),
    "jsonl": _make_table("good.jsonl", "", '{"text": "T", "label": "L"}', "\n", "\n"),
    "parquet": _make_parquet,
    "text": _make_text,
    "arrow": _make_arrow,
    "conll": _make_conll,
    "documents": _make_documents,
    "beir": _make_beir,
    "trec": _make_trec,
    "hub": _make_hub,
}
_TABLE = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
_JUDGED = {"document_id": "d", "title": "T", "document": "document", "relevance": "1"}
ROWS: dict[str, list[dict[str, object]]] = {
    "conll": [{"tokens": [row["text"]], "tags": [row["label"]]} for row in _TABLE],
    "documents": [
        {"text": text, "title": None, "path": f"{n}.txt"} for n, text in enumerate(TEXTS)
    ],
    "beir": [
        {"query_id": f"q{n}", "query": text, **_JUDGED, "judgements": "test.tsv"}
        for n, text in enumerate(TEXTS)
    ],
    "trec": [
        {"query_id": f"q{n}", "query": text, **_JUDGED, "judgements": "qrels"}
        for n, text in enumerate(TEXTS)
    ],
}
"""What the formats that are no tables make of the same three texts."""


@pytest.fixture(params=READERS.names())
def format_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    assert name in MAKERS, f"add a way to make a small '{name}' file to this suite"
    return name


def the_file(written: str | DataFile, folder: Path) -> DataFile:
    return written if isinstance(written, DataFile) else resolve_paths(written, folder)[0].files[0]


@pytest.fixture
def reader(format_name: str, write: Write, tmp_path: Path) -> Reader:
    written = MAKERS[format_name](write, len(TEXTS))
    return READERS.get(format_name)(the_file(written, tmp_path), ReadOptions())


def test_rows_come_in_order_with_their_place(reader: Reader, format_name: str) -> None:
    records = [row for row in reader.records() if isinstance(row, Record)]
    assert [dict(row.values) for row in records] == ROWS.get(format_name, _TABLE)
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
    assert bool(suffixes) == (format_name not in ("documents", "beir", "trec", "hub"))
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
