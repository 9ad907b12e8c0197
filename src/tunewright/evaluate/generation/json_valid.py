"""Whether the answer is JSON, and as a schema wants it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from tunewright.core.config import Config
from tunewright.evaluate.generation.base import EachMetric, ItemScores, Reference
from tunewright.evaluate.generation.json_text import NOTHING, Find, Schema, read_json_text


class JsonSettings(Config):
    """Of `json_valid` and `json_field_f1`."""

    json_schema: str | dict[str, Any] | None = None
    """A JSON schema that answers must fit: the name of a file, or the schema itself."""
    find: Find = "whole"
    """`whole`: the answer is JSON and nothing else. `anywhere`: the first object or list in it."""


class JsonMetric(EachMetric):
    """What the metrics of JSON share."""

    Settings: ClassVar[type[Config]] = JsonSettings

    def read(self, answer: str) -> Any:
        """The value, or `NOTHING` when there is none or it does not fit the schema."""
        value = read_json_text(answer, self.settings.find)
        fits = value is NOTHING or self._schema is None or self._schema.fits(value)
        return value if fits else NOTHING

    def check(self, references: Sequence[Reference]) -> None:
        for reference in references:
            self.wanted(reference)

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        self.check(references)
        return super().score_each(answers, references)

    def wanted(self, reference: Reference) -> list[Any]:
        """The values of the references; those of one row are all JSON that fits the schema."""
        values = [self.read(text) for text in reference.texts]
        bad = next((t for t, v in zip(reference.texts, values, strict=True) if v is NOTHING), None)
        if bad is not None:
            schema = " that fits the schema" if self._schema is not None else ""
            raise reference.unusable(
                f"the reference is no JSON{schema}, so `{self.name}` cannot score this row",
                found=repr(bad[:200]),
                fix="mend or remove the row, or use another metric",
            )
        return values

    @cached_property
    def _schema(self) -> Schema | None:
        source = self.settings.json_schema
        return None if source is None else Schema(source, self.folder)


class JsonValid(JsonMetric):
    """1 where the answer is JSON that fits the schema; all others have failed."""

    name = "json_valid"
    title = "valid JSON"
    meaning = "the share of answers that are JSON, and as the schema wants it where there is one"
    right_wrong = True

    def score_one(self, answer: str, reference: Reference) -> float | None:
        return None if self.read(answer) is NOTHING else 1.0

    def check(self, references: Sequence[Reference]) -> None:
        """References are not looked at, but the schema is."""
        _ = self._schema
