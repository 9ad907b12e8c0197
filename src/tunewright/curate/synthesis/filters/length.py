"""Is it about as long as the person's rows?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.synthesis.filters.base import PREFERENCES, OneByOne
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection, question_of
from tunewright.data.content import Content, Labelled

_FEWEST_SEEDS = 8
_LOW, _HIGH = 0.025, 0.975
_SLACK = 1.5
"""The band of the seeds is widened by this factor on both sides."""
_EVOLVED = 2.0
"""A request that was evolved may be longer still: by the twenty words or so that it may gain."""
_FOR_PASSAGES = {"question": (10, 400), "answer": (1, 1200)}
"""Characters, where there are no rows to go by."""


class LengthFilter(OneByOne):
    """Takes out requests and answers shorter or longer than nearly all of the seeds (2.5 to 97.5 %,
    widened by half)."""

    name: ClassVar[str] = "length"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        contents = [seed.content for seed in material.seeds]
        questions = [len(question_of(content)) for content in contents]
        answers = [len(c.answer or "") for c in contents if not isinstance(c, Labelled)]
        of_passages = material.config.method == "questions"
        self.bands: dict[str, tuple[int, int]] = {}
        """Fewest and most characters of `question` and `answer`."""
        if len(contents) >= _FEWEST_SEEDS and not of_passages:
            self.bands["question"] = band(questions)
            if answers and material.config.method != PREFERENCES:  # not in the seeds' manner
                self.bands["answer"] = band(answers)
        elif of_passages:
            self.bands = dict(_FOR_PASSAGES)
        if material.config.method == "evolve" and "question" in self.bands:
            low, high = self.bands["question"]
            self.bands["question"] = (low, int(high * _EVOLVED))

    def why_not(self) -> str | None:
        return None if self.bands else f"fewer than {_FEWEST_SEEDS} seeds"

    def look(self, draft: Draft, content: Content) -> Rejection | None:
        texts = {"question": question_of(content), "answer": content.answer or ""}
        for part, (low, high) in self.bands.items():
            length = len(texts[part])
            if not low <= length <= high:
                what = "short" if length < low else "long"
                name = "answer" if part == "answer" else "text or request"
                numbers = {"part": part, "characters": length, "band": [low, high]}
                return Rejection(reason=f"the {name} is too {what}", numbers=numbers)
        return None


def band(lengths: Sequence[int]) -> tuple[int, int]:
    """The fewest and most characters that are let pass."""
    ordered = sorted(lengths)
    last = len(ordered) - 1
    low, high = ordered[int(_LOW * last)], ordered[-(-int(_HIGH * last * 1000) // 1000)]
    return max(1, int(low / _SLACK)), max(1, int(high * _SLACK))
