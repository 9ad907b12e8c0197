"""Did a step of evolution fail?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.generators.base import Prompt
from tunewright.curate.synthesis.filters.base import Filter, answer, question
from tunewright.curate.synthesis.rows import Draft, Rejection

_MOST_WORDS_OF_EXCUSE = 80
_EXCUSE = re.compile(r"(?i)\b(?:sorry|i apologi[sz]e|i (?:cannot|can't|am unable to))\b")
_PROMPT_WORDS = re.compile(
    r"(?i)\b(?:(?:changed|given|original|rewritten|new) (?:request|prompt|instruction)|"
    r"twenty words)\b"
)
_WORD = re.compile(r"\w\w+|\d|[^\W_A-Za-z]")
"""A word that may say something: two letters or more, a figure, or a character of another script"""
_EMPTY_WORDS = frozenset(
    {"the", "an", "and", "or", "of", "to", "in", "is", "are", "was", "be", "it"}
    | {"this", "that", "for", "on", "with", "as", "at", "by"}
)
_SAME_TOKENS = 8
_SAME = re.compile(r"(?i)\bsame\b")


class EliminationFilter(Filter):
    """The four rules of Xu et al. 2023: the evolved request asks nothing that its origin did not;
    its answer is an excuse; its answer holds no word; it repeats words of the prompt."""

    name: ClassVar[str] = "elimination"

    def why_not(self) -> str | None:
        return None if self.config.method == "evolve" else "it judges steps of evolution alone"

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        found = [_by_form(draft) for draft in drafts]
        open_ = [place for place, verdict in enumerate(found) if verdict is None]
        prompts: list[Prompt] = [
            _same_prompt(drafts[place].shown[0], question(drafts[place])) for place in open_
        ]
        told = self.material.writer.ask(
            prompts, "same", temperature=0.0, max_new_tokens=_SAME_TOKENS
        )
        for place, answer_ in zip(open_, told, strict=True):
            if answer_.problem is None and _SAME.search(answer_.text):
                reason = "the model says that it asks the same as its origin"
                found[place] = Rejection(reason=reason, numbers={"said": answer_.text[:80]})
        return found


def _by_form(draft: Draft) -> Rejection | None:
    text = answer(draft)
    words = text.split()
    excuse = _EXCUSE.search(text) if len(words) < _MOST_WORDS_OF_EXCUSE else None
    if excuse is not None:
        numbers = {"words": len(words), "most": _MOST_WORDS_OF_EXCUSE}
        return Rejection(reason="the answer is an excuse", numbers=numbers)
    if all(word.lower() in _EMPTY_WORDS for word in _WORD.findall(text)):
        return Rejection(reason="the answer holds no word that says anything")
    copied = _PROMPT_WORDS.search(question(draft))
    if copied is not None:
        return Rejection(reason="it repeats words of the prompt", numbers={"words": copied[0]})
    return None


def _same_prompt(before: str, after: str) -> str:
    return (
        f"First request:\n{before}\n\nSecond request:\n{after}\n\n"
        "Do both ask for the same thing, with the same conditions, breadth and depth? Reply with "
        "one word, Same or Different.\n\nReply:"
    )
