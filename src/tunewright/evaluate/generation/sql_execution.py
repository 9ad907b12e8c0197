"""Whether the query of an answer gives what the query of the reference gives."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field, model_validator

from tunewright.core.config import Config
from tunewright.core.errors import ConfigError, DataError
from tunewright.evaluate.generation.base import EachMetric, ItemScores, Reference
from tunewright.evaluate.generation.sql_database import (
    Limits,
    RefusedError,
    Result,
    from_script,
    from_tables,
    has_rows,
    is_ordered,
    open_file,
    run_query,
)

_OPEN = 64
"""Databases held open at once."""
_FIELD = re.compile(r"\{([^{}]*)\}")
_PLAIN_NAME = re.compile(r"[\w][\w .\-]*")


class SqlSettings(Config):
    """Of `sql_execution`; exactly one of `database`, `schema_file` and `table_column`."""

    database: str | None = None
    """A SQLite file. `{db_id}` stands for the value of that column in each row, as in
    `databases/{db_id}.sqlite`. It is opened for reading only."""
    schema_file: str | None = None
    """A file of SQL that makes the tables and fills them, run in memory."""
    table_column: str | None = None
    """The column of each row that holds its tables: SQL that makes and fills them, or JSON as
    `{"name": ..., "header": [...], "rows": [[...]]}`, or a list of such."""
    steps: int = Field(default=50_000_000, ge=10_000)
    """How much a query may compute, in steps of SQLite's virtual machine (about a second); the
    same on every machine. One that needs more has failed."""
    seconds: float = Field(default=30.0, gt=0)
    """A limit of wall time behind it."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [self.database, self.schema_file, self.table_column]
        if sum(value is not None for value in given) != 1:
            raise ValueError(
                "`sql_execution` needs the tables that queries run on|give one of "
                "`database: file.sqlite`, `schema_file: file.sql` and `table_column: name`"
            )
        return self


class SqlExecution(EachMetric):
    """1 where both results are the same; a query that does not run has failed.

    Rows are compared as a multiset, and in order where the reference says `ORDER BY`; columns by
    their place, whatever their names.

    Source: Yu et al., Spider, EMNLP 2018 (1809.08887); Zhong et al., WikiSQL, 2017 (1709.00103).
    """

    name = "sql_execution"
    title = "SQL execution accuracy"
    meaning = "the share of queries that give the same result as the reference"
    right_wrong = True
    Settings = SqlSettings

    def __init__(self, settings: Config | None = None, *, folder: Any = None) -> None:
        super().__init__(settings, folder=folder)
        self._open: OrderedDict[str, sqlite3.Connection] = OrderedDict()
        self._wanted: dict[tuple[str, str], Result] = {}
        self._limits = Limits(steps=self.settings.steps, seconds=self.settings.seconds)

    def score_one(self, answer: str, reference: Reference) -> float | None:
        wanted = [(text, self._reference_result(text, reference)) for text in reference.texts]
        try:
            found = run_query(self._database(reference), answer, self._limits)
        except RefusedError:
            return None
        return float(any(_same(found, result, text) for text, result in wanted))

    def check(self, references: Sequence[Reference]) -> None:
        for reference in references:
            for text in reference.texts:
                self._reference_result(text, reference)

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        self.check(references)
        return super().score_each(answers, references)

    def _reference_result(self, query: str, reference: Reference) -> Result:
        key = (self._key(reference), query)
        if key not in self._wanted:
            try:
                self._wanted[key] = run_query(self._database(reference), query, self._limits)
            except RefusedError as problem:
                raise reference.unusable(
                    "the query of the reference does not run",
                    found=f"{problem}: {query[:200]}",
                    fix="mend or remove the row, or use `exact_match`",
                ) from problem
        return self._wanted[key]

    # -- databases --------------------------------------------------------------------------------

    def _key(self, reference: Reference) -> str:
        """What tells the databases of rows apart."""
        if self.settings.table_column is not None:
            value = self._column(reference, self.settings.table_column)
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if self.settings.schema_file is not None:
            return str(self.settings.schema_file)
        return _FIELD.sub(lambda field: self._file_part(reference, field), self.settings.database)

    def _database(self, reference: Reference) -> sqlite3.Connection:
        key = self._key(reference)
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        while len(self._open) >= _OPEN:
            _, oldest = self._open.popitem(last=False)
            oldest.close()
        connection = self._opened(key, reference)
        if not has_rows(connection):
            connection.close()
            raise self._empty(reference)
        self._open[key] = connection
        return connection

    def _opened(self, key: str, reference: Reference) -> sqlite3.Connection:
        if self.settings.database is not None:
            return open_file(self.folder / key)
        if self.settings.schema_file is not None:
            return self._from_schema_file()
        try:
            tables = _as_tables(key)
            return from_script(key) if tables is None else from_tables(tables)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as problem:
            raise reference.unusable(
                f"the tables in column '{self.settings.table_column}' cannot be made",
                found=str(problem),
                expected='SQL, or JSON as {"name": ..., "header": [...], "rows": [[...]]}',
                fix="mend or remove the row, or use `exact_match`",
            ) from problem

    def _from_schema_file(self) -> sqlite3.Connection:
        path = self.folder / self.settings.schema_file
        try:
            return from_script(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, sqlite3.Error, sqlite3.Warning) as problem:
            raise ConfigError(
                "the tables cannot be made from this file",
                file=path,
                found=str(problem),
                fix="correct the file, or `schema_file:` in `metric_settings`; it is relative to "
                "the project file",
            ) from problem

    def _empty(self, reference: Reference) -> Exception:
        what = "the tables have no rows: most queries would give the same empty result"
        if self.settings.table_column is not None:
            return reference.unusable(
                what, fix="give the tables rows, or use `exact_match`, which needs none"
            )
        return ConfigError(
            what,
            file=self.folder / (self.settings.schema_file or self._key(reference)),
            fix="fill the tables, or use `exact_match`, which needs none",
        )

    def _column(self, reference: Reference, name: str) -> Any:
        value = reference.columns.get(name)
        if value is None or value == "":
            raise DataError(
                f"the row has no column '{name}', which `sql_execution` needs",
                file=reference.file or None,
                row=reference.row,
                found=", ".join(sorted(reference.columns)) or "no columns",
                fix="correct `metric_settings`, or the row",
            )
        return value

    def _file_part(self, reference: Reference, field: re.Match[str]) -> str:
        """A column's value as part of a file's name; it must not lead to another folder."""
        value = str(self._column(reference, field.group(1)))
        if not _PLAIN_NAME.fullmatch(value):
            raise reference.unusable(
                f"the value of column '{field.group(1)}' cannot be part of a file's name",
                found=repr(value),
                expected="letters, digits, spaces, `-`, `_` and `.`",
                fix="mend the row",
            )
        return value


def _same(found: Result, wanted: Result, query: str) -> bool:
    if is_ordered(query):
        return found.in_order == wanted.in_order
    return found.as_multiset == wanted.as_multiset


def _as_tables(text: str) -> list[Mapping[str, Any]] | None:
    """Tables written as JSON; None where the text is SQL."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    found = json.loads(text)
    tables = found if isinstance(found, list) else [found]
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise ValueError("the JSON holds no table")
    return tables
