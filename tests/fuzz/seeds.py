"""A small correct file of every format that can be read, to be damaged in every way."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = [
    {"text": "My card was charged twice", "label": "billing"},
    {"text": 'She said "it never came", twice', "label": "delivery"},
    {"text": "two\nlines, é and 中文 👍", "label": "other"},
    {"text": "", "label": "billing"},
    {"text": "007", "label": "3.10"},
]
"""Quotes, delimiters, line breaks, other scripts, an empty text, digits to be kept."""


def _csv(delimiter: str) -> bytes:
    def cell(text: str) -> str:
        special = any(c in text for c in f'"\n{delimiter}')
        return '"' + text.replace('"', '""') + '"' if special else text

    lines = [delimiter.join(ROWS[0])]
    lines += [delimiter.join(cell(value) for value in row.values()) for row in ROWS]
    return ("\n".join(lines) + "\n").encode()


def _json() -> bytes:
    import json

    return json.dumps(ROWS, ensure_ascii=False, indent=1).encode()


def _jsonl() -> bytes:
    import json

    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def _table() -> pa.Table:
    return pa.Table.from_pylist(ROWS)


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(_table(), sink)
    return sink.getvalue()


def _arrow() -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, _table().schema) as writer:
        writer.write_table(_table())
    return sink.getvalue()


def _text() -> bytes:
    return "first line\nsecond, with é\n\nfourth 👍\n".encode()


def _conll() -> bytes:
    return (
        b"-DOCSTART- O\n\nAnna B-person\nlives O\nin O\nNew B-location\nYork I-location\n. O\n\n"
        b"@paulwalk O\nIt O\n's O\nthe O\nEmpire B-location\n\n"
    )


SEEDS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: _csv(","),
    "tsv": lambda: _csv("\t"),
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "arrow": _arrow,
    "text": _text,
    "conll": _conll,
}
"""By name of the format, as `READERS` knows it."""

COMPRESSED = {
    f"{name}.gz": lambda make=make: gzip.compress(make(), mtime=0)  # type: ignore[misc]
    for name, make in SEEDS.items()
    if name not in ("parquet", "arrow")
}
