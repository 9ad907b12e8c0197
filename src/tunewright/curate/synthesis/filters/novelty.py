"""Does it say something new?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.synthesis.filters.base import PREFERENCES, Filter, question
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection, question_of
from tunewright.curate.synthesis.similarity import RougeIndex, word_tokens


class NoveltyFilter(Filter):
    """Takes out requests whose ROUGE-L to a seed, or to a new row before them, reaches the bound
    (0.7 in Wang et al. 2022). What passes here joins the pool, whatever later filters say."""

    name: ClassVar[str] = "novelty"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._pool = RougeIndex(material.config.novelty)
        self._names: list[str] = []
        if self.why_not() is None:
            for seed in material.seeds:
                self._add(question_of(seed.content), seed.place)

    def why_not(self) -> str | None:
        same = self.config.method == PREFERENCES
        return "preference pairs keep the requests of their seeds" if same else None

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        return [self._look(draft) for draft in drafts]

    def _look(self, draft: Draft) -> Rejection | None:
        text = question(draft)
        found = self._pool.nearest(word_tokens(text))
        if found is None:
            self._add(text, "a new row")
            return None
        place, similarity = self._names[found[0]], found[1]
        numbers = {"rouge_l": round(similarity, 4), "bound": self.config.novelty, "like": place}
        return Rejection(reason=f"too much like {place}", numbers=numbers)

    def _add(self, text: str, name: str) -> None:
        self._pool.add(word_tokens(text))
        self._names.append(name)
