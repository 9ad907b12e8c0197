"""The canonical form of one row, and of one row that could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tunewright.core.hashing import hash_value

_ID_DIGITS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a row stands in the person's own files."""

    file: str
    """The file as messages name it: relative to the project folder where it lies inside."""

    row: int
    """1-based number of the record; a header and blank lines are not counted."""

    line: int | None = None
    """1-based physical line on which the record starts, for formats that have lines."""

    def __str__(self) -> str:
        line = "" if self.line is None else f" (line {self.line})"
        return f"{self.file}, row {self.row}{line}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One usable row. A study holds up to some 200,000 of them, so they carry nothing unused."""

    id: str
    """See `example_id`; within one `read_examples` call no two examples share it."""

    source: Source

    inputs: dict[str, str]
    """Text column to text, exactly as it stands in the file."""

    target: str | None
    """The label without outer white space, or None in a split that need not be labelled."""

    group: str | None
    """Rows of one group (a customer, a thread) are never divided between splits."""

    columns: dict[str, str]
    """Slice column to value, without outer white space; a missing value has no key."""

    time: str | None = None
    """Value of the `time` column, as written."""

    synthetic: bool = False
    """Whether a model wrote it; such a row is only ever learned from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """One row that was not used, and why."""

    source: Source

    reason: str
    """A short code: `malformed_row`, `wrong_field_count`, `bad_json`, `bad_encoding`,
    `not_text`, `empty_text`, `missing_label`."""

    message: str
    """One sentence for people, without the place."""

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


def example_id(inputs: Mapping[str, str], target: str | None, group: str | None) -> str:
    """Content hash of an example, as 16 hexadecimal digits (64 bits of blake2b).

    It depends on nothing but the content, so it survives a reordered or a longer file.
    """
    return hash_value([dict(inputs), target, group])[:_ID_DIGITS]


class ExampleIds:
    """Gives ids to examples in order: equal rows become `<hash>`, `<hash>-2`, `<hash>-3`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def assign(self, inputs: Mapping[str, str], target: str | None, group: str | None) -> str:
        """The id of the next example with this content."""
        plain = example_id(inputs, target, group)
        self._seen[plain] += 1
        count = self._seen[plain]
        return plain if count == 1 else f"{plain}-{count}"
