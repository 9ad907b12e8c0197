"""From one kind of content to another that says the same: tokens and spans, turns and labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tunewright.data.content import (
    Completion,
    Content,
    Conversation,
    Labelled,
    Similar,
    Span,
    Spanned,
    Tagged,
)
from tunewright.data.schemas.base import CannotHoldError, Schema
from tunewright.data.schemas.conversations import TWO_TEXTS, article, two_texts

_TAG = re.compile(r"(?P<mark>[BIESLUM])[-_](?P<type>.+)", re.DOTALL)
_WORD = re.compile(r"\S+")
_SINGLE = ("S", "U")
"""Marks of a stretch of one token, in BIOES and in BILOU."""
_LAST = (*_SINGLE, "E", "L")


def adapt(content: Content, schema: Schema) -> Content:
    """The content as a kind that a schema can write.

    Raises:
        CannotHoldError: when there is none, saying why.
    """
    wanted = schema.holds[0]
    if isinstance(content, wanted):
        return content
    change = _CHANGES.get((type(content), wanted))
    if change is not None:
        return change(content)
    if isinstance(content, Labelled) and wanted in TWO_TEXTS and len(content.texts) > 1:
        return joined_texts(content)
    if isinstance(content, schema.holds):
        return content
    raise CannotHoldError(f"{schema.name} has no place for {article(content.kind)}")


def joined_texts(content: Labelled) -> Labelled:
    """Several texts as one, each on lines of its own behind the name of its column."""
    text = "\n".join(f"{name}: {text}" for name, text in content.texts.items())
    return Labelled(texts={"text": text}, label=content.label)


def as_completion(content: Conversation) -> Content:
    """One plain turn of each speaker as a prompt with its completion; other turns stay turns."""
    try:
        prompt, completion = two_texts(content, "prompt_completion")
    except CannotHoldError:
        return content
    return Completion(prompt=prompt, completion=completion)


def as_labelled(content: Content) -> Labelled:
    """A question with its answer as a text with its label, which has no white space around it.

    Raises:
        CannotHoldError: when it is more than that.
    """
    question, answer = two_texts(content, "classification")
    return Labelled(texts={"text": question}, label=answer.strip())


def as_spans(content: Tagged) -> Spanned:
    """Tokens and tags as a text, in which single spaces part the tokens, and labelled stretches.

    Tags may be BIO, IOB1, BIOES or BILOU. A stretch begins where `conlleval` (Tjong Kim Sang and
    Buchholz 2000) sees one begin: at B, S or U, and at any other mark behind another type, behind
    O, or behind the end of a stretch.

    Raises:
        CannotHoldError: when a tag is of none of these schemes.
    """
    text = " ".join(content.tokens)
    if content.tags is None:
        return Spanned(text=text, spans=None)
    return Spanned(text=text, spans=tuple(_stretches(content.tokens, content.tags)))


def as_tokens(content: Spanned) -> Tagged:
    """A text as its words, whatever white space is between them, with BIO tags.

    Raises:
        CannotHoldError: when a stretch does not begin and end with a word, or two share one.
    """
    words = list(_WORD.finditer(content.text))
    tokens = tuple(word[0] for word in words)
    if content.spans is None:
        return Tagged(tokens=tokens, tags=None)
    starts = {word.start(): place for place, word in enumerate(words)}
    ends = {word.end(): place for place, word in enumerate(words)}
    tags = ["O"] * len(words)
    for span in content.spans:
        first, last = starts.get(span.start), ends.get(span.end)
        if first is None or last is None or last < first:
            raise CannotHoldError("a labelled stretch does not begin and end with a word")
        if any(tag != "O" for tag in tags[first : last + 1]):
            raise CannotHoldError("two labelled stretches share a word")
        if not span.type:
            raise CannotHoldError("a labelled stretch has an empty label")
        tags[first : last + 1] = [f"B-{span.type}", *[f"I-{span.type}"] * (last - first)]
    return Tagged(tokens=tokens, tags=tuple(tags))


def _stretches(tokens: tuple[str, ...], tags: tuple[str, ...]) -> Iterator[Span]:
    start = place = 0
    end, kind = 0, ""
    for token, tag in zip(tokens, tags, strict=True):
        mark, name = _mark(tag)
        if kind and (mark in ("O", "B", *_SINGLE) or name != kind):
            yield Span(start=start, end=end, type=kind)
            kind = ""
        if mark != "O" and not kind:
            start, kind = place, name
        end = place + len(token)
        if mark in _LAST:
            yield Span(start=start, end=end, type=kind)
            kind = ""
        place = end + 1
    if kind:
        yield Span(start=start, end=end, type=kind)


def _mark(tag: str) -> tuple[str, str]:
    if tag == "O":
        return "O", ""
    found = _TAG.fullmatch(tag)
    if found is None:
        raise CannotHoldError("a tag is none of BIO, IOB1, BIOES or BILOU, so it marks no stretch")
    return found["mark"], found["type"]


_CHANGES: dict[tuple[type[Content], type[Content]], Callable[[Any], Content]] = {
    (Tagged, Spanned): as_spans,
    (Spanned, Tagged): as_tokens,
    (Conversation, Completion): as_completion,
    (Conversation, Labelled): as_labelled,
    (Completion, Labelled): as_labelled,
    (Similar, Labelled): as_labelled,
}
