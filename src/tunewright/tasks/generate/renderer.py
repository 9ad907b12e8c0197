"""The renderer: what a row says, as the tokens that a model is given.

One for training, evaluation, chat and serving: `render` makes whole rows with what is learned of
them, `prompt` what stands before an answer that is to be written. Both come from one template, one
tokenizer and one set of rules, and `renderer` is the hash of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

from tunewright.core.hashing import hash_value
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
from tunewright.tasks.generate.choice import OWN, choose_template
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.messages import as_values, plain
from tunewright.tasks.generate.pairs import render_pair, source_of
from tunewright.tasks.generate.rendered import Rendered, Segment, TextTokenizer, pieces_of
from tunewright.tasks.generate.segments import notes_of, segments_of
from tunewright.tasks.generate.template import ChatTemplate, UnrenderableError
from tunewright.tasks.generate.tokens import (
    Learned,
    Stretch,
    learned_by_beginnings,
    learned_by_offsets,
)
from tunewright.tasks.generate.trace import Tracer

VERSION = 1
"""Raised whenever the same row would become other tokens."""

_TEMPLATE = Segment(start=0, end=0, role="template", kind="template")


class Renderer:
    """Makes tokens of rows.

    Args:
        tokenizer: of the model.
        templates: chat templates that the model brings, by name (`default`, `tool_use`, ...).
        config: what the person chose.
        source: the text of the template file, where `config.template` names one.
        two_sequences: whether the model reads the prompt as one sequence and writes the answer as
            another (T5, BART).

    Raises:
        ModelError: when the template cannot be used, or needs tokens that the tokenizer lacks.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        templates: Mapping[str, str],
        config: RenderingConfig | None = None,
        source: str | None = None,
        *,
        two_sequences: bool = False,
    ) -> None:
        self.two_sequences = two_sequences
        self.asks_plainly = not templates and (config is None or config.template is None)
        """Whether nobody has said how a single question is to be put."""
        self.config = config or RenderingConfig()
        self.tokenizer = tokenizer
        self.template_name, chosen, self.reason = choose_template(
            self.config.template, source, templates, tokenizer
        )
        self._sources = {OWN: chosen}
        if self.template_name == OWN and "tool_use" in templates:
            self._sources["tool_use"] = templates["tool_use"]
        today = date.fromisoformat(self.config.date)
        self._templates = {
            name: ChatTemplate(text, self.template_name, tokenizer.special_tokens, today)
            for name, text in self._sources.items()
        }
        self._tracers = {
            name: Tracer(template, tokenizer.control_tokens)
            for name, template in self._templates.items()
        }

    @property
    def renderer(self) -> str:
        """Hash that travels with every model; another renderer must not be used with it."""
        return hash_value(
            {
                "task": "generate",
                "version": VERSION,
                "two_sequences": self.two_sequences,
                "templates": self._sources,
                "tokenizer": self.tokenizer.content_hash,
                "config": self.config.model_dump(mode="json", exclude={"template", "on_too_long"}),
            }
        )[:12]

    @cached_property
    def folds_system(self) -> bool:
        """Whether a system turn has to be put before the first turn of the user, because the
        template refuses it or leaves it out."""
        system = {"role": SYSTEM, "content": "s"}
        user = {"role": USER, "content": "u"}
        tracer = self._tracers[OWN]
        try:
            return 0 in tracer.skeleton([system, user]).lost
        except UnrenderableError:
            try:
                tracer.skeleton([user])
            except UnrenderableError:
                return False
            return True

    def render(self, content: Content) -> tuple[Rendered, ...]:
        """The tokens of a row, whole: one, or two for a preference (`chosen` and `rejected`).

        For a model of two sequences a `source` and a `target`; of a preference one source and both
        answers. All turns but the last of the assistant are the source.

        Raises:
            UnrenderableError: when the row has no turns, or the template does not take it.
            TypeError: for a kind of content that is not for a model that writes.
        """
        if self.two_sequences:
            return render_pair(self, content)
        if isinstance(content, Conversation):
            return (self._conversation(content.messages, content.tools),)
        if isinstance(content, Rated):
            turns = (*content.prompt, *content.completion)
            return (self._conversation(turns, content.tools, first=len(content.prompt)),)
        if isinstance(content, Preference):
            first = len(content.prompt)
            return tuple(
                self._conversation((*content.prompt, *turns), content.tools, first=first, part=part)
                for part, turns in (("chosen", content.chosen), ("rejected", content.rejected))
            )
        if isinstance(content, Completion):
            return (self._completion(content),)
        if isinstance(content, Document):
            return (self._document(content),)
        raise TypeError(f"a {content.kind} is nothing to be continued")

    def prompt(self, content: Content) -> Rendered:
        """What a model is given when it has to write the answer of a row.

        Raises:
            UnrenderableError: when the template does not take it.
        """
        if self.two_sequences:
            return source_of(self, content)
        if isinstance(content, Completion):
            return self.plain_text(content.prompt)
        if isinstance(content, Document):
            return self.plain_text(content.text)
        if not isinstance(content, Conversation | Preference | Rated):
            raise TypeError(f"a {content.kind} is nothing to be continued")
        turns, notes = self._turns(content.prompt)
        values = as_values(turns)
        tools: list[dict[str, Any]] = plain(content.tools)
        text = self.template(tools).render(values, tools, generation_prompt=True)
        ids, offsets = self.tokenizer.encode(text)
        return Rendered(
            text=text,
            token_ids=tuple(ids),
            weights=(0.0,) * len(ids),
            offsets=None if offsets is None else tuple(offsets),
            segments=pieces_of(len(text), (), _TEMPLATE),
            notes=notes,
        )

    def tracer(self, tools: Sequence[Any] = ()) -> Tracer:
        """What finds the turns of conversations with, or without, tools."""
        return self._tracers["tool_use" if tools and "tool_use" in self._tracers else OWN]

    def turns(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Messages with the system turn where the template takes it."""
        return self._turns(messages)[0]

    def template(self, tools: Sequence[Any] = ()) -> ChatTemplate:
        """The template for conversations with, or without, tools."""
        return self._templates["tool_use" if tools and "tool_use" in self._templates else OWN]

    def _turns(self, messages: Sequence[Message]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
        turns = tuple(messages)
        if self.config.system is not None and not any(m.role == SYSTEM for m in turns):
            turns = (Message(role=SYSTEM, content=self.config.system), *turns)
        if not turns:
            raise UnrenderableError("no_turns", "it has no turns")
        if turns[0].role != SYSTEM or not self.folds_system:
            return turns, ()
        if len(turns) < 2 or turns[1].role != USER:
            return turns, ()
        told = turns[0].text.strip()
        joined = Message(
            role=USER,
            content=f"{told}\n\n{turns[1].text}" if told else turns[1].text,
            weight=turns[1].weight,
            name=turns[1].name,
            extras=turns[1].extras,
        )
        note = "the template takes no system turn: it stands before the first turn of the user"
        return (joined, *turns[2:]), (note,)

    def _conversation(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        *,
        first: int = 0,
        part: str = "",
    ) -> Rendered:
        """
        Args:
            first: message from which on turns are learned (those of a completion).
        """
        turns, notes = self._turns(messages)
        first = max(0, first - (len(messages) - len(turns)))
        values = as_values(turns)
        plain_tools: list[dict[str, Any]] = plain(tools)
        traced = self.tracer(plain_tools).trace(values, plain_tools)
        weights = self._turn_weights(turns, first)
        missing = [i for i, w in weights.items() if w > 0 and i in traced.unclear]
        if missing:
            raise UnrenderableError(
                "turn_not_found",
                f"the template '{self.template_name}' writes turn {missing[0] + 1} so that its "
                "beginning and end cannot be told",
            )
        stretches = [
            Stretch(turn.begin, turn.end, weights[turn.message], turn.tail) for turn in traced.turns
        ]
        ids, offsets = self.tokenizer.encode(traced.text)
        learned = self._learned(ids, offsets, traced.text, stretches)
        return Rendered(
            text=traced.text,
            token_ids=tuple(ids),
            weights=tuple(learned.weights),
            offsets=None if offsets is None else tuple(offsets),
            segments=segments_of(traced, turns, weights, self._base_weight),
            part=part,
            ends=tuple(learned.ends),
            merges=tuple(learned.merges),
            notes=(*notes, *notes_of(traced, turns, weights)),
        )

    @property
    def _base_weight(self) -> float:
        return 1.0 if self.config.train_on == "all" else self.config.prompt_loss_weight

    def _turn_weights(self, turns: Sequence[Message], first: int) -> dict[int, float]:
        """Weight of each turn of the assistant, by its place."""
        mine = [i for i, message in enumerate(turns) if message.role == ASSISTANT]
        learned = [i for i in mine if i >= first]
        if self.config.train_on == "last_assistant":
            learned = learned[-1:]
        weights = {}
        for place in mine:
            own = turns[place].weight
            given = 1.0 if own is None else float(own)
            weights[place] = given if place in learned else self._base_weight
            if own is not None and own <= 0:
                weights[place] = 0.0
        return weights

    def _learned(
        self,
        ids: Sequence[int],
        offsets: Sequence[tuple[int, int]] | None,
        text: str,
        stretches: Sequence[Stretch],
    ) -> Learned:
        if offsets is not None:
            return learned_by_offsets(offsets, stretches, self._base_weight)

        def encode(part: str) -> Sequence[int]:
            return self.tokenizer.encode(part)[0]

        return learned_by_beginnings(ids, text, encode, stretches, self._base_weight)

    def _completion(self, content: Completion) -> Rendered:
        answer = content.completion
        if answer is None:
            return self.plain_text(content.prompt)
        border, length = len(content.prompt), len(content.prompt) + len(answer)
        stretch = [Stretch(border, length, 1.0, length)]
        pieces = (
            Segment(start=0, end=border, role=USER, kind="content", weight=self._base_weight),
            Segment(start=border, end=length, role=ASSISTANT, kind="content", weight=1.0),
        )
        return self.plain_text(content.prompt + answer, stretch, pieces, closed=True)

    def _document(self, content: Document) -> Rendered:
        text = content.text if not content.title else f"{content.title}\n\n{content.text}"
        piece = Segment(start=0, end=len(text), role=ASSISTANT, kind="content", weight=1.0)
        stretch = [Stretch(0, len(text), 1.0, len(text))]
        return self.plain_text(text, stretch, (piece,), closed=True)

    def plain_text(
        self,
        text: str,
        stretches: Sequence[Stretch] = (),
        pieces: Sequence[Segment] = (),
        *,
        closed: bool = False,
    ) -> Rendered:
        """Text without a template, between the tokens that the tokenizer puts around it.

        Args:
            closed: whether the end of the text is the end of an answer.
        """
        ids, offsets = self.tokenizer.encode(text)
        learned = self._learned(ids, offsets, text, stretches)
        before = self.tokenizer.prefix
        behind = self._closing(ids) if closed else ()
        head = "".join(token for _, token in before)
        tail = "".join(token for _, token in behind)
        shift, end = len(head), len(head) + len(text)
        moved = tuple(
            Segment(
                start=p.start + shift, end=p.end + shift, role=p.role, kind=p.kind, weight=p.weight
            )
            for p in (pieces or [Segment(start=0, end=len(text), role=USER, kind="content")])
        )
        marked = [Segment(start=0, end=shift, role="template", kind="special"), *moved]
        if behind:
            marked.append(
                Segment(start=end, end=end + len(tail), role=ASSISTANT, kind="end", weight=1.0)
            )
        everything = len(before) + len(ids) + len(behind)
        return Rendered(
            text=head + text + tail,
            token_ids=(*(i for i, _ in before), *ids, *(i for i, _ in behind)),
            weights=(*(0.0,) * len(before), *learned.weights, *(1.0,) * len(behind)),
            offsets=None if offsets is None else _all_offsets(before, offsets, behind, len(text)),
            segments=pieces_of(end + len(tail), marked, _TEMPLATE),
            ends=self._ends(ids, len(before), everything, learned) if closed else (),
            merges=tuple(index + len(before) for index in learned.merges),
            notes=() if behind or not closed or self._closed(ids) else (_NO_END,),
        )

    def _closed(self, ids: Sequence[int]) -> bool:
        """Whether tokens end with the end of text already."""
        return bool(ids) and ids[-1] == self._eos[0]

    def _closing(self, ids: Sequence[int]) -> tuple[tuple[int, str], ...]:
        """What is put behind a text that is to end: what the tokenizer puts there, and the end."""
        behind = self.tokenizer.suffix
        number, token = self._eos
        if number is None or any(i == number for i, _ in behind) or self._closed(ids):
            return behind
        return (*behind, (number, token))

    def _ends(
        self, ids: Sequence[int], before: int, everything: int, learned: Learned
    ) -> tuple[int, ...]:
        if not any(learned.weights) and not ids:
            return ()
        if everything > before + len(ids):
            return (everything - 1,)
        return (everything - 1,) if self._closed(ids) else ()

    @cached_property
    def _eos(self) -> tuple[int | None, str]:
        token = self.tokenizer.special_tokens.get("eos_token")
        if not isinstance(token, str):
            return None, ""
        return self.tokenizer.token_id(token), token


_NO_END = "the tokenizer has no end of text, so a model that learns this never learns to stop"


def _all_offsets(
    before: Sequence[tuple[int, str]],
    offsets: Sequence[tuple[int, int]],
    behind: Sequence[tuple[int, str]],
    length: int,
) -> tuple[tuple[int, int], ...]:
    """Offsets in the text with the tokens around it."""
    found, at = [], 0
    for _, token in before:
        found.append((at, at + len(token)))
        at += len(token)
    found += [(start + at, end + at) for start, end in offsets]
    at += length
    for _, token in behind:
        found.append((at, at + len(token)))
        at += len(token)
    return tuple(found)
