"""Is it a whole row, and one of its own?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.synthesis.filters.base import Filter
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection, question_of
from tunewright.data.content import Content
from tunewright.data.normalise import normalise
from tunewright.data.schemas.base import CannotHoldError, UnusableRowError

MARKERS = (
    "<|",
    "|>",
    "[INST]",
    "[/INST]",
    "<s>",
    "</s>",
    "### ",
    "```json",
    "New request:",
    "as an ai language model",
    "as a language model",
)
"""What stays behind when a model repeats its prompt, or speaks of itself. A marker that the
person's own rows hold is none."""

_LABELS = re.compile(r"(?im)^\s*(?:request|question|answer|passage)\s*\d*\s*:")
_SOURCE = r"(?:the|this|that)\s+(?:given\s+|above\s+)?(?:passage|excerpt|text)"
_OF_THE_PASSAGE = re.compile(
    rf"(?i)\b(?:according\s+to|based\s+on|in|from|by|does|did|is)\s+{_SOURCE}\b"
    rf"|\b{_SOURCE}\s+(?:above|says?|states?|mentions?|describes?|tells?|gives?)\b"
)
"""A question that only somebody with the passage before them understands. 'The passage of air' is
none."""
_SEEDS_LOOKED_AT = 2000


class SchemaFilter(Filter):
    """Takes out what cannot be read, is empty or cut, repeats an example or itself, or carries
    marks of the prompt."""

    name: ClassVar[str] = "schema"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        texts = "\n".join(
            piece.text for s in material.seeds[:_SEEDS_LOOKED_AT] for piece in s.content.pieces()
        )
        lower = texts.lower()
        self._markers = [marker for marker in MARKERS if marker.lower() not in lower]
        self._labels = None if _LABELS.search(texts) else _LABELS
        self._seen = {_whole(seed.content) for seed in material.seeds}

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        return [self._look(draft) for draft in drafts]

    def _look(self, draft: Draft) -> Rejection | None:
        if draft.content is None or draft.problem is not None:
            return Rejection(reason=draft.problem or "nothing that could be read")
        problem = self._unreadable(draft.content) or self._empty(draft.content)
        if problem is not None:
            return Rejection(reason=problem)
        asked = normalise(question_of(draft.content))
        if draft.method != "preferences" and any(asked == normalise(s) for s in draft.shown):
            return Rejection(reason="a copy of an example in its prompt")
        if asked and asked == normalise(draft.content.answer or ""):
            return Rejection(reason="the answer repeats the request")
        marker = self._marker(draft)
        if marker is not None:
            return Rejection(reason="marks of the prompt are left in it", numbers={"mark": marker})
        whole = _whole(draft.content)
        if whole in self._seen:
            return Rejection(reason="the same as another row")
        self._seen.add(whole)
        return None

    def _unreadable(self, content: Content) -> str | None:
        schema = self.material.schema
        try:
            read = schema.read(schema.write(content))
        except (CannotHoldError, UnusableRowError) as problem:
            return str(problem)
        return None if read == content else f"{schema.name} reads the row otherwise than written"

    def _empty(self, content: Content) -> str | None:
        if not question_of(content).strip():
            return "the text or request is empty"
        if not (content.answer or "").strip():
            return "the answer is empty"
        return None

    def _marker(self, draft: Draft) -> str | None:
        assert draft.content is not None
        texts = [piece.text for piece in draft.content.pieces()]
        for text in texts:
            lower = text.lower()
            found = next((mark for mark in self._markers if mark.lower() in lower), None)
            if found is not None:
                return found
            label = self._labels.search(text) if self._labels is not None else None
            passage = _OF_THE_PASSAGE.search(text) if "_passage" in draft.details else None
            if label or passage:
                return (label or passage)[0].strip()  # type: ignore[index]
        return None


def _whole(content: Content) -> tuple[str, str]:
    return normalise(question_of(content)), normalise(content.answer or "")
