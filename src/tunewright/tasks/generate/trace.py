"""Where each turn of a conversation stands in the text that a template makes of it.

A template is a program: it may strip, move or drop what it is given. So a conversation is first
rendered with one strange character in the place of each text. What comes out is the skeleton: all
that the template writes itself, and where each text goes. It depends only on the shape of the
conversation (who speaks, what is empty, which tools there are), so it is kept. A turn begins where
the text of the turns before it, rendered with the beginning of an answer, ends; that is exactly
what a model is given when it has to write this turn. It ends with the first special token behind.

The skeleton is then filled with the real texts, as they are or without white space at their ends,
and must give, character by character, what the template makes of the real conversation. Where it
does not, each text is rendered alone among strange characters to see what the template makes of it;
and where even that does not fit together, the beginnings of the real conversation are compared. A
turn that is still not found is refused: nothing is ever guessed.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tunewright.data.content import ASSISTANT
from tunewright.tasks.generate.sandbox import BLOCK_END, BLOCK_START
from tunewright.tasks.generate.template import ChatTemplate, UnrenderableError
from tunewright.tasks.generate.turns import Slot, Turn, TurnFinder

_FIRST_MARK = 0xF0000
_MOST_MESSAGES = 65_000
"""As many strange characters as the first private plane has."""

_KEPT_SHAPES = 512
_BLOCK = re.compile(f"[{BLOCK_START}{BLOCK_END}]")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What a template writes around the texts of conversations of one shape."""

    text: str
    slots: tuple[Slot, ...]
    turns: tuple[Turn, ...]
    lost: tuple[int, ...]
    """Messages whose text the template leaves out."""

    unclear: tuple[int, ...]
    """Turns of the assistant whose place cannot be told from the skeleton."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A rendered conversation: characters of its text."""

    text: str
    slots: tuple[Slot, ...]
    turns: tuple[Turn, ...]
    lost: tuple[int, ...]
    unclear: tuple[int, ...]


class Tracer:
    """Finds turns in what a template makes.

    Args:
        template: the template.
        control_tokens: texts of the tokenizer's special tokens, by which a turn ends.
    """

    def __init__(self, template: ChatTemplate, control_tokens: Iterable[str]) -> None:
        self._template = template
        known = sorted((t for t in control_tokens if t), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, known)) or "(?!)")
        self._kept: OrderedDict[Any, Skeleton | UnrenderableError] = OrderedDict()

    def trace(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> Traced:
        """Render a conversation and find its turns.

        Raises:
            UnrenderableError: when the template refuses it.
        """
        skeleton = self.skeleton(messages, tools)
        text = self._template.render(messages, tools)
        bodies = _fitted(skeleton, messages, text)
        if bodies is None:
            skeleton = self._widened(skeleton)
            bodies = self._bodies(skeleton, messages, tools)
            if bodies is None or _filled(skeleton, bodies) != text:
                return self._by_beginnings(skeleton, messages, tools, text)
        return _placed(skeleton, bodies, text)

    def keeps_texts(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> bool:
        """Whether the template writes these texts as they are, but for white space at their ends.

        Raises:
            UnrenderableError: when it refuses the conversation.
        """
        text = self._template.render(messages, tools)
        return _fitted(self.skeleton(messages, tools), messages, text) is not None

    def filled(self, messages: Sequence[Mapping[str, Any]]) -> str | None:
        """The text of a conversation without asking the template, for one that keeps texts; None
        where white space at the ends of a text leaves open what it makes of it.

        Raises:
            UnrenderableError: when the template refuses such conversations.
        """
        skeleton = self.skeleton(messages)
        bodies = [str(messages[slot.message]["content"]) for slot in skeleton.slots]
        if any(body[0].isspace() or body[-1].isspace() for body in bodies):
            return None
        return _filled(skeleton, bodies)

    def skeleton(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> Skeleton:
        """What the template writes around conversations of this shape.

        Raises:
            UnrenderableError: when it refuses all of them.
        """
        key = shape_of(messages, tools)
        found = self._kept.get(key)
        if found is None:
            try:
                found = self._made(messages, tools)
            except UnrenderableError as problem:
                found = problem
            self._kept[key] = found
            if len(self._kept) > _KEPT_SHAPES:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        if isinstance(found, UnrenderableError):
            raise UnrenderableError(found.reason, found.message)
        return found

    def _made(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Skeleton:
        if len(messages) > _MOST_MESSAGES:
            raise UnrenderableError("template_limit", f"it has {len(messages):,} turns")
        masked = [_masked(message, place) for place, message in enumerate(messages)]
        whole = self._template.render(masked, tools, tracing=True)
        text, blocks = _without_blocks(whole)
        marks: dict[int, list[int]] = {}
        for at, character in enumerate(text):
            place = ord(character) - _FIRST_MARK
            if 0 <= place < len(messages) and has_text(messages[place]):
                marks.setdefault(place, []).append(at)
        slots = tuple(
            Slot(at, at + 1, place)
            for at, place in sorted((at, place) for place, ats in marks.items() for at in ats)
        )
        finder = TurnFinder(self._template, self._control, masked, tools, text, slots, blocks)
        turns, unclear = [], []
        for place, message in enumerate(messages):
            if message["role"] != ASSISTANT:
                continue
            turn = finder.find(place, marks.get(place, []))
            if turn is None:
                unclear.append(place)
            else:
                turns.append(turn)
        lost = tuple(p for p, m in enumerate(messages) if has_text(m) and p not in marks)
        return Skeleton(text, slots, tuple(turns), lost, tuple(unclear))

    def _widened(self, skeleton: Skeleton) -> Skeleton:
        """The same, with the slot of each answer reaching back to the beginning of its turn: what
        the template writes there may depend on the answer."""
        begins = {turn.message: turn.begin for turn in skeleton.turns}
        slots, before = [], 0
        for slot in skeleton.slots:
            start = begins.get(slot.message, slot.start)
            slots.append(Slot(max(before, min(start, slot.start)), slot.end, slot.message))
            before = slot.end
        return Skeleton(
            skeleton.text, tuple(slots), skeleton.turns, skeleton.lost, skeleton.unclear
        )

    def _bodies(
        self,
        skeleton: Skeleton,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
    ) -> list[str] | None:
        """What the template makes of each text, seen with all others hidden."""
        masked = [_masked(message, place) for place, message in enumerate(messages)]
        bodies = []
        for slot in skeleton.slots:
            shown = [*masked]
            shown[slot.message] = dict(messages[slot.message])
            try:
                text = self._template.render(shown, tools)
            except UnrenderableError:
                return None
            before, after = skeleton.text[: slot.start], skeleton.text[slot.end :]
            if len(text) < len(before) + len(after):
                return None
            if not (text.startswith(before) and text.endswith(after)):
                return None
            bodies.append(text[len(before) : len(text) - len(after)])
        return bodies

    def _by_beginnings(
        self,
        skeleton: Skeleton,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        text: str,
    ) -> Traced:
        """Turns found by rendering the real conversation up to each of them."""
        turns, unclear = [], []
        for place, message in enumerate(messages):
            if message["role"] != ASSISTANT:
                continue
            begin = self._beginning(messages[:place], tools, text, generation_prompt=True)
            limit = self._beginning(messages[: place + 1], tools, text, generation_prompt=False)
            if begin is None or limit is None or limit < begin:
                unclear.append(place)
                continue
            found = list(self._control.finditer(text, begin, limit))
            last = found[-1] if found else None
            end = limit if last is None else last.end()
            turns.append(Turn(place, begin, end, end if last is None else last.start()))
        return Traced(text, (), tuple(turns), skeleton.lost, tuple(unclear))

    def _beginning(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        text: str,
        *,
        generation_prompt: bool,
    ) -> int | None:
        """Length of the rendering of some first messages, where the text begins with it."""
        try:
            found = self._template.render(messages, tools, generation_prompt=generation_prompt)
        except UnrenderableError:
            return None
        return len(found) if text.startswith(found) else None


def shape_of(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> Any:
    """What conversations have in common that a template puts the same words around."""
    turns = []
    for message in messages:
        seen = True if has_text(message) else message.get("content")
        rest = {k: v for k, v in message.items() if k not in {"role", "content"}}
        turns.append((message["role"], seen, json.dumps(rest, sort_keys=True) if rest else ""))
    return tuple(turns), json.dumps(list(tools), sort_keys=True) if tools else ""


def has_text(message: Mapping[str, Any]) -> bool:
    """Whether a message says something other than white space."""
    content = message.get("content")
    return isinstance(content, str) and bool(content.strip())


def _masked(message: Mapping[str, Any], place: int) -> dict[str, Any]:
    if not has_text(message):
        return dict(message)
    return {**message, "content": chr(_FIRST_MARK + place)}


def _without_blocks(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without the marks of `generation` blocks, and where the blocks stand."""
    blocks: list[tuple[int, int]] = []
    opened: list[int] = []
    parts, at, length = [], 0, 0
    for found in _BLOCK.finditer(text):
        parts.append(text[at : found.start()])
        length += found.start() - at
        at = found.end()
        if found[0] == BLOCK_START:
            opened.append(length)
        elif opened:
            blocks.append((opened.pop(), length))
    parts.append(text[at:])
    return "".join(parts), blocks


def _fitted(
    skeleton: Skeleton, messages: Sequence[Mapping[str, Any]], text: str
) -> list[str] | None:
    """The texts, each as it is or without white space at its ends, if they give this text."""
    bodies: list[str] = []
    at = done = 0
    bounds = [*(slot.start for slot in skeleton.slots), len(skeleton.text)]
    for slot, following in zip(skeleton.slots, bounds[1:], strict=True):
        before = skeleton.text[done : slot.start]
        if not text.startswith(before, at):
            return None
        at += len(before)
        after = skeleton.text[slot.end : following]
        content = str(messages[slot.message]["content"])
        body = next(
            (
                form
                for form in _forms(content)
                if text.startswith(form, at) and text.startswith(after, at + len(form))
            ),
            None,
        )
        if body is None:
            return None
        bodies.append(body)
        at += len(body)
        done = slot.end
    return bodies if text[at:] == skeleton.text[done:] else None


def _forms(content: str) -> list[str]:
    """A text with and without white space at its ends, each form once."""
    if not (content[0].isspace() or content[-1].isspace()):
        return [content]
    forms = (content, content.strip(), content.rstrip(), content.lstrip())
    return list(dict.fromkeys(forms))


def _filled(skeleton: Skeleton, bodies: list[str]) -> str:
    parts, at = [], 0
    for slot, body in zip(skeleton.slots, bodies, strict=True):
        parts += [skeleton.text[at : slot.start], body]
        at = slot.end
    return "".join([*parts, skeleton.text[at:]])


def _placed(skeleton: Skeleton, bodies: list[str], text: str) -> Traced:
    """Slots and turns as characters of the text."""
    slots, shift = [], 0
    for slot, body in zip(skeleton.slots, bodies, strict=True):
        slots.append(Slot(slot.start + shift, slot.start + shift + len(body), slot.message))
        shift += len(body) - (slot.end - slot.start)

    ends = [slot.end for slot in skeleton.slots]
    grown = list(
        accumulate(
            (len(b) - s.end + s.start for s, b in zip(skeleton.slots, bodies, strict=True)),
            initial=0,
        )
    )

    def moved(at: int) -> int:
        """Behind all slots that end at or before this place; a turn never begins inside one."""
        return at + grown[bisect_right(ends, at)]

    turns = tuple(
        Turn(t.message, moved(t.begin), moved(t.end), moved(t.tail)) for t in skeleton.turns
    )
    return Traced(text, tuple(slots), turns, skeleton.lost, skeleton.unclear)
