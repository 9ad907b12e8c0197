"""Runs row checks over contents without files or processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.audit.base import Finding, Row
from tunewright.audit.desk.base import DeskRow, DeskSetup, Mark, Marked, RowCheck, Tally
from tunewright.data.content import Content, Conversation, Message
from tunewright.data.example import Source

FILE = "rows.jsonl"


def setup(task: str = "generate") -> DeskSetup:
    return DeskSetup(schema="messages", task=task, splits=("train",))


def desk_row(content: Content, number: int = 0) -> DeskRow:
    source = Source(file=FILE, row=number + 1, line=number + 1)
    return DeskRow(number=number, split="train", source=source, content=content)


def conversation(*turns: tuple[str, str], **values: Any) -> Conversation:
    return Conversation(
        messages=tuple(Message(role=role, content=text) for role, text in turns), **values
    )


def asked(question: str, answer: str) -> Conversation:
    return conversation(("user", question), ("assistant", answer))


def marks(check: type[RowCheck], content: Content) -> list[Mark]:
    return list(check(setup()).look(desk_row(content)))


def names(check: type[RowCheck], content: Content) -> list[str]:
    return sorted({mark.finding for mark in marks(check, content)})


def findings(check: type[RowCheck], contents: Sequence[Content]) -> dict[str, Finding]:
    """What a check tells of some rows, by name of the finding."""
    running = check(setup())
    marked: dict[str, dict[int, list[str]]] = {}
    for number, content in enumerate(contents):
        for mark in running.look(desk_row(content, number)):
            marked.setdefault(mark.finding, {}).setdefault(number, []).append(mark.detail)
    tally = Tally(
        rows=len(contents),
        counts=running.counts,
        marked={
            name: Marked(
                count=len(rows),
                by_split={"train": len(rows)},
                rows=[
                    Row(file=FILE, row=n + 1, line=n + 1, detail="; ".join(details))
                    for n, details in rows.items()
                ],
            )
            for name, rows in marked.items()
        },
        samples=running.samples,
    )
    return {finding.check: finding for finding in running.findings(tally)}
