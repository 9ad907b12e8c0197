"""How much there is to learn from: templates, boilerplate, variety of words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tunewright.audit.base import Finding
from tunewright.audit.desk.base import SetCheck
from tunewright.audit.desk.fingerprints import LEARNED, Fingerprints, shares
from tunewright.audit.desk.looking import first_sentence, last_sentence
from tunewright.audit.desk.personal import mask, personal_spans
from tunewright.core.units import format_count, format_percent
from tunewright.data.values import shown

_FEWEST_ROWS = 10
_SHARE_OF_ANSWERS, _SHARE_OF_QUESTIONS, _SHARE_OF_TEMPLATE = 0.001, 0.02, 0.001
_WORTH_A_WARNING = 0.01
_SENTENCES_SHOWN = 3
_SENTENCES_KEPT = 20
_SAMPLED_ROWS = 20_000
_LARGEST = 10


class Boilerplate(SetCheck):
    """A first or last sentence that many different rows share."""

    name: ClassVar[str] = "boilerplate"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        sides = ["answer"] if rows.is_written else []
        if rows.kind in {"conversation", "completion", "labelled", "document"}:
            sides.append("question")
        return [finding for side in sides for finding in self._of(rows, side)]

    def _of(self, rows: Fingerprints, side: str) -> list[Finding]:
        share_needed = _SHARE_OF_ANSWERS if side == "answer" else _SHARE_OF_QUESTIONS
        fewest = max(_FEWEST_ROWS, share_needed * rows.learned)
        found: list[_Sentence] = []
        for end, read in (("start", first_sentence), ("end", last_sentence)):
            for numbers in _large_groups(rows, f"{side}_{end}", fewest):
                question, answer = rows.text(int(numbers[0]))
                sentence = read(answer if side == "answer" else question)
                told = "begins" if end == "start" else "ends"
                found.append(_Sentence(sentence, f"the {side} {told} with", numbers))
        if not found:
            return []
        found.sort(key=lambda sentence: (-len(sentence.numbers), sentence.text))
        details: dict[int, str] = {}
        for shared in reversed(found):
            detail = f"{shared.where} {shown(_masked(shared.text))}"
            details |= dict.fromkeys(shared.numbers.tolist(), detail)
        check = self.name if side == "answer" else "boilerplate_questions"
        marked = rows.mark(check, sorted(details.items()))
        assert marked is not None
        share = shares(marked.count, rows.learned)
        told = "; ".join(
            f"{shown(_masked(s.text))} ({len(s.numbers):,})" for s in found[:_SENTENCES_SHOWN]
        )
        is_answer = side == "answer"
        return [
            Finding(
                check=check,
                severity="warning" if is_answer and share > _WORTH_A_WARNING else "info",
                count=marked.count,
                message=f"{format_count(marked.count, 'row')} ({format_percent(share)}) "
                f"{'begins or ends' if marked.count == 1 else 'begin or end'} the {side} with a "
                f"sentence that many others share: {told}",
                consequence="it is learned first, and said whatever is asked"
                if is_answer
                else "tokens that tell the model nothing are paid for in every row",
                fix="strip it, unless the model should say it"
                if is_answer
                else "leave it out, or put it into the system prompt",
                repair="tunewright clean DATA --apply strip_boilerplate" if is_answer else "",
                rows=marked.rows,
                numbers={
                    "share": share,
                    "sentences": [
                        {"text": _masked(s.text), "rows": len(s.numbers)}
                        for s in found[:_SENTENCES_KEPT]
                    ],
                },
            )
        ]


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    where: str
    numbers: np.ndarray


def _masked(text: str) -> str:
    """A sentence without what it tells of people."""
    for span in sorted(personal_spans(text), reverse=True):
        text = text[: span.start] + mask(text[span.start : span.end]) + text[span.end :]
    return text


def _large_groups(rows: Fingerprints, field: str, fewest: float) -> Iterator[np.ndarray]:
    """Rows with an equal hash, in groups that are large even without copies of a row."""
    for groups in rows.groups(field, LEARNED):
        for place in np.flatnonzero(groups.sizes >= fewest).tolist():
            start = int(groups.starts[place])
            numbers = groups.numbers[start : start + int(groups.sizes[place])]
            if len(np.unique(rows.rows(numbers)["whole"])) >= fewest:
                yield numbers


class Templates(SetCheck):
    """Questions that are equal but for numbers and names."""

    name: ClassVar[str] = "templates"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        fewest = max(_FEWEST_ROWS, _SHARE_OF_TEMPLATE * rows.learned)
        found = [
            numbers
            for numbers in _large_groups(rows, "template", fewest)
            if len(np.unique(rows.rows(numbers)["question"])) >= fewest
        ]
        if not found:
            return []
        found.sort(key=lambda numbers: (-len(numbers), int(numbers[0])))
        numbers = np.concatenate(found)
        firsts = np.concatenate([np.full(len(some), some[0]) for some in found])
        marked = rows.mark_twins(self.name, numbers, firsts, "as {} but for numbers and names")
        assert marked is not None
        share = shares(marked.count, rows.learned)
        largest = shares(len(found[0]), rows.learned)
        return [
            Finding(
                check=self.name,
                severity="info",
                count=marked.count,
                message=f"{format_count(marked.count, 'row')} ({format_percent(share)}) come from "
                f"{format_count(len(found), 'template')}: equal but for numbers and names; the "
                f"largest has {format_count(len(found[0]), 'row')}",
                consequence="they teach the template; a test set drawn at random holds it too, and "
                "flatters",
                fix="thin the largest out, and keep whole templates on one side of the split",
                repair=f"tunewright clean DATA --apply drop:{self.name}",
                rows=marked.rows,
                numbers={
                    "templates": len(found),
                    "share": share,
                    "largest_share": largest,
                    "share_of_ten_largest": shares(sum(map(len, found[:_LARGEST])), rows.learned),
                },
            )
        ]


class Diversity(SetCheck):
    """Different words, pairs and triples of words among all (distinct-n, Li et al. 2016)."""

    name: ClassVar[str] = "diversity"

    def findings(self, rows: Fingerprints) -> list[Finding]:
        learned = np.flatnonzero(rows.inside(LEARNED))
        if not len(learned):
            return []
        step = -(-len(learned) // _SAMPLED_ROWS)
        side = 1 if rows.is_written else 0
        seen: list[set[tuple[str, ...]]] = [set(), set(), set()]
        totals = [0, 0, 0]
        for number in learned[::step].tolist():
            words = rows.text(number)[side].casefold().split()
            for n in range(3):
                grams = list(zip(*(words[i:] for i in range(n + 1)), strict=False))
                seen[n].update(grams)
                totals[n] += len(grams)
        distinct = [shares(len(found), total) for found, total in zip(seen, totals, strict=True)]
        sampled = len(learned[::step])
        what = "answers" if side else "texts"
        return [
            Finding(
                check=self.name,
                severity="info",
                count=sampled,
                message=f"of the words in {sampled:,} {what}, {format_percent(distinct[0])} are "
                f"different ones; of pairs {format_percent(distinct[1])}, of triples "
                f"{format_percent(distinct[2])}",
                numbers={
                    **{f"distinct_{n + 1}": value for n, value in enumerate(distinct)},
                    "sampled_rows": sampled,
                    "words": totals[0],
                },
            )
        ]
