"""The base model, asked: as it is, with a few examples, or with the examples most like the row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from pydantic import Field

from tunewright.candidates.base import Counts
from tunewright.candidates.generate.base import (
    Said,
    TextCandidate,
    TextSetting,
    recalled,
    remembered,
)
from tunewright.candidates.generate.similar import Similar
from tunewright.core.config import Config
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count
from tunewright.data.content import SYSTEM, Completion, Content, Conversation
from tunewright.data.contents import without_answer

_BETWEEN = "\n\n"
"""Stands between examples that are plain texts."""


class _Prompt(TextCandidate):
    """Puts a row, with what is shown before it, to the base model."""

    prompts = True

    def __init__(self, settings: Config) -> None:
        super().__init__(settings)
        self._shown_examples = self._left_out = 0

    def answer(self, rows: Sequence[Content], setting: TextSetting) -> list[Said]:
        assert setting.prompted is not None, "this candidate needs the base model"
        shown = self._shown(rows)
        self._shown_examples += sum(map(len, shown))
        asked = [self._fitted(*pair, setting) for pair in zip(rows, shown, strict=True)]
        said = setting.prompted(asked)
        return [
            up_to_the_next(one, row, examples)
            for one, row, examples in zip(said, rows, shown, strict=True)
        ]

    @abstractmethod
    def _shown(self, rows: Sequence[Content]) -> list[list[Content]]:
        """The examples that stand before each row."""

    def _fitted(self, row: Content, shown: list[Content], setting: TextSetting) -> Content:
        """A row behind as many of its examples as leave room for an answer, the last of them."""
        asked = without_answer(row)
        if setting.prompt_tokens is None or not shown:
            return with_examples(asked, shown)
        for count in range(len(shown), 0, -1):
            prompt = with_examples(asked, shown[len(shown) - count :])
            if setting.prompt_tokens(prompt) <= setting.most_tokens:
                self._left_out += len(shown) - count
                return prompt
        self._left_out += len(shown)
        return asked

    def notes(self) -> list[str]:
        if not self._left_out:
            return []
        examples = format_count(self._shown_examples, "example")
        return [f"{self._left_out:,} of {examples} did not fit into their prompts"]


class ZeroShotPrompt(_Prompt):
    """The base model as it is, given nothing but the row.

    Relations: what the model can do already. Its instructions are the project's own: a system turn
    (`rendering.system`), or what stands in the rows.
    """

    kind = "zero_shot"

    def fit(self, rows: Sequence[Content], setting: TextSetting) -> None:
        self.values = {}

    def _shown(self, rows: Sequence[Content]) -> list[list[Content]]:
        return [[] for _ in rows]


class ShotsSettings(Config):
    """Settings of `few_shot` and `rag`."""

    shots: Counts = Field(default=[4], min_length=1)
    """Examples before each row; each number is a candidate of its own."""


class _Shots(_Prompt):
    Settings = ShotsSettings
    settings: ShotsSettings

    @classmethod
    def variants(cls, settings: Config) -> list[tuple[str, Config]]:
        assert isinstance(settings, ShotsSettings)
        return [(f"-{shots}", ShotsSettings(shots=[shots])) for shots in settings.shots]


class FewShotPrompt(_Shots):
    """The base model, shown the same few training examples before every row.

    Relations: the examples are drawn once, so that all prompts begin alike and that beginning is
    computed once. Fewer shots are a subset of more.
    """

    kind = "few_shot"

    def fit(self, rows: Sequence[Content], setting: TextSetting) -> None:
        rng = np.random.default_rng(derive_seed(setting.seed, "few_shot"))
        drawn = rng.permutation(len(rows))[: self.settings.shots[0]]
        self.values = {"examples": remembered([rows[row] for row in reversed(drawn)])}

    def _shown(self, rows: Sequence[Content]) -> list[list[Content]]:
        return [recalled(self.values["examples"])] * len(rows)


class RetrievedPrompt(_Shots):
    """The base model, shown the training examples whose questions are most like the row's.

    Relations: retrieval as of `nearest_example`, with a model that may change the answer; the most
    similar example stands last. New examples count at once, without training.
    """

    kind = "rag"

    def fit(self, rows: Sequence[Content], setting: TextSetting) -> None:
        self.values = {"examples": remembered(rows)}
        for name in ("_similar", "_examples"):
            self.__dict__.pop(name, None)

    @cached_property
    def _examples(self) -> list[Content]:
        return recalled(self.values["examples"])

    @cached_property
    def _similar(self) -> Similar:
        return Similar([row.question for row in self._examples])

    def _shown(self, rows: Sequence[Content]) -> list[list[Content]]:
        if not rows:
            return []
        found = self._similar.nearest([row.question for row in rows], self.settings.shots[0])
        return [[self._examples[place] for place in reversed(places)] for places in found]


def with_examples(row: Content, examples: Sequence[Content]) -> Content:
    """A row behind examples: their turns before its first one, or their texts before its text.

    A system turn of the row's own stays first, and those of examples are left out.
    """
    if not examples:
        return row
    if isinstance(row, Conversation):
        head = tuple(m for m in row.messages[:1] if m.role == SYSTEM)
        turns = [m for e in examples if isinstance(e, Conversation) for m in e.messages]
        if not head and turns and turns[0].role == SYSTEM:
            head = (turns[0],)
        before = tuple(turn for turn in turns if turn.role != SYSTEM)
        own = row.messages[1:] if row.messages[:1] == head and head else row.messages
        return replace(row, messages=(*head, *before, *own))
    if isinstance(row, Completion):
        shown = [e for e in examples if isinstance(e, Completion)]
        texts = [f"{e.prompt}{e.completion or ''}{_BETWEEN}" for e in shown]
        return replace(row, prompt="".join(texts) + row.prompt)
    return row


def up_to_the_next(said: Said, row: Content, examples: Sequence[Content]) -> Said:
    """An answer without the further examples that a model invents behind it.

    Only where rows are plain texts, without turns that would end: what stands between examples then
    ends an answer, unless answers of examples hold it themselves.
    """
    if said.text is None or not isinstance(row, Completion) or not examples:
        return said
    if any(_BETWEEN in (example.answer or "") for example in examples):
        return said
    text, found, _ = said.text.partition(_BETWEEN)
    return replace(said, text=text, cut_off=False) if found else said
