"""Classes that the `datasets` library stored as numbers get their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewright.data.formats import open_reader
from tunewright.data.paths import resolve_paths
from tunewright.data.readers.base import ReadOptions, Record
from tunewright.data.readers.class_names import stored_names

TAGS = {"names": ["O", "B-place"], "_type": "ClassLabel"}
FEATURES = {
    "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    "ner_tags": {"feature": TAGS, "_type": "Sequence"},
    "label": TAGS,
}
ROWS: dict[str, list[Any]] = {
    "tokens": [["in", "Oslo"], ["no"], None],
    "ner_tags": [[0, 1], [7], None],
    "label": [1, -1, None],
}


def table(features: Any = FEATURES) -> pa.Table:
    noted = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(ROWS).replace_schema_metadata(noted)


def write(path: Path, content: pa.Table) -> None:
    if path.suffix == ".parquet":
        pq.write_table(content, path)
        return
    with (
        pa.OSFile(str(path), "wb") as stream,
        pa.ipc.new_stream(stream, content.schema) as writer,
    ):
        writer.write_table(content)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
def test_names_stand_in_the_place_of_numbers(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, table())
    (file,) = resolve_paths(name, tmp_path)[0].files
    rows = [r.values for r in open_reader(file, "auto", ReadOptions()).records()
            if isinstance(r, Record)]  # fmt: skip
    assert rows == [
        {"tokens": ["in", "Oslo"], "ner_tags": ["O", "B-place"], "label": "B-place"},
        {"tokens": ["no"], "ner_tags": [None], "label": None},
        {"tokens": None, "ner_tags": None, "label": None},
    ]


def test_a_list_of_one_feature_is_a_sequence_too() -> None:
    noted = json.dumps({"info": {"features": {"tags": [TAGS]}}}).encode()
    assert stored_names({b"huggingface": noted}) == {"tags": ["O", "B-place"]}


@pytest.mark.parametrize(
    "noted",
    [
        *(b"", b"{", b"[]", b'{"info": 1}', b'{"info": {"features": []}}', b"\xff"),
        b'{"info": {"features": {"a": {"_type": "ClassLabel", "names": [1]}}}}',
        b'{"info": {"features": {"a": {"_type": "ClassLabel"}, "b": [], "c": null}}}',
    ],
)
def test_other_notes_are_passed_over(noted: bytes) -> None:
    assert stored_names({b"huggingface": noted}) == {}
    assert stored_names(None) == {}
