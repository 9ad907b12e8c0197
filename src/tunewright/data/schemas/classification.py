"""A text, or several that belong together, and the label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.content import Content, Labelled
from tunewright.data.names import SURE_LABEL_NAMES, TEXT_NAMES
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
    UnusableRowError,
)
from tunewright.data.schemas.cells import text_of
from tunewright.data.values import shown


class Classification(Schema):
    """Columns `text`, `text_2`, `text_3`, ... as many as are mapped, and `label`."""

    name: ClassVar[str] = "classification"
    task: ClassVar[TaskName] = "classify"
    holds: ClassVar[tuple[type[Content], ...]] = (Labelled,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="text", spellings=TEXT_NAMES, about="the text"),
        Field(name="label", spellings=SURE_LABEL_NAMES, about="its label"),
    )

    example: ClassVar[str] = '{"text": "where is my card?", "label": "card"}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        """Never: `detect` recognises tables of texts and labels by far more than their names."""
        return None

    def read(self, values: Mapping[str, object]) -> Labelled:
        column = self.columns["label"]
        label = text_of(values, column, required="missing_label").strip()
        if not label:
            raise UnusableRowError("missing_label", f"the column {shown(column)} is empty")
        texts = {
            column: text_of(values, column, required=None)
            for name, column in self.columns.items()
            if name != "label"
        }
        return Labelled(texts=texts, label=label)

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Labelled):
            raise CannotHoldError(f"a row of texts and a label cannot hold a {content.kind}")
        columns = [column for name, column in self.columns.items() if name != "label"]
        if len(columns) != len(content.texts):
            raise CannotHoldError(f"the row has {len(content.texts)} texts, not {len(columns)}")
        if not (content.label or "").strip():
            raise CannotHoldError(f"{self.name} needs a label, and the row has none")
        texts = dict(zip(columns, content.texts.values(), strict=True))
        return {**texts, self.columns["label"]: content.label}
