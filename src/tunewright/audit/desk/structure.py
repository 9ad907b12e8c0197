"""Answers that teach nothing, or something that nobody meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import ClassVar

from tunewright.audit.base import Finding, Row
from tunewright.audit.desk.base import DeskRow, DeskSetup, Mark, RowCheck, Tally, told_findings
from tunewright.audit.desk.structure_findings import FINDINGS
from tunewright.core.units import format_count, format_percent
from tunewright.data.content import (
    ASSISTANT,
    USER,
    Completion,
    Content,
    Conversation,
    Judgement,
    Message,
    Preference,
    Rated,
    Similar,
    said,
)
from tunewright.data.values import shown

_CANNED_BEGINNINGS = (
    *("as an ai", "i'm sorry", "i am sorry", "sorry, ", "i can't", "i cannot", "i'm unable"),
    *("i am unable", "i’m sorry", "i can’t", "i'm not able"),
)
_CANNED = re.compile(
    r"\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b"
    r"|^(?:i['’]m sorry|i am sorry|sorry)[,.]? (?:but )?(?:as an? |i (?:can['’]?t|cannot|am unable"
    r"|['’]m unable|can not|am not able|['’]m not able|do not|don['’]t))"
    r"|^i (?:can['’]?t|cannot|am unable to|am not able to) (?:assist|help|provide|fulfil|comply"
    r"|answer|generate|create)",
    re.IGNORECASE,
)
_LEFT_OVER: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    # a part that is quickly looked for, finding, pattern
    ("{{", "placeholder", re.compile(r"\{\{\s*[\w.]{1,40}\s*\}\}")),
    (
        "[",
        "placeholder",
        re.compile(
            r"\[\s*(?:insert|your|enter|add here|fill in|name of|recipient|sender|company name"
            r"|first name|last name)\b[^\]\n]{0,40}\]",
            re.IGNORECASE,
        ),
    ),
    ("<", "placeholder", re.compile(r"<(?:your|insert|enter)[ _-][^>\n]{1,40}>", re.IGNORECASE)),
    ("TODO", "placeholder", re.compile(r"\bTODO\s*[:(\]]")),
    ("FIXME", "placeholder", re.compile(r"\bFIXME\b")),
    ("TBD", "placeholder", re.compile(r"\bTBD\b")),
    ("orem ipsum", "placeholder", re.compile(r"\b[Ll]orem ipsum\b")),
    (
        "<|",
        "template_marks",
        re.compile(
            r"<\|(?:im_start|im_end|endoftext|eot_id|begin_of_text|end_of_text|start_header_id"
            r"|end_header_id|system|user|assistant|end)\|>"
        ),
    ),
    ("INST]", "template_marks", re.compile(r"\[/?INST\]")),
    ("SYS>>", "template_marks", re.compile(r"<</?SYS>>")),
    ("</s>", "template_marks", re.compile("</s>")),
    ("_of_turn>", "template_marks", re.compile(r"<(?:start|end)_of_turn>")),
)
_SENTENCE_ENDS = re.compile(r"[.!?。！？]['\"”’)\]*]*\s+\S")
_LIST_LINE = re.compile(r"\s*(?:[-*•#|>]|\d+[.):]|[A-Za-z][.)]\s)")
_OPEN_TEXT = """
a an the and or but of to in on at by for with from that which who as if than because is are was
were be my your his her its our their this these those into
"""
_OPEN_WORDS = frozenset(_OPEN_TEXT.split())
"""Words after which a sentence must go on."""

_LONG_ANSWER_CHARACTERS = 80
_KINDS = ("text", "number", "object", "list", "truth value")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?%?")
_ROWS_OF_A_KIND = 20
_MINORITY_SHARE = 0.1


def final_text(messages: tuple[Message, ...]) -> str | None:
    """What the assistant says last; None when nobody, or another, has the last word."""
    if not messages or messages[-1].role != ASSISTANT:
        return None
    return said(messages[-1])


def answers_of(content: Content) -> list[tuple[str, str]]:
    """What a model learns to write from a row: field and text of each final answer."""
    found: list[tuple[str, str | None]] = []
    if isinstance(content, Conversation):
        found = [(f"messages[{len(content.messages) - 1}]", final_text(content.messages))]
    elif isinstance(content, Completion):
        found = [("completion", content.completion)]
    elif isinstance(content, Preference):
        found = [("chosen", final_text(content.chosen))]
    elif isinstance(content, Rated):
        found = [("completion", final_text(content.completion) if content.good else None)]
    return [(name, text) for name, text in found if text is not None]


class Structure(RowCheck):
    """Empty, copied, cut, canned and unfinished answers; pairs that do not differ."""

    name: ClassVar[str] = "structure"

    def __init__(self, setup: DeskSetup) -> None:
        super().__init__(setup)
        self._kept: Counter[str] = Counter()
        """Rows of each kind of answer that this process gives as examples."""

    def look(self, row: DeskRow) -> Iterable[Mark]:
        marks: list[Mark] = []
        content = row.content
        if isinstance(content, Preference | Rated | Similar | Judgement):
            marks.extend(_pair_marks(content))
        else:
            marks.extend(_empty_marks(content, row))
        text = row.text
        for part, finding, pattern in _LEFT_OVER:
            if part in text and pattern.search(text):
                marks.extend(_left_over(row, finding, pattern))
        for field, answer in answers_of(content):
            marks.extend(self._answer_marks(row, field, answer))
        if "```" in text:
            marks.extend(_open_fences(row))
        return marks

    def _answer_marks(self, row: DeskRow, field: str, answer: str) -> Iterator[Mark]:
        stripped = answer.strip()
        if not stripped:
            return
        self._count_kind(row, stripped)
        asked = _asked(row.content)
        if asked is not None and asked.strip().casefold() == stripped.casefold():
            yield Mark(finding="copied_question", detail=f"{field} repeats the question")
        if stripped != answer and not isinstance(row.content, Completion):
            before = len(answer) - len(answer.lstrip())
            yield Mark(
                finding="outer_space",
                detail=f"{field} has {before} white-space characters before it "
                f"and {len(answer) - len(stripped) - before} behind it",
            )
        beginning = stripped[:160].lower()
        if _may_be_canned(beginning) and _CANNED.search(stripped[:160]):
            yield Mark(finding="canned_answer", detail=f"{field} begins {shown(stripped[:40])}")
        if len(stripped) >= _LONG_ANSWER_CHARACTERS:
            yield from self._end_marks(field, stripped)

    def _end_marks(self, field: str, answer: str) -> Iterator[Mark]:
        last = answer[-1]
        if not last.isalnum() and last not in ",;:-–":
            self.counts["ends well"] += 1
            return
        line = answer[answer.rfind("\n") + 1 :]
        words = line.split()
        if len(words) < 5 or _LIST_LINE.match(line) or not _SENTENCE_ENDS.search(answer):
            self.counts["ends otherwise"] += 1
            return
        surely = last in ",;-–" or words[-1].lower() in _OPEN_WORDS
        self.counts["ends openly" if surely else "ends without a mark"] += 1
        if surely:
            yield Mark(finding="cut_answer", detail=f"{field} ends {shown(answer[-30:])}")

    def _count_kind(self, row: DeskRow, answer: str) -> None:
        kind = kind_of(answer)
        self.counts[f"kind {kind}"] += 1
        if self._kept[kind] < _ROWS_OF_A_KIND:
            self._kept[kind] += 1
            source = row.source
            self.samples.append((kind, source.file, source.row, source.line))

    def findings(self, tally: Tally) -> list[Finding]:
        found = told_findings(tally, FINDINGS)
        return [*found, *_unmarked_ends(tally), *_mixed_kinds(tally)]


def kind_of(answer: str) -> str:
    """What an answer is, as JSON would have it: one of `number`, `object`, `truth value`, ..."""
    first, last = answer[0], answer[-1]
    if first == "{" and last == "}":
        return "object"
    if first == "[" and last == "]":
        return "list"
    if len(answer) < 30 and _NUMBER.fullmatch(answer):
        return "number"
    if len(answer) < 6 and answer.lower() in ("true", "false"):
        return "truth value"
    return "text"


def _may_be_canned(beginning: str) -> bool:
    return (
        beginning.startswith(_CANNED_BEGINNINGS)
        or "as an ai" in beginning
        or "language model" in beginning
    )


def _asked(content: Content) -> str | None:
    """The last thing that was asked, as it is written."""
    if isinstance(content, Completion):
        return content.prompt
    turns = content.messages[:-1] if isinstance(content, Conversation) else ()
    turns = getattr(content, "prompt", turns)
    if not turns or turns[-1].role != USER:
        return None
    return str(turns[-1].text)


def _empty_marks(content: Content, row: DeskRow) -> Iterator[Mark]:
    if isinstance(content, Conversation):
        answer = final_text(content.messages)
        if answer is not None and not answer.strip():
            field = f"messages[{len(content.messages) - 1}]"
            yield Mark(finding="empty_answer", detail=f"{field} says nothing")
    elif isinstance(content, Completion):
        if not (content.completion or "").strip():
            yield Mark(finding="empty_answer", detail="completion is empty")
        if not content.prompt.strip():
            yield Mark(finding="empty_question", detail="prompt is empty")
    else:
        for piece in row.pieces:
            if not piece.text.strip():
                yield Mark(finding="empty_text", detail=f"{piece.field} is empty")


def _pair_marks(content: Preference | Rated | Similar | Judgement) -> Iterator[Mark]:
    if isinstance(content, Preference):
        yield from _preference_marks(content)
    elif isinstance(content, Rated):
        if not (final_text(content.completion) or "").strip():
            yield Mark(finding="empty_answer", detail="completion is empty")
    elif isinstance(content, Similar):
        yield from _similar_marks(content)
    else:
        for name, text in (("query", content.query), ("document", content.document)):
            if not text.strip():
                yield Mark(finding="empty_text", detail=f"{name} is empty")


def _preference_marks(content: Preference) -> Iterator[Mark]:
    chosen = "\n".join(map(said, content.chosen)).strip()
    rejected = "\n".join(map(said, content.rejected)).strip()
    if not chosen:
        yield Mark(finding="empty_answer", detail="chosen is empty")
    if not rejected:
        yield Mark(finding="empty_rejected", detail="rejected is empty")
    if chosen and chosen == rejected:
        yield Mark(finding="equal_pair", detail="chosen and rejected are equal")
    if not any(turn.text.strip() for turn in content.prompt):
        yield Mark(finding="empty_question", detail="prompt is empty")


def _similar_marks(content: Similar) -> Iterator[Mark]:
    anchor = content.anchor.strip()
    positives = [content.positive.strip(), *(text.strip() for text in content.further_positives)]
    for name, text in (("anchor", anchor), *(("positive", text) for text in positives)):
        if not text:
            yield Mark(finding="empty_text", detail=f"{name} is empty")
    if anchor and anchor in positives:
        yield Mark(finding="equal_positive", detail="anchor and positive are equal")
    for place, negative in enumerate(content.negatives):
        if not negative.strip():
            yield Mark(finding="empty_text", detail=f"negatives[{place}] is empty")
        elif negative.strip() in positives:
            yield Mark(finding="equal_negative", detail=f"negatives[{place}] equals the positive")


def _left_over(row: DeskRow, finding: str, pattern: re.Pattern[str]) -> Iterator[Mark]:
    for piece in row.pieces:
        if found := pattern.search(piece.text):
            yield Mark(finding=finding, detail=f"{piece.field} holds {shown(found[0])}")


def _open_fences(row: DeskRow) -> Iterator[Mark]:
    for piece in row.pieces:
        if piece.role == ASSISTANT and piece.text.count("```") % 2:
            yield Mark(finding="open_fence", detail=f"{piece.field} has an odd number of ```")


def _unmarked_ends(tally: Tally) -> list[Finding]:
    """Answers that end without a mark, where nearly all others have one."""
    counts = tally.counts
    without, well = counts["ends without a mark"], counts["ends well"]
    if not without or without > _MINORITY_SHARE * (without + well):
        return []
    return [
        Finding(
            check="unmarked_end",
            severity="info",
            count=without,
            message=f"{format_count(without, 'long answer')} of {without + well:,} "
            f"({format_percent(without / (without + well))}) end without a mark at the end of the "
            "last sentence",
            consequence="some of them may have been cut",
            fix="look at the ends of answers that are as long as the longest",
            numbers={"with_a_mark": well, "without": without, "breaks_off": counts["ends openly"]},
        )
    ]


def _mixed_kinds(tally: Tally) -> list[Finding]:
    """Answers of one kind among many of another: a text where all others are numbers."""
    kinds = {kind: tally.counts[f"kind {kind}"] for kind in _KINDS if tally.counts[f"kind {kind}"]}
    total = sum(kinds.values())
    usual = max(kinds, key=kinds.__getitem__, default="text")
    odd = total - kinds.get(usual, 0)
    if usual == "text" or not odd or odd > _MINORITY_SHARE * total:
        return []
    rows = [
        Row(file=file, row=row, line=line, detail=f"the answer is a {kind}")
        for kind, file, row, line in tally.samples
        if kind != usual
    ]
    return [
        Finding(
            check="mixed_types",
            severity="warning",
            count=odd,
            message=f"{format_count(odd, 'answer')} of {total:,} "
            f"{'is' if odd == 1 else 'are'} no {usual}, as nearly all others are",
            consequence="the model learns to leave the form that a program expects",
            fix="give them the form of the others, or leave the rows out",
            rows=rows[:_ROWS_OF_A_KIND],
            numbers={"answers_by_kind": kinds},
        )
    ]
