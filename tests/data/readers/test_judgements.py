from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import DataError
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.paths import resolve_paths
from tunewright.data.readers.base import Reader, ReadOptions, Record

Write = Callable[..., Path]


def opened(folder: Path, written: str) -> Reader:
    return open_reader(resolve_paths(written, folder)[0].files[0], "auto", ReadOptions())


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def beir(write: Write, qrels: dict[str, str], corpus: str = "", queries: str = "") -> None:
    documents = lines(
        {"_id": "d1", "title": "Tides", "text": "The sea rises."},
        {"_id": "d2", "title": "", "text": "It falls.", "metadata": {}},
        {"_id": "d3", "text": "Nobody judged this."},
    )
    write("scifact/corpus.jsonl", documents + corpus)
    write("scifact/queries.jsonl", lines({"_id": "1", "text": "what are tides"}) + queries)
    for name, content in qrels.items():
        write(f"scifact/qrels/{name}.tsv", content)


HEAD = "query-id\tcorpus-id\tscore\n"


def test_beir_is_joined(write: Write, tmp_path: Path) -> None:
    beir(write, {"test": HEAD + "1\td2\t0\n", "train": HEAD + "1\td1\t2\n\n"})
    reader = opened(tmp_path, "scifact")
    rows = list(reader.records())
    query = {"query_id": "1", "query": "what are tides"}
    assert [row.values for row in rows if isinstance(row, Record)] == [
        {
            **query,
            "document_id": "d2",
            "title": None,
            "document": "It falls.",
            "relevance": "0",
            "judgements": "test.tsv",
        },
        {
            **query,
            "document_id": "d1",
            "title": "Tides",
            "document": "The sea rises.",
            "relevance": "2",
            "judgements": "train.tsv",
        },
    ]
    assert [(row.source.row, row.source.line) for row in rows] == [(1, 2), (2, 2)]
    assert reader.blank_lines == 1
    assert any("1 text of 'scifact/corpus.jsonl'" in told for told in reader.assumptions)


def test_missing_and_malformed_lines_cost_one_row(write: Write, tmp_path: Path) -> None:
    judged = ["9\td1\t1", "1\tnone\t1", "1\td1\thigh", "1\td1", "1\td2\t1"]
    beir(
        write,
        {"test": HEAD + "\n".join(judged)},
        corpus='{"_id": "d1", "text": "again"}\nno json\n{"text": "no id"}\n',
    )
    reader = opened(tmp_path, "scifact")
    rows = list(reader.records())
    assert [row.reason if isinstance(row, Rejected) else "" for row in rows] == [
        *("missing_query", "missing_document", "malformed_row", "malformed_row", "")
    ]
    assert "no document with the id 'none'" in str(rows[1])
    told = "; ".join(reader.assumptions)
    assert "2 lines of 'scifact/corpus.jsonl' could not be read" in told
    assert "1 line of 'scifact/corpus.jsonl' repeat" in told
    assert list(reader.records()) == rows
    assert "; ".join(reader.assumptions) == told


def trec(write: Write, folder: str = "") -> None:
    write(f"{folder}qrels.txt", "1 0 d1 2\n1 0 d2 0\n2 0 d1 1\n")
    write(f"{folder}queries.tsv", "1\twhat are tides\n")
    write(f"{folder}collection.tsv", "d1\tTides\tThe sea rises.\nd2\tIt falls.\n")


@pytest.mark.parametrize(
    ("folder", "written"),
    [("", "qrels.txt+queries.tsv+collection.tsv"), ("ms/", "ms")],
)
def test_trec_files_are_joined(write: Write, tmp_path: Path, folder: str, written: str) -> None:
    trec(write, folder)
    (file,) = resolve_paths(written, tmp_path)[0].files
    assert file.layout == "trec"
    assert len(file.parts) == 3
    first, second, third = opened(tmp_path, written).records()
    assert isinstance(first, Record)
    assert first.values == {
        "query_id": "1",
        "query": "what are tides",
        "document_id": "d1",
        "title": "Tides",
        "document": "The sea rises.",
        "relevance": "2",
        "judgements": "qrels.txt",
    }
    assert isinstance(second, Record)
    assert second.values["title"] is None
    assert isinstance(third, Rejected)
    assert third.reason == "missing_query"


def test_a_part_that_is_missing_is_named(write: Write, tmp_path: Path) -> None:
    trec(write)
    with pytest.raises(DataError, match=r"queries\.txt: the file does not exist") as caught:
        resolve_paths("qrels.txt+queries.txt+collection.tsv", tmp_path)
    assert "queries.tsv" in str(caught.value.fix)


@pytest.mark.parametrize("layout", ["beir", "trec"])
def test_one_file_is_no_folder(write: Write, tmp_path: Path, layout: str) -> None:
    trec(write)
    (file,) = resolve_paths("qrels.txt", tmp_path)[0].files
    with pytest.raises(DataError, match=f"cannot be read as {layout}") as caught:
        open_reader(file, layout, ReadOptions())
    assert caught.value.fix
