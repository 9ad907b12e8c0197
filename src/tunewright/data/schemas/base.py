"""What every layout of rows promises: recognise itself, read a row, write a row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tunewright.data.content import Content

TaskName = Literal["classify", "generate", "tag", "retrieve"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One thing that a row of a schema says."""

    name: str
    """As `columns:` in the project file calls it."""

    spellings: tuple[str, ...]
    """Names of columns that hold it, most telling first, in lower case with `_` between words.
    Compared without case, and with spaces, `-` and humps read as `_`."""

    about: str
    """What it holds, in a few words for people."""

    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """Why a file may have a schema."""

    columns: dict[str, str]
    """Field to the column that holds it; optional fields without a column are left out."""

    score: float
    """0 to 1; the schema with the highest score is proposed. See `Schema.match`."""

    reason: str
    """The rest of the sentence 'rows are read as alpaca, because ...'."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnValues:
    """The first values of one column, as the file holds them."""

    name: str
    values: Sequence[object]
    """Text, number, bool, None, list or dict; one for each row that was looked at."""


class UnusableRowError(Exception):
    """A row that a schema cannot read.

    Args:
        reason: a short code for `Rejected.reason`, as `missing_field`, `missing_answer`,
            `wrong_type`, `empty_row`, `bad_encoding`, `unknown_role`.
        message: one sentence for people that names the column, without the place of the row.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class CannotHoldError(Exception):
    """A content that a schema has no place for, as one sentence ('alpaca has no place for tool
    calls')."""


class Schema(ABC):
    """A layout of rows.

    A schema with its columns is a value: reading a row never depends on the rows before it.
    """

    name: ClassVar[str]
    task: ClassVar[TaskName]
    """What such rows are for."""

    holds: ClassVar[tuple[type[Content], ...]]
    """Kinds of content that `write` may be given; `read` gives the first of them."""

    fields: ClassVar[tuple[Field, ...]]

    example: ClassVar[str]
    """A row as JSON text, for the documentation."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        """
        Args:
            columns: field to column. A field that is left out has the column of its own name; an
                empty name says that there is no such column.
        """
        given = {**{field.name: field.name for field in self.fields}, **columns}
        self.columns = {name: column for name, column in given.items() if column}

    @classmethod
    @abstractmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        """How well a file's first rows fit; None when they cannot be read so.

        Scores are made to be compared: 0.9 and above where the names of the columns are those of
        this schema and of no other, about 0.5 where names are general and the values fit, below
        0.3 where only the values say so.
        """

    @abstractmethod
    def read(self, values: Mapping[str, object]) -> Content:
        """The content of a row.

        What is odd but can be read (roles out of order, an empty answer) is read as it is; the
        checks of the data tell of it.

        Raises:
            UnusableRowError: when a required field is missing, null or of another type, or its text
                holds bytes that are no characters (`values.BAD_BYTE`).
        """

    @abstractmethod
    def write(self, content: Content) -> dict[str, object]:
        """The values of a row with this content, by column.

        `read(write(c)) == c` for every content of the first kind in `holds`; of the others the row
        says the same in the words of this schema. Optional columns with nothing to say are left
        out.

        Raises:
            CannotHoldError: when something in the content has no place here.
        """

    def used_columns(self) -> set[str]:
        """The columns that `read` looks at; all others are extras, which travel with the row."""
        return set(self.columns.values())

    def required_columns(self) -> dict[str, str]:
        """The columns that every file must have, and the field of each."""
        required = {field.name for field in self.fields if field.required}
        return {column: name for name, column in self.columns.items() if name in required}

    @classmethod
    def has_field(cls, name: str) -> bool:
        """Whether `columns:` may name this field."""
        return any(field.name == name for field in cls.fields)
