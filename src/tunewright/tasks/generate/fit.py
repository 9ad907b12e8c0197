"""What becomes of a row that is longer than a model may be given. An answer is never cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tunewright.core.units import format_count
from tunewright.data.content import (
    ASSISTANT,
    SYSTEM,
    USER,
    Completion,
    Content,
    Conversation,
    Document,
    Message,
    Preference,
    Rated,
)
from tunewright.tasks.generate.rendered import Rendered, Segment
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError

_MOST_TRIES = 12
_SHORTEST_PROMPT = 1
"""Characters of a prompt that are always left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A row as the engine is given it."""

    pieces: tuple[Rendered, ...]
    """None where the row is left out; several for a preference, or where it was divided."""

    outcome: Literal["whole", "trimmed", "split", "dropped"]

    told: str = ""
    """What was done, as a sentence; empty for a row that is whole."""


def fit(renderer: Renderer, content: Content, max_length: int) -> Fitted:
    """Render a row, and do with one that is too long what `on_too_long` says.

    Args:
        renderer: with its configuration.
        content: what the row says.
        max_length: tokens.

    Raises:
        UnrenderableError: when it cannot be rendered, or is too long and that is an error.
    """
    whole = renderer.render(content)
    longest = _longest(whole)
    if longest <= max_length:
        return Fitted(pieces=whole, outcome="whole")
    policy = renderer.config.on_too_long
    said = f"it has {longest:,} tokens, more than {max_length:,}"
    if policy == "error":
        raise UnrenderableError("too_long", said)
    if isinstance(content, Document):
        pieces = tuple(windows(whole[0], max_length))
        return Fitted(pieces=pieces, outcome="split", told=f"{said}: divided into {len(pieces)}")
    found: Fitted | None = None
    if policy == "trim_prompt":
        found = _trimmed(renderer, content, max_length, said)
    elif policy == "split" and isinstance(content, Conversation):
        found = _divided(renderer, content, max_length, said)
    return found or Fitted(pieces=(), outcome="dropped", told=f"{said}: left out")


def windows(rendered: Rendered, max_length: int) -> Iterator[Rendered]:
    """Running text in pieces of at most so many tokens; each token is in one of them."""
    for start in range(0, len(rendered.token_ids), max_length):
        yield window(rendered, start, min(start + max_length, len(rendered.token_ids)))


def window(rendered: Rendered, start: int, end: int) -> Rendered:
    """Tokens `start` up to, but without, `end`, with what belongs to them."""
    offsets = rendered.offsets
    first, last = (0, len(rendered.text))
    if offsets is not None:
        first = offsets[start][0] if start > 0 else 0
        last = offsets[end - 1][1] if end < len(offsets) else len(rendered.text)
    return replace(
        rendered,
        text=rendered.text[first:last],
        token_ids=rendered.token_ids[start:end],
        weights=rendered.weights[start:end],
        offsets=None
        if offsets is None
        else tuple((max(s - first, 0), max(e - first, 0)) for s, e in offsets[start:end]),
        segments=tuple(_clipped(rendered.segments, first, last)),
        ends=tuple(index - start for index in rendered.ends if start <= index < end),
        merges=tuple(index - start for index in rendered.merges if start <= index < end),
    )


def _clipped(segments: Sequence[Segment], first: int, last: int) -> Iterator[Segment]:
    for segment in segments:
        start, end = max(segment.start, first), min(segment.end, last)
        if start < end:
            yield replace(segment, start=start - first, end=end - first)


def _longest(rendered: Sequence[Rendered]) -> int:
    return max(len(one.token_ids) for one in rendered)


def _trimmed(renderer: Renderer, content: Content, max_length: int, said: str) -> Fitted | None:
    """The row with less before its answer: the oldest turns are left out first, then the beginning
    of the last prompt. None where even that is too long."""
    shortest = content
    for dropped, shortest in _without_oldest(content):
        pieces = renderer.render(shortest)
        if dropped and _longest(pieces) <= max_length:
            turns = format_count(dropped, "oldest turn")
            return Fitted(pieces=pieces, outcome="trimmed", told=f"{said}: without the {turns}")
    text, put = _last_prompt(shortest)
    if put is None:
        return None
    excess = _longest(renderer.render(shortest)) - max_length
    for _ in range(_MOST_TRIES):
        cut = _characters_of(renderer, text, excess)
        if len(text) - cut < _SHORTEST_PROMPT:
            return None
        pieces = renderer.render(put(text[cut:]))
        over = _longest(pieces) - max_length
        if over <= 0:
            removed = f"{cut:,} of the {len(text):,} characters of the prompt"
            return Fitted(
                pieces=pieces, outcome="trimmed", told=f"{said}: without the first {removed}"
            )
        excess += over
    return None


def _characters_of(renderer: Renderer, text: str, tokens: int) -> int:
    """How many first characters have so many tokens; all where the text has fewer."""
    ids, offsets = renderer.tokenizer.encode(text)
    if tokens >= len(ids):
        return len(text)
    if offsets is None:
        return -(-len(text) * tokens // len(ids))
    return max(offsets[tokens][0], 1)


def _without_oldest(content: Content) -> Iterator[tuple[int, Content]]:
    """The row with none, the oldest, the two oldest, ... exchanges left out, and their turns."""
    turns = _prompt_turns(content)
    head = 1 if turns and turns[0].role == SYSTEM else 0
    starts = [i for i, turn in enumerate(turns) if turn.role == USER and i >= head]
    yield 0, content
    for start in starts[1:]:
        yield start - head, _with_turns(content, (*turns[:head], *turns[start:]))


def _prompt_turns(content: Content) -> tuple[Message, ...]:
    if isinstance(content, Conversation | Preference | Rated):
        return content.prompt
    return ()


def _with_turns(content: Content, turns: tuple[Message, ...]) -> Content:
    if isinstance(content, Conversation):
        return replace(content, messages=(*turns, *content.messages[len(content.prompt) :]))
    if isinstance(content, Preference | Rated):
        return replace(content, prompt=turns)
    return content


def _last_prompt(content: Content) -> tuple[str, Callable[[str], Content] | None]:
    """The longest text before the answer that is no system turn, and how another is put there."""
    if isinstance(content, Completion):
        return content.prompt, lambda text: replace(content, prompt=text)
    turns = _prompt_turns(content)
    places = [i for i, turn in enumerate(turns) if turn.role not in {SYSTEM, ASSISTANT}]
    if not places:
        return "", None
    place = max(places, key=lambda i: len(turns[i].text))

    def put(text: str) -> Content:
        changed = replace(turns[place], content=text)
        return _with_turns(content, (*turns[:place], changed, *turns[place + 1 :]))

    return turns[place].text, put


def _divided(
    renderer: Renderer, content: Conversation, max_length: int, said: str
) -> Fitted | None:
    """A conversation in several, each with the system turn and as many whole exchanges as fit."""
    turns = content.messages
    head = turns[:1] if turns and turns[0].role == SYSTEM else ()
    exchanges = _exchanges(turns[len(head) :])
    pieces: list[Rendered] = []
    left_out = 0
    while exchanges:
        taken = 0
        best: Rendered | None = None
        for count in range(1, len(exchanges) + 1):
            some = tuple(turn for exchange in exchanges[:count] for turn in exchange)
            (found,) = renderer.render(replace(content, messages=(*head, *some)))
            if len(found.token_ids) > max_length:
                break
            taken, best = count, found
        if best is None:
            left_out += 1
            taken = 1
        else:
            pieces.append(best)
        exchanges = exchanges[taken:]
    if not pieces:
        return None
    lost = f", and {format_count(left_out, 'exchange')} left out" if left_out else ""
    numbered = [
        replace(piece, part=f"{place} of {len(pieces)}") for place, piece in enumerate(pieces, 1)
    ]
    return Fitted(
        pieces=tuple(numbered), outcome="split", told=f"{said}: divided into {len(pieces)}{lost}"
    )


def _exchanges(turns: Sequence[Message]) -> list[tuple[Message, ...]]:
    """Turns in groups that begin with the user."""
    groups: list[list[Message]] = []
    for turn in turns:
        if turn.role == USER and (not groups or any(t.role == ASSISTANT for t in groups[-1])):
            groups.append([])
        if not groups:
            groups.append([])
        groups[-1].append(turn)
    return [tuple(group) for group in groups]
