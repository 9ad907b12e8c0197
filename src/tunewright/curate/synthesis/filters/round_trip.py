"""Does the model give the same answer when it is asked once more?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.generators.base import Prompt
from tunewright.curate.synthesis.asking import ANSWER, STOP_QUESTION, STOP_REQUEST, without_label
from tunewright.curate.synthesis.filters.base import CLASSES, PREFERENCES, Filter, answer
from tunewright.curate.synthesis.rows import Draft, Rejection
from tunewright.curate.synthesis.similarity import word_tokens
from tunewright.data.normalise import normalise

_TEMPERATURE = 0.7
_SHORT_WORDS = 4
_FINAL = re.compile(
    r"(?:####|\\boxed\{|(?i:(?:final )?answer(?: is)?\s*[:=]?))\s*\$?([^\n}]+?)\s*\}?\.?\s*$",
)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?%?")
_ARTICLES = {"a", "an", "the"}


class RoundTripFilter(Filter):
    """Asks for the answer k times more, drawn; m of these must agree with the row's own.

    Relations: self-consistency (Wang et al. 2022, "Self-Consistency Improves Chain of Thought
    Reasoning") as a filter: it takes out what the model itself is not sure of, not what it is
    wrong about every time.
    """

    name: ClassVar[str] = "round_trip"

    def why_not(self) -> str | None:
        if not self.config.consistency_samples:
            return "no answer was to be asked again"
        judged = {CLASSES: "rows of labels", PREFERENCES: "preference pairs"}
        what = judged.get(self.config.method)
        return f"{what} are judged otherwise" if what else None

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        samples = self.config.consistency_samples
        open_ = [place for place, draft in enumerate(drafts) if draft.again is not None]
        prompts: list[Prompt] = [
            prompt for i in open_ if (prompt := drafts[i].again) is not None for _ in range(samples)
        ]
        told = self.material.writer.ask(
            prompts, "again", temperature=_TEMPERATURE, stop=(*STOP_REQUEST, *STOP_QUESTION)
        )
        found: list[Rejection | None] = [None] * len(drafts)
        needed = min(self.config.consistency_agree, samples)
        for number, place in enumerate(open_):
            mine = answer(drafts[place])
            others = told[number * samples : (number + 1) * samples]
            agreeing = sum(
                other.problem is None
                and agree(mine, without_label(other.text, ANSWER), self.config.consistency_f1)
                for other in others
            )
            if agreeing < needed:
                numbers = {"agree": agreeing, "asked": samples, "needed": needed}
                found[place] = Rejection(
                    reason=f"{agreeing} of {samples} further answers agree", numbers=numbers
                )
        return found


def agree(one: str, other: str, least_f1: float) -> bool:
    """Whether two answers say the same: numbers and short ones exactly, long ones by token F1.

    Args:
        one: the row's answer.
        other: another.
        least_f1: for long ones.
    """
    mine, theirs = _final(one), _final(other)
    if mine is not None and theirs is not None:
        one, other = mine, theirs
    numbers = _number(one), _number(other)
    if numbers[0] is not None:
        return numbers[0] == (numbers[1] if numbers[1] is not None else _only_number(other))
    words, others = _words(one), _words(other)
    if len(words) <= _SHORT_WORDS or len(others) <= _SHORT_WORDS:
        return bool(words) and words == others
    return token_f1(words, others) >= least_f1


def token_f1(one: Sequence[str], other: Sequence[str]) -> float:
    """Harmonic mean of the shares of words that two texts have in common, 0 to 1."""
    shared = sum((Counter(one) & Counter(other)).values())
    return 2 * shared / (len(one) + len(other)) if shared else 0.0


def _final(text: str) -> str | None:
    """What stands behind the mark of a final answer: `#### 72`, `\\boxed{72}`, `answer is 72`."""
    found = _FINAL.search(text.strip())
    return found[1].strip() if found else None


def _number(text: str) -> float | None:
    """The text as a number, where it is one and nothing else but a sign of money or a stop."""
    found = _NUMBER.fullmatch(text.strip().strip("$€£.").strip())
    return None if found is None else _value(found[0])


def _only_number(text: str) -> float | None:
    """The number in a text that holds just one."""
    found = _NUMBER.findall(text)
    return _value(found[0]) if len(found) == 1 else None


def _value(text: str) -> float:
    return float(text.replace(",", "").rstrip("%"))


def _words(text: str) -> list[str]:
    words = word_tokens(normalise(text))
    return [word for word in words if word not in _ARTICLES] or words
