"""A JSON file that is one list of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tunewright.data.bare_lists import as_json_value
from tunewright.data.json_text import write_json_text
from tunewright.data.writers.base import Writer, encoded


class JsonWriter(Writer):
    """One JSON list with an object on each line, in UTF-8."""

    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    _between = b"[\n"

    def write(self, values: Mapping[str, object]) -> None:
        self._stream.write(self._between + encoded(write_json_text(as_json_value(values)), values))
        self._between = b",\n"

    def finish(self) -> None:
        self._stream.write(b"[]\n" if self._between == b"[\n" else b"\n]\n")
