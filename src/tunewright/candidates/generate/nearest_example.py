"""The answer of the most similar training example."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from tunewright.candidates.generate.base import Said, TextCandidate, TextSetting
from tunewright.candidates.generate.similar import Similar
from tunewright.data.content import Content


class NearestExample(TextCandidate):
    """Says what was said to the most similar question of the training rows, by TF-IDF.

    Relations: runs no model and answers thousands of questions a second. Where questions come back
    in other words it is hard to beat; where an answer has to be put together it cannot be right.
    """

    kind = "nearest"

    def fit(self, rows: Sequence[Content], setting: TextSetting) -> None:
        self.values = {
            "questions": [row.question for row in rows],
            "answers": [row.answer or "" for row in rows],
        }
        self.__dict__.pop("_similar", None)

    @cached_property
    def _similar(self) -> Similar:
        return Similar(self.values["questions"])

    def answer(self, rows: Sequence[Content], setting: TextSetting) -> list[Said]:
        if not rows:
            return []
        places = self._similar.nearest([row.question for row in rows], 1)[:, 0]
        answers = self.values["answers"]
        return [Said(text=answers[place]) for place in places]
