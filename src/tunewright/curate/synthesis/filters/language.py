"""Is it in the language of the person's rows?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from tunewright.curate.synthesis.filters.base import Filter, answer, question
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection, question_of
from tunewright.data.content import Content, Labelled

FEWEST_CHARACTERS = 20
"""Shorter texts tell no language."""
_SEEDS = 400
_MAIN_SHARE = 0.6
_MOST_PROBABILITY = 0.1
"""A text is of another language when its seeds' own has less than this."""


class LanguageFilter(Filter):
    """Takes out texts in another language than most of the seeds (or passages) are in."""

    name: ClassVar[str] = "language"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        passages = [passage.text for passage in material.passages[:_SEEDS]]
        self._texts = passages or [_text(s.content) for s in material.seeds[:_SEEDS]]

    @cached_property
    def main(self) -> tuple[str | None, float]:
        """The language of most texts, if one of them has more than half, and its share."""
        texts = [text for text in self._texts if len(text) >= FEWEST_CHARACTERS]
        if not texts or self.material.languages is None:
            return None, 0.0
        counts = Counter(name for name, _ in self.material.languages(texts))
        name, count = counts.most_common(1)[0]
        share = count / len(texts)
        return (name if share >= _MAIN_SHARE else None), share

    def why_not(self) -> str | None:
        if self.material.languages is None:
            return "nothing here tells languages apart"
        return None if self.main[0] else "the seeds have no main language, or are too short"

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        assert self.material.languages is not None
        main = self.main[0]
        assert main is not None
        texts = [_said(draft) for draft in drafts]
        found = self.material.languages(texts) if texts else []
        verdicts: list[Rejection | None] = []
        for text, (name, shares) in zip(texts, found, strict=True):
            probability = shares.get(main, 0.0)
            foreign = name != main and probability < _MOST_PROBABILITY
            if len(text) < FEWEST_CHARACTERS or not foreign:
                verdicts.append(None)
                continue
            numbers = {"language": name, "expected": main, "probability": round(probability, 4)}
            verdicts.append(Rejection(reason=f"in another language ({name})", numbers=numbers))
        return verdicts


def _text(content: Content) -> str:
    said = "" if isinstance(content, Labelled) else content.answer or ""
    return f"{question_of(content)}\n{said}".strip()


def _said(draft: Draft) -> str:
    label = isinstance(draft.content, Labelled)
    return f"{question(draft)}\n{'' if label else answer(draft)}".strip()
