"""The file formats that can be written: one small file for each, found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewright.core.registry import Registry

if TYPE_CHECKING:
    from tunewright.data.writers.base import Writer

_HERE = "tunewright.data.writers"

WRITERS: Registry[Writer] = Registry(
    "file format to write",
    f"{_HERE}.base:Writer",
    {
        "csv": f"{_HERE}.delimited:CsvWriter",
        "tsv": f"{_HERE}.delimited:TsvWriter",
        "json": f"{_HERE}.json_document:JsonWriter",
        "jsonl": f"{_HERE}.json_lines:JsonLinesWriter",
        "parquet": f"{_HERE}.columnar:ParquetWriter",
        "arrow": f"{_HERE}.columnar:ArrowWriter",
        "text": f"{_HERE}.plain_text:TextWriter",
        "conll": f"{_HERE}.conll:ConllWriter",
    },
)
"""A new format is one file with a `Writer`, registered here or by the entry-point group
`tunewright.file format to write`. Its name is that of the reader that reads it."""
