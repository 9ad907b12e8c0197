"""The rows of a study whose answers are written (`task: generate`), made once and read by all.

`examples.parquet` holds every row as canonical JSON, the rows of the test part without their
answers (see `sealed.py`). It lies where that of a study with labels lies, with the same columns but
for `content` in the place of `inputs` and `target`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.hashing import hash_value
from tunewright.data.content import (
    ASSISTANT,
    Completion,
    Content,
    Conversation,
    Document,
    Message,
    Similar,
)
from tunewright.data.dataset import (
    EXAMPLES_FILE,
    FIT,
    TEST,
    Divided,
    damaged,
    example_columns,
    marks_of,
    read_splits,
    slices_of,
    sources_of,
)
from tunewright.data.example import Source
from tunewright.data.json_text import JsonProblemError, parse_json, write_json_text
from tunewright.data.schemas.base import Schema

_ID_DIGITS = 16
_HELD = {"content_hash", "seed", "dev", "folds"}
_KINDS: dict[str, type[Content]] = {
    kind.kind: kind for kind in (Conversation, Completion, Document)
}
KINDS: tuple[type[Content], ...] = tuple(_KINDS.values())
"""The kinds of content that a model can learn to write."""


def can_be_written(schema: type[Schema]) -> bool:
    """Whether rows of a schema have one answer each, or are running text."""
    return schema.task == "generate" and issubclass(schema.holds[0], (*KINDS, Similar))


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentPart:
    """The rows of one part, in the order of the person's files."""

    ids: list[str]
    contents: list[Content]
    """Conversations, completions or documents; those of the test part hold no answers."""
    groups: list[str | None]
    columns: list[dict[str, str]]
    sources: list[Source]
    is_dev: np.ndarray
    """bool [n]; all False where folds take the place of dev."""
    folds: np.ndarray
    """Fold of each row, int64 [n]; all -1 where there is a dev set."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def questions(self) -> list[str]:
        """What each row gives, as one text."""
        return [content.question for content in self.contents]

    @property
    def answers(self) -> list[str]:
        """What each row wants to be written; an empty text where that is not known."""
        return [content.answer or "" for content in self.contents]


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentDataset(Divided):
    """The rows of a study."""

    content_hash: str
    fit: ContentPart
    test: ContentPart
    seed: int
    """Of the nested orders."""

    @property
    def has_answers(self) -> bool:
        """Whether anything is asked; False for running text, which is only continued."""
        return not all(isinstance(content, Document) for content in self.fit.contents)


def load_contents(folder: Path, expected_hash: str | None = None) -> ContentDataset:
    """Read the prepared rows of a study.

    Args:
        folder: the study's `data` folder.
        expected_hash: of the data the caller means.

    Raises:
        DataError: when nothing has been prepared, or what has been is damaged.
        StudyError: when the folder holds other data than expected.
    """
    splits = read_splits(folder, _HELD, expected_hash)
    columns = example_columns(folder / EXAMPLES_FILE)
    try:
        return ContentDataset(
            content_hash=splits["content_hash"],
            fit=_part(columns, splits, FIT),
            test=_part(columns, splits, TEST),
            seed=int(splits["seed"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError, JsonProblemError) as problem:
        raise damaged(folder, f"{type(problem).__name__}: {problem}") from problem


def _part(columns: dict[str, list[Any]], splits: dict[str, Any], name: str) -> ContentPart:
    rows = [row for row, part in enumerate(columns["part"]) if part == name]
    ids = [columns["id"][row] for row in rows]
    is_dev, folds = marks_of(ids, splits, name)
    return ContentPart(
        ids=ids,
        contents=[content_of(columns["content"][row]) for row in rows],
        groups=[columns["group"][row] for row in rows],
        columns=slices_of(columns, rows),
        sources=sources_of(columns, rows),
        is_dev=is_dev,
        folds=folds,
    )


# -- one row --------------------------------------------------------------------------------------


def content_text(content: Content) -> str:
    """A row as JSON text on one line: equal for equal rows, and read back by `content_of`.

    Keys keep their order and numbers their digits, since a chat template writes both.

    Raises:
        TypeError: for a kind that is not written, or a value that JSON cannot hold.
    """
    return write_json_text({"kind": content.kind, **_values(content)})


def content_of(text: str) -> Content:
    """The row that `content_text` wrote.

    Raises:
        ValueError: when it is none.
    """
    values = parse_json(text)
    if not isinstance(values, dict) or values.get("kind") not in _KINDS:
        raise ValueError(f"no row of a study: {text[:40]!r}")
    kind = values.pop("kind")
    if kind == Conversation.kind:
        return Conversation(
            messages=tuple(map(_message_of, values["messages"])),
            tools=tuple(values.get("tools", ())),
        )
    return _KINDS[kind](**values)


def content_id(content: Content, group: str | None) -> str:
    """Content hash of a row, as 16 hexadecimal digits (64 bits of blake2b)."""
    return hash_value([content_text(content), group])[:_ID_DIGITS]


def without_answer(content: Content) -> Content:
    """What a row gives. Running text gives itself: there is nothing that it keeps back."""
    if isinstance(content, Conversation):
        return replace(content, messages=content.prompt)
    if isinstance(content, Completion):
        return replace(content, completion=None)
    return content


def with_answer(content: Content, answer: str) -> Content:
    """A row that gives the same, answered with this text."""
    asked = without_answer(content)
    if isinstance(asked, Conversation):
        turn = Message(role=ASSISTANT, content=answer)
        return replace(asked, messages=(*asked.messages, turn))
    if isinstance(asked, Completion):
        return replace(asked, completion=answer)
    return asked


def _values(content: Content) -> dict[str, Any]:
    if isinstance(content, Conversation):
        found: dict[str, Any] = {"messages": [_message(m) for m in content.messages]}
        return found | ({"tools": list(content.tools)} if content.tools else {})
    if isinstance(content, Completion):
        return {"prompt": content.prompt, "completion": content.completion}
    if isinstance(content, Document):
        return {"text": content.text} | ({"title": content.title} if content.title else {})
    raise TypeError(f"a {content.kind} is nothing to be written")


def _message(message: Message) -> dict[str, Any]:
    """The turn as plain values; what it does not say is left out."""
    parts: str | Sequence[Mapping[str, Any]] | None = message.content
    found: dict[str, Any] = {"role": message.role, "content": parts}
    for name in ("weight", "tool_call_id", "name"):
        if getattr(message, name) is not None:
            found[name] = getattr(message, name)
    if message.tool_calls:
        found["tool_calls"] = list(message.tool_calls)
    if message.extras:
        found["extras"] = dict(message.extras)
    return found


def _message_of(values: dict[str, Any]) -> Message:
    content = values["content"]
    weight = values.get("weight")
    return Message(
        role=values["role"],
        content=tuple(content) if isinstance(content, list) else content,
        weight=None if weight is None else float(weight),
        tool_calls=tuple(values.get("tool_calls", ())),
        tool_call_id=values.get("tool_call_id"),
        name=values.get("name"),
        extras=values.get("extras", {}),
    )
