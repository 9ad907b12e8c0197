"""Changing the texts of a row, whatever kind of content it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from tunewright.data.content import (
    ASSISTANT,
    TOOL,
    USER,
    Completion,
    Content,
    Conversation,
    Document,
    Judgement,
    Labelled,
    Message,
    Preference,
    Rated,
    Similar,
    Span,
    Spanned,
    Tagged,
)
from tunewright.data.json_text import JsonProblemError, parse_json, write_json_text

Change = Callable[[str, str], str]
"""From a text and the role of who wrote it to the new text."""


def map_texts(content: Content, change: Change, *, calls: bool = False) -> Content:
    """The content with every text changed; the same object where nothing was.

    Labels, tags, roles and names of tools stay. A token never becomes empty, and a span keeps the
    characters that it stood for; where it cannot, the text stays as it is.

    Args:
        content: of a row.
        change: called once for each text (for each token of a tagged row).
        calls: whether the arguments of tool calls are changed too.
    """
    if isinstance(content, Conversation):
        new: Content = replace(content, messages=_turns(content.messages, change, calls))
    elif isinstance(content, Preference):
        parts = (content.prompt, content.chosen, content.rejected)
        prompt, chosen, rejected = (_turns(part, change, calls) for part in parts)
        new = replace(content, prompt=prompt, chosen=chosen, rejected=rejected)
    elif isinstance(content, Rated):
        new = replace(
            content,
            prompt=_turns(content.prompt, change, calls),
            completion=_turns(content.completion, change, calls),
        )
    else:
        new = _plain(content, change)
    return content if new == content else new


def _plain(content: Content, change: Change) -> Content:
    """The kinds without speakers."""
    if isinstance(content, Labelled):
        texts = {name: change(text, USER) for name, text in content.texts.items()}
        return replace(content, texts=texts)
    if isinstance(content, Completion):
        answer = None if content.completion is None else change(content.completion, ASSISTANT)
        return replace(content, prompt=change(content.prompt, USER), completion=answer)
    if isinstance(content, Document):
        title = None if content.title is None else change(content.title, USER)
        return replace(content, text=change(content.text, ASSISTANT), title=title)
    if isinstance(content, Similar):
        return replace(
            content,
            anchor=change(content.anchor, USER),
            positive=change(content.positive, ASSISTANT),
            further_positives=tuple(change(t, ASSISTANT) for t in content.further_positives),
            negatives=tuple(change(text, ASSISTANT) for text in content.negatives),
        )
    if isinstance(content, Judgement):
        title = None if content.title is None else change(content.title, ASSISTANT)
        return replace(
            content,
            query=change(content.query, USER),
            title=title,
            document=change(content.document, ASSISTANT),
        )
    if isinstance(content, Tagged):
        return replace(content, tokens=tuple(change(t, USER) or t for t in content.tokens))
    if isinstance(content, Spanned):
        return _spanned(content, change)
    raise TypeError(f"a {content.kind} has texts that are not known here")


def _turns(turns: tuple[Message, ...], change: Change, calls: bool) -> tuple[Message, ...]:
    return tuple(_turn(turn, change, calls) for turn in turns)


def _turn(turn: Message, change: Change, calls: bool) -> Message:
    role = turn.role
    if isinstance(turn.content, str):
        turn = replace(turn, content=change(turn.content, role))
    elif turn.content is not None:
        parts = tuple(
            {**part, "text": change(str(part["text"]), role)} if _is_text(part) else part
            for part in turn.content
        )
        turn = replace(turn, content=parts)
    if calls and turn.tool_calls:
        return replace(turn, tool_calls=tuple(_call(call, change) for call in turn.tool_calls))
    return turn


def _is_text(part: Mapping[str, Any]) -> bool:
    return part.get("type") == "text" and isinstance(part.get("text"), str)


def _call(call: Mapping[str, Any], change: Change) -> Mapping[str, Any]:
    function = call.get("function")
    if not isinstance(function, Mapping) or "arguments" not in function:
        return call
    arguments = _argument_text(function["arguments"], change)
    return {**call, "function": {**function, "arguments": arguments}}


def _argument_text(arguments: object, change: Change) -> object:
    """Arguments are an object, or JSON text of one, in which only the values are texts."""
    if not isinstance(arguments, str):
        return _leaves(arguments, change)
    try:
        parsed = parse_json(arguments)
    except JsonProblemError:
        return change(arguments, TOOL)
    new = _leaves(parsed, change)
    return arguments if new == parsed else write_json_text(new)


def _leaves(value: object, change: Change) -> object:
    if type(value) is str:  # a `Number` is a str too, and stays
        return change(value, TOOL)
    if isinstance(value, Mapping):
        return {name: _leaves(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_leaves(item, change) for item in value]
    return value


def _spanned(content: Spanned, change: Change) -> Content:
    text = change(content.text, USER)
    if text == content.text or content.spans is None:
        return replace(content, text=text)
    moved = moved_spans(content.spans, content.text, text)
    return content if moved is None else replace(content, text=text, spans=moved)


def moved_spans(spans: tuple[Span, ...], before: str, after: str) -> tuple[Span, ...] | None:
    """Where the labelled stretches of a text are once it has been changed.

    Returns:
        The spans with their new characters; None where one of them would be empty.
    """
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()

    def place(at: int, *, is_end: bool) -> int:
        for name, start, stop, new_start, new_stop in steps:
            inside = start < at <= stop if is_end else start <= at < stop
            if inside:
                if name == "equal":
                    return new_start + at - start
                return new_stop if is_end else new_start
        return len(after) if is_end or at else 0

    moved = tuple(
        replace(s, start=place(s.start, is_end=False), end=place(s.end, is_end=True)) for s in spans
    )
    return moved if all(span.start < span.end for span in moved) else None
