"""JSON Lines: one object on each line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tunewright.data.bare_lists import as_json_value
from tunewright.data.json_text import write_json_text
from tunewright.data.writers.base import Writer, encoded


class JsonLinesWriter(Writer):
    """One JSON object on each line, in UTF-8."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def write(self, values: Mapping[str, object]) -> None:
        self._stream.write(encoded(write_json_text(as_json_value(values)), values) + b"\n")
