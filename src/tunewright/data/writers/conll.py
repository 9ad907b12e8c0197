"""Tokens and their tags, one a line, with a blank line between sentences (CoNLL)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from tunewright.data.carried import CARRIED, NotCarriedError, with_cells
from tunewright.data.json_text import Number, write_json_text
from tunewright.data.readers.conll import TAGS, TOKENS, field_names
from tunewright.data.readers.conll_lines import DOCUMENT_START, MOST_TOKENS
from tunewright.data.values import shown
from tunewright.data.writers.base import UnwritableError, Writer, encoded, refuse_nul
from tunewright.data.writers.plain_text import BYTE_ORDER_MARK
from tunewright.data.writers.tables import cell_text, not_carried

_FIELD = re.compile(r"tokens|tags|column_[1-9]\d*")
_KEY = re.compile(r"[^\s=]+")
_BREAKING = re.compile(r"[\t\r\n]")


class ConllWriter(Writer):
    """The columns `tokens`, `tags` and `column_2`, ... as fields with tabs between them; all other
    columns as comments above the sentence (`# id = 7`)."""

    suffixes: ClassVar[tuple[str, ...]] = (".conll", ".bio", ".iob2", ".iob", ".bioes")
    _fields: int | None = None

    def write(self, values: Mapping[str, object]) -> None:
        lines = [*self._comments(values), *self._tokens(values)]
        text = "\n".join(lines) + "\n"
        first = self._fields is None
        content = encoded(text if first else f"\n{text}", values)
        if first and text.startswith(BYTE_ORDER_MARK):
            content = encoded(BYTE_ORDER_MARK, {}) + content
        self._stream.write(content)
        self._fields = len(self._names(values))

    def _names(self, values: Mapping[str, object]) -> list[str]:
        """The columns of the row that are fields, which must be those of every row."""
        names = [name for name in values if _FIELD.fullmatch(name)]
        wanted = field_names(len(names))
        if set(names) != set(wanted):
            raise UnwritableError(
                "no_place",
                f"a sentence has the columns {', '.join(wanted)}, not {', '.join(sorted(names))}"
                if names
                else "the row has no column 'tokens'",
                next((name for name in names if name not in wanted), TOKENS),
            )
        if self._fields is not None and len(names) != self._fields:
            raise UnwritableError(
                "wrong_field_count",
                f"the row has {len(names)} of the columns that are fields, where the rows above "
                f"have {self._fields}",
                TAGS if TAGS not in names else names[-1],
            )
        return wanted

    def _tokens(self, values: Mapping[str, object]) -> list[str]:
        names = self._names(values)
        columns = [_texts(values[name], name) for name in names]
        length = len(columns[0])
        for name, column in zip(names, columns, strict=True):
            if len(column) != length:
                message = f"{shown(name)} has {len(column)} elements, 'tokens' has {length}"
                raise UnwritableError("wrong_length", message, name)
            for text in column:
                _refuse_field(text, name, alone=len(names) == 1, last=name == names[-1])
        if not 0 < length <= MOST_TOKENS:
            message = f"a sentence has 1 to {MOST_TOKENS:,} tokens, not {length:,}"
            raise UnwritableError("wrong_length", message, TOKENS)
        if any(text.startswith(DOCUMENT_START) for text in columns[0]):
            message = f"a token begins with {DOCUMENT_START}, which marks a document"
            raise UnwritableError("no_place", message, TOKENS)
        return ["\t".join(fields) for fields in zip(*columns, strict=True)]

    def _comments(self, values: Mapping[str, object]) -> list[str]:
        others = {
            name: value
            for name, value in values.items()
            if name != CARRIED and not _FIELD.fullmatch(name)
        }
        as_json = [name for name, value in others.items() if _needs_json(value)]
        try:
            carried = with_cells(values, json=as_json, null=[], absent=[])
        except NotCarriedError as problem:
            raise not_carried(problem) from problem
        if carried:
            others[CARRIED] = carried
        lines = []
        for name, value in others.items():
            if not _KEY.fullmatch(name):
                message = f"a comment cannot name the column {shown(name)}"
                raise UnwritableError("column_name", message, name)
            whole = name in as_json or name == CARRIED
            text = write_json_text(value) if whole else cell_text(value)
            refuse_nul(text, name, "a CoNLL file")
            lines.append(f"# {name} = {text}")
        return lines


def _texts(value: object, name: str) -> list[str]:
    texts = value if isinstance(value, list | tuple) else None
    if texts is None or not all(type(text) is str for text in texts):
        raise UnwritableError("wrong_type", f"{shown(name)} is no list of texts", name)
    return list(texts)


def _refuse_field(text: str, name: str, *, alone: bool, last: bool) -> None:
    problem = None
    if not text.strip():
        problem = "an empty element"
    elif _BREAKING.search(text):
        problem = "an element with a tab or a line break"
    elif (alone and len(text.split()) != 1) or (last and text != text.strip()):
        problem = "an element with white space"
    elif alone and text.startswith("#"):
        problem = "an element that would be read as a comment"
    if problem is not None:
        message = f"{shown(name)} holds {problem}, which a CoNLL file cannot hold"
        raise UnwritableError("no_place", message, name)
    refuse_nul(text, name, "a CoNLL file")


def _needs_json(value: object) -> bool:
    """Whether a value is no text, or one that a comment would not keep as it is."""
    if not isinstance(value, str) or isinstance(value, Number):
        return True
    return value != value.strip() or _BREAKING.search(value) is not None
