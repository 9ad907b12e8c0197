"""Tokens of single rows, counted only where bytes do not tell enough (see `tokens.py`)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.audit.desk.base import DeskRow, Mark
from tunewright.audit.desk.token_characters import Characters
from tunewright.core.units import format_count
from tunewright.data.content import (
    ASSISTANT,
    SYSTEM,
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
)
from tunewright.models.chat import ChatModel, load_chat_model
from tunewright.tasks.classify import Classify
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.messages import as_values
from tunewright.tasks.generate.rendered import Rendered
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError

WRITTEN = (Conversation, Completion, Document, Preference, Rated)
"""Kinds of content that a model continues."""

_SLACK_TOKENS = 8
"""For each turn: what a template may write around a text only when the text says something."""

_KEPT_SHAPES = 4096
_ODD = " \"\\ <think>\n\né </think>\n\n<b> & {{ 1 }}\t'x' "


@dataclass(kw_only=True, slots=True)
class Measured:
    """What is known of one row."""

    marks: list[Mark] = field(default_factory=list)

    tokens: int | None = None
    """Of its longest part; None where bytes were enough to know that it fits."""

    learned: int = 0
    """Tokens that are learned, in all parts."""

    everything: int = 0
    """Tokens of all parts."""

    merged: bool = False
    """Whether a token reaches over the border between prompt and answer."""


class Meter(ABC):
    """Counts the tokens of rows for one model.

    Args:
        model: its tokenizer and templates.
        max_length: tokens at which a row is cut; the model's own limit when None.
    """

    def __init__(self, model: ChatModel, max_length: int | None) -> None:
        self.model = model
        self.tokenizer = model.tokenizer
        self.max_length = min(max_length or model.max_length, model.max_length)
        self.characters = Characters(model.tokenizer, writes=model.writes)
        self.bound = model.tokenizer.bound
        known = sorted(self.tokenizer.control_tokens, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, known)) or "(?!)")
        self._begins = frozenset(token[0] for token in known)

    @abstractmethod
    def measure(self, row: DeskRow, *, whole: bool) -> Measured:
        """
        Args:
            whole: whether its tokens are wanted in any case.
        """

    def texts(self, row: DeskRow) -> Iterator[Mark]:
        """What is the matter with the characters of a row."""
        for piece in row.pieces:
            if any(begin in piece.text for begin in self._begins):
                found = self._control.search(piece.text)
                if found is not None:
                    yield Mark(
                        finding="control_token_in_text",
                        detail=f"{piece.field} holds '{found[0]}', which the tokenizer takes for "
                        "a control token",
                    )
            bad = self.characters.bad_in(piece.text)
            if bad:
                yield Mark(finding="unknown_characters", detail=f"{piece.field}: {bad}")

    def fits_by_bytes(self, row: DeskRow, around: int) -> bool:
        """Whether a row cannot be too long, however its texts fall into tokens."""
        if self.bound is None:
            return False
        return around + sum(self.bound.tokens(p.text) for p in row.pieces) <= self.max_length


class ReadingMeter(Meter):
    """For models that read: each text with what the tokenizer puts around it."""

    def measure(self, row: DeskRow, *, whole: bool) -> Measured:
        found = Measured(marks=list(self.texts(row)))
        around = len(self.tokenizer.prefix) + len(self.tokenizer.suffix)
        if not whole and self.fits_by_bytes(row, around + len(row.pieces)):
            return found
        lengths = [self.tokenizer.count(text) + around for text in read_texts(row.content)]
        found.tokens, found.everything = max(lengths, default=0), sum(lengths)
        if found.tokens > self.max_length:
            lost = found.tokens - self.max_length
            detail = f"{found.tokens:,} tokens: the last {lost:,} are not read"
            found.marks.append(Mark(finding="too_long", detail=detail))
        return found


class WritingMeter(Meter):
    """For models that write: rows as the renderer makes them."""

    def __init__(self, model: ChatModel, max_length: int | None, renderer: Renderer) -> None:
        super().__init__(model, max_length)
        self.renderer = renderer
        self._around: dict[Any, int | UnrenderableError] = {}
        self._keeps_length = self._probe()

    def measure(self, row: DeskRow, *, whole: bool) -> Measured:
        found = Measured(marks=list(self.texts(row)))
        if not self._may_learn(row.content):
            found.marks.append(
                Mark(finding="no_learned_token", detail="it has no answer that could be learned")
            )
        try:
            around = None if whole else self._template_tokens(row.content)
            if around is not None and (
                self.fits_by_bytes(row, around) or self._fits_by_tokens(row.content)
            ):
                return found
            parts = self.renderer.render(row.content)
        except UnrenderableError as problem:
            found.marks.append(Mark(finding="not_rendered", detail=problem.message))
            return found
        found.tokens = max(len(part.token_ids) for part in parts)
        found.everything = sum(len(part.token_ids) for part in parts)
        found.learned = sum(part.trained_count for part in parts)
        found.merged = any(part.merges for part in parts)
        if found.tokens > self.max_length:
            found.marks.append(self._cut(parts, found.tokens))
        elif not found.learned and self._may_learn(row.content):
            found.marks.append(
                Mark(finding="no_learned_token", detail="the template leaves its answer out")
            )
        return found

    def _fits_by_tokens(self, content: Content) -> bool:
        """Whether a row has few enough tokens, counted in the skeleton of its shape filled with its
        texts: the same text that rendering gives, in a fifth of the time."""
        if isinstance(content, Completion):
            text: str | None = content.prompt + (content.completion or "")
        elif isinstance(content, Conversation) and self._keeps_texts:
            text = self.renderer.tracer().filled(as_values(self.renderer.turns(content.messages)))
        else:
            return False
        if text is None:
            return False
        around = len(self.tokenizer.prefix) + len(self.tokenizer.suffix) + 1
        return self.tokenizer.count(text) + around <= self.max_length

    def _cut(self, parts: tuple[Rendered, ...], tokens: int) -> Mark:
        """What a cut at `max_length` would take away from a row."""
        lost = sum(sum(part.trained[self.max_length :]) for part in parts)
        all_learned = sum(part.trained_count for part in parts)
        ends = sum(index >= self.max_length for part in parts for index in part.ends)
        head = f"{tokens:,} tokens"
        if not lost:
            return Mark(finding="too_long", detail=f"{head}: nothing that is learned would be cut")
        if lost == all_learned:
            what = "the whole answer would be lost"
        elif lost == ends:
            what = "the end of the answer would be lost, without which a model never stops"
        else:
            what = f"{lost:,} of {format_count(all_learned, 'learned token')} would be lost"
        return Mark(finding="answer_lost", detail=f"{head}: {what}")

    def _may_learn(self, content: Content) -> bool:
        if self.renderer.config.train_on == "all" or self.renderer.config.prompt_loss_weight > 0:
            return True
        if isinstance(content, Completion):
            return content.completion is not None
        if isinstance(content, Conversation):
            return any(_learned(message) for message in content.messages)
        if isinstance(content, Preference):
            return any(map(_learned, content.chosen)) or any(map(_learned, content.rejected))
        if isinstance(content, Rated):
            return any(map(_learned, content.completion))
        return True

    def _template_tokens(self, content: Content) -> int | None:
        """The most tokens that the template writes around the texts of such a row; None where that
        is known only by rendering it.

        Raises:
            UnrenderableError: when the template takes no row of this shape.
        """
        if isinstance(content, Completion | Document):
            return len(self.tokenizer.prefix) + len(self.tokenizer.suffix) + 2
        if not self._keeps_length or not isinstance(content, Conversation | Preference | Rated):
            return None
        if content.tools:
            return None
        if isinstance(content, Conversation):
            return self._of_turns(content.messages)
        if isinstance(content, Preference):
            both = (
                self._of_turns((*content.prompt, *content.chosen)),
                self._of_turns((*content.prompt, *content.rejected)),
            )
            return None if None in both else max(n for n in both if n is not None)
        return self._of_turns((*content.prompt, *content.completion))

    def _of_turns(self, messages: tuple[Message, ...]) -> int | None:
        key = []
        for message in messages:
            content = message.content
            if message.tool_calls or message.extras or message.tool_call_id or message.name:
                return None
            if not isinstance(content, str):
                return None
            key.append((message.role, bool(content) and not content.isspace()))
        shape = tuple(key)
        found = self._around.get(shape)
        if found is None:
            if len(self._around) >= _KEPT_SHAPES:
                self._around.clear()
            found = self._around[shape] = self._computed(messages)
        if isinstance(found, UnrenderableError):
            raise UnrenderableError(found.reason, found.message)
        return found

    def _computed(self, messages: tuple[Message, ...]) -> int | UnrenderableError:
        try:
            turns = self.renderer.turns(messages)
            skeleton = self.renderer.tracer().skeleton(as_values(turns))
        except UnrenderableError as problem:
            return problem
        if any(turn.role == ASSISTANT and i in skeleton.unclear for i, turn in enumerate(turns)):
            return 1 << 40  # refused or not: rendering tells
        told = skeleton.text + (self.renderer.config.system or "")
        literal = 0 if self.bound is None else self.bound.tokens(told)
        return literal + _SLACK_TOKENS * len(turns)

    def _probe(self) -> bool:
        """Whether the template writes texts as they are, odd ones too, so that the length of a row
        follows from the lengths of its texts."""
        self._keeps_texts = False
        turns = [{"role": role, "content": _ODD} for role in (USER, ASSISTANT, USER, ASSISTANT)]
        try:
            tracer = self.renderer.tracer()
            kept = tracer.keeps_texts(turns)
            if not self.renderer.folds_system:
                kept = kept and tracer.keeps_texts([{"role": SYSTEM, "content": _ODD}, *turns])
        except UnrenderableError:
            return False
        self._keeps_texts = kept
        return kept or self._only_shorter(turns)

    def _only_shorter(self, turns: list[dict[str, Any]]) -> bool:
        """Whether what the template makes of such texts is at least no longer."""
        text = self.renderer.tracer().trace(turns).text
        skeleton = self.renderer.tracer().skeleton(turns)
        return len(text) <= len(skeleton.text) + len(turns) * (len(_ODD) - 1)


def read_texts(content: Content) -> list[str]:
    """The texts that a model which reads is given, one by one."""
    if isinstance(content, Labelled):
        return [Classify().render(content.texts)]
    if isinstance(content, Similar):
        others = (*content.further_positives, *content.negatives)
        return [content.anchor, content.positive, *others]
    if isinstance(content, Judgement):
        return [content.query, "\n".join(filter(None, (content.title, content.document)))]
    return [piece.text for piece in content.pieces()]


def open_meter(
    folder: str, *, written: bool, max_length: int | None, options: Mapping[str, Any]
) -> Meter | None:
    """What counts tokens with the tokenizer of a model; None where the model does not write, and
    rows are to be written.

    Args:
        folder: of the model.
        written: whether the rows are for a model that writes.
        max_length: tokens at which a row is cut; the model's own limit when None.
        options: `rendering`, the values of a `RenderingConfig`, and `template_source`, the text of
            the template file that it names.

    Raises:
        ModelError: when the tokenizer or the template cannot be used.
    """
    model = load_chat_model(Path(folder))
    if not written:
        return ReadingMeter(model, max_length)
    if not model.writes:
        return None
    config = RenderingConfig.model_validate(options.get("rendering") or {})
    renderer = Renderer(
        model.tokenizer,
        model.templates,
        config,
        options.get("template_source"),
        two_sequences=model.two_sequences,
    )
    return WritingMeter(model, max_length, renderer)


def _learned(message: Message) -> bool:
    return message.role == ASSISTANT and (message.weight is None or message.weight > 0)
