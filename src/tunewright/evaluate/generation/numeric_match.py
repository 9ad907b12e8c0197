"""Whether the number that the answer comes to is that of the reference."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from tunewright.core.config import Config
from tunewright.evaluate.generation.base import EachMetric, ItemScores, Reference

_NUMBER = re.compile(
    r"""(?<![\w.])                     # not inside a word or another number
    [-+−]?[$€£¥]?
    (?:\d{1,3}(?:,\d{3})+|\d+)?        # with or without commas between thousands
    (?:(?<=\d)\.\d+|(?<!\d)\.\d+)?     # 3.5 and .5
    (?:(?<=\d)[eE][-+]?\d+)?
    """,
    re.VERBOSE,
)
_MARK = "####"


class NumericMatchSettings(Config):
    """Of `numeric_match`."""

    find: Literal["marked_or_last", "marked", "last"] = "marked_or_last"
    """Which number is the answer: the one after the last `####` (as GSM8K writes it), the last one
    of the text, or the first of these that there is."""
    tolerance: float = Field(default=1e-6, ge=0)
    """How far apart two numbers may be and still be equal."""
    relative_tolerance: float = Field(default=0.0, ge=0, lt=1)
    """The same as a share of the reference; the larger of the two counts."""


class NumericMatch(EachMetric):
    """1 where the numbers are equal within the tolerance; an answer without a number has failed.

    Source: Cobbe et al., GSM8K, 2021 (2110.14168).
    """

    name = "numeric_match"
    title = "numeric match"
    meaning = "the share of answers that come to the number of the reference"
    right_wrong = True
    Settings = NumericMatchSettings

    def score_one(self, answer: str, reference: Reference) -> float | None:
        found = self._number(answer)
        if found is None:
            return None
        return float(any(self._equal(found, wanted) for wanted in self._wanted(reference)))

    def check(self, references: Sequence[Reference]) -> None:
        for reference in references:
            self._wanted(reference)

    def score_each(
        self, answers: Sequence[str | None], references: Sequence[Reference]
    ) -> ItemScores:
        self.check(references)
        return super().score_each(answers, references)

    def _wanted(self, reference: Reference) -> list[float]:
        numbers = [self._number(text) for text in reference.texts]
        found = [number for number in numbers if number is not None]
        if not found:
            raise reference.unusable(
                "the reference holds no number, so `numeric_match` cannot score this row",
                found=repr(reference.texts[0][-80:]),
                expected="a number, for instance at the end as in `#### 42`",
                fix="mend or remove the row, or use another metric",
            )
        return found

    def _number(self, text: str) -> float | None:
        find = self.settings.find
        _, mark, after = text.rpartition(_MARK)
        if mark and find != "last":
            numbers = numbers_in(after)
            if numbers:
                return numbers[0]
        if find == "marked":
            return None
        numbers = numbers_in(text)
        return numbers[-1] if numbers else None

    def _equal(self, found: float, wanted: float) -> bool:
        room: float = max(self.settings.tolerance, self.settings.relative_tolerance * abs(wanted))
        return abs(found - wanted) <= room


def numbers_in(text: str) -> list[float]:
    """Every finite number of a text in order; signs of currency and commas of thousands aside."""
    found = []
    for match in _NUMBER.finditer(text):
        plain = re.sub("[,$€£¥]", "", match.group()).replace("−", "-")
        if any(c.isdigit() for c in plain):
            try:
                number = float(plain)
            except ValueError:
                continue
            if math.isfinite(number):
                found.append(number)
    return found
