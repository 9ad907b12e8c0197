"""The file formats that can be read: one small file for each, found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.core.registry import Registry

if TYPE_CHECKING:
    from tunewright.data.readers.base import Reader

_HERE = "tunewright.data.readers"

READERS: Registry[Reader] = Registry(
    "format",
    f"{_HERE}.base:Reader",
    {
        "csv": f"{_HERE}.delimited:CsvReader",
        "tsv": f"{_HERE}.delimited:TsvReader",
        "json": f"{_HERE}.json_document:JsonReader",
        "jsonl": f"{_HERE}.json_lines:JsonLinesReader",
        "parquet": f"{_HERE}.parquet:ParquetReader",
        "text": f"{_HERE}.plain_text:TextReader",
        "arrow": f"{_HERE}.arrow:ArrowReader",
        "conll": f"{_HERE}.conll:ConllReader",
        "documents": f"{_HERE}.documents:DocumentsReader",
        "beir": f"{_HERE}.judgements:BeirReader",
        "trec": f"{_HERE}.judgements:TrecReader",
        "hub": f"{_HERE}.hub:HubReader",
    },
)
"""A new format is one file with a `Reader`, registered here or by the entry-point group
`tunewright.format`."""
