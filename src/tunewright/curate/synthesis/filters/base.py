"""What every filter of synthesis promises: a reason with numbers for each draft it rejects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection, question_of
from tunewright.data.content import Content

PREFERENCES, CLASSES = "preferences", "class_conditional"


class Filter(ABC):
    """Judges drafts that have passed the filters before it."""

    name: ClassVar[str]

    def __init__(self, material: Material) -> None:
        self.material = material
        self.config = material.config

    def why_not(self) -> str | None:
        """Why it has nothing to do here, as a clause; None where it is used."""
        return None

    @abstractmethod
    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        """What is wrong with each draft; None where nothing is."""


class OneByOne(Filter):
    """A filter that looks at one content at a time."""

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        return [self.look(draft, _content(draft)) for draft in drafts]

    @abstractmethod
    def look(self, draft: Draft, content: Content) -> Rejection | None:
        """What is wrong with one draft."""


def _content(draft: Draft) -> Content:
    assert draft.content is not None, "the schema filter lets nothing without content pass"
    return draft.content


def question(draft: Draft) -> str:
    """What a draft asks."""
    return question_of(_content(draft))


def answer(draft: Draft) -> str:
    """Its answer."""
    return _content(draft).answer or ""
