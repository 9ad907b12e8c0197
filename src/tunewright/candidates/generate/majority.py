"""The most frequent answer, whatever is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunewright.candidates.generate.base import Said, TextCandidate, TextSetting
from tunewright.data.content import Content


class MajorityAnswer(TextCandidate):
    """Always the most frequent answer of the training rows; of equally frequent ones the shortest.

    Relations: shows what the scale of a metric begins with. Nobody would ship it, so it is no
    contender.
    """

    kind = "floor"

    def fit(self, rows: Sequence[Content], setting: TextSetting) -> None:
        counts = Counter(row.answer or "" for row in rows)
        best = min(counts, key=lambda text: (-counts[text], len(text), text))
        self.values = {"answer": best}

    def answer(self, rows: Sequence[Content], setting: TextSetting) -> list[Said]:
        return [Said(text=self.values["answer"])] * len(rows)
