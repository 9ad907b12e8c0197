"""What a row says, whatever the layout of the file it stands in.

A schema (`data/schemas`) reads the columns of a row into one of these kinds of content, and writes
it back. Everything else, the checks of the data, the renderer, repairs, conversion, knows these
kinds alone and no layout.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

SYSTEM, USER, ASSISTANT, TOOL = "system", "user", "assistant", "tool"
ROLES = (SYSTEM, USER, ASSISTANT, TOOL)
"""Who speaks, in the names that chat templates use."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One stretch of text in a row."""

    field: str
    """Where it stands, as a person would say it: `instruction`, `messages[2].content`."""

    text: str

    role: str
    """Who wrote it: one of `ROLES`, or another role as the file spells it. The input of a row
    without speakers is of the `user`, its target of the `assistant`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    """One of `ROLES` where the spelling of the file was understood, else that spelling."""

    content: str | tuple[Mapping[str, Any], ...] | None
    """Text, a list of parts (`{"type": "text", "text": ...}`), or None beside tool calls."""

    weight: float | None = None
    """Of the turn in the loss; None where the file says nothing."""

    tool_calls: tuple[Mapping[str, Any], ...] = ()
    """`{"id", "type": "function", "function": {"name", "arguments"}}`, as chat templates want."""

    tool_call_id: str | None = None
    name: str | None = None

    extras: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the turn that have no meaning here; they travel with it."""

    @property
    def text(self) -> str:
        """The text alone; the texts of several parts are joined by line breaks."""
        if isinstance(self.content, str):
            return self.content
        parts = self.content or ()
        return "\n".join(str(part["text"]) for part in parts if part.get("type") == "text")


class Content(ABC):
    """What one row says."""

    kind: ClassVar[str]

    @abstractmethod
    def pieces(self) -> Iterator[Piece]:
        """Every text in the row, in the order of reading."""

    @property
    @abstractmethod
    def question(self) -> str:
        """All that is given. Two rows with equal questions ask for the same thing."""

    @property
    @abstractmethod
    def answer(self) -> str | None:
        """What is to be learned, as one text; None in a row without an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled(Content):
    """Texts and the label they have."""

    kind: ClassVar[str] = "labelled"
    texts: Mapping[str, str]
    """Column to text."""
    label: str | None

    def pieces(self) -> Iterator[Piece]:
        for name, text in self.texts.items():
            yield Piece(field=name, text=text, role=USER)

    @property
    def question(self) -> str:
        return "\n".join(self.texts.values())

    @property
    def answer(self) -> str | None:
        return self.label


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation(Content):
    """Turns between speakers, the last of which is what a model should say."""

    kind: ClassVar[str] = "conversation"
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON-schema descriptions of the tools that may be called."""

    def pieces(self) -> Iterator[Piece]:
        yield from turn_pieces(self.messages, "messages")

    @property
    def prompt(self) -> tuple[Message, ...]:
        """All turns before the final one of the assistant; all turns where there is none."""
        ends = bool(self.messages) and self.messages[-1].role == ASSISTANT
        return self.messages[:-1] if ends else self.messages

    @property
    def question(self) -> str:
        return transcript(self.prompt)

    @property
    def answer(self) -> str | None:
        if not self.messages or self.messages[-1].role != ASSISTANT:
            return None
        return said(self.messages[-1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion(Content):
    """A prompt and what follows it, both exactly as written, without turns or template."""

    kind: ClassVar[str] = "completion"
    prompt: str
    completion: str | None

    def pieces(self) -> Iterator[Piece]:
        yield Piece(field="prompt", text=self.prompt, role=USER)
        if self.completion is not None:
            yield Piece(field="completion", text=self.completion, role=ASSISTANT)

    @property
    def question(self) -> str:
        return self.prompt

    @property
    def answer(self) -> str | None:
        return self.completion


@dataclass(frozen=True, kw_only=True, slots=True)
class Document(Content):
    """Running text, to be continued."""

    kind: ClassVar[str] = "document"
    text: str
    title: str | None = None

    def pieces(self) -> Iterator[Piece]:
        if self.title is not None:
            yield Piece(field="title", text=self.title, role=USER)
        yield Piece(field="text", text=self.text, role=ASSISTANT)

    @property
    def question(self) -> str:
        return self.text

    @property
    def answer(self) -> str | None:
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Preference(Content):
    """Two continuations of one conversation, of which people preferred one."""

    kind: ClassVar[str] = "preference"
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()

    def pieces(self) -> Iterator[Piece]:
        yield from turn_pieces(self.prompt, "prompt")
        yield from turn_pieces(self.chosen, "chosen")
        yield from turn_pieces(self.rejected, "rejected")

    @property
    def question(self) -> str:
        return transcript(self.prompt)

    @property
    def answer(self) -> str | None:
        return "\n".join(map(said, self.chosen)) if self.chosen else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rated(Content):
    """A conversation whose final answer was judged good or bad (KTO)."""

    kind: ClassVar[str] = "rated"
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    good: bool
    tools: tuple[Mapping[str, Any], ...] = ()

    def pieces(self) -> Iterator[Piece]:
        yield from turn_pieces(self.prompt, "prompt")
        yield from turn_pieces(self.completion, "completion")

    @property
    def question(self) -> str:
        return transcript((*self.prompt, *self.completion))

    @property
    def answer(self) -> str | None:
        return "good" if self.good else "bad"


@dataclass(frozen=True, kw_only=True, slots=True)
class Similar(Content):
    """Texts that belong together, and texts that do not: a pair, a scored pair, or a triplet."""

    kind: ClassVar[str] = "similar"
    anchor: str
    positive: str
    further_positives: tuple[str, ...] = ()
    """Others that belong to the anchor as well."""

    negatives: tuple[str, ...] = ()
    score: str | None = None
    """Similarity of anchor and positive as the digits that were written."""

    def pieces(self) -> Iterator[Piece]:
        yield Piece(field="anchor", text=self.anchor, role=USER)
        yield Piece(field="positive", text=self.positive, role=ASSISTANT)
        for place, text in enumerate(self.further_positives):
            yield Piece(field=f"further_positives[{place}]", text=text, role=ASSISTANT)
        for place, text in enumerate(self.negatives):
            yield Piece(field=f"negatives[{place}]", text=text, role=ASSISTANT)

    @property
    def question(self) -> str:
        return self.anchor

    @property
    def answer(self) -> str | None:
        return self.positive


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement(Content):
    """How relevant a document is to a query."""

    kind: ClassVar[str] = "judgement"
    query_id: str
    document_id: str
    query: str
    document: str
    relevance: str
    """The grade as the digits that were written."""
    title: str | None = None

    def pieces(self) -> Iterator[Piece]:
        yield Piece(field="query", text=self.query, role=USER)
        if self.title:
            yield Piece(field="title", text=self.title, role=ASSISTANT)
        yield Piece(field="document", text=self.document, role=ASSISTANT)

    @property
    def question(self) -> str:
        return f"{self.query}\n{self.document}"

    @property
    def answer(self) -> str | None:
        return self.relevance


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A labelled stretch of a text: characters `start` up to, but without, `end`."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tagged(Content):
    """Tokens and the tag of each."""

    kind: ClassVar[str] = "tagged"
    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None
    """In the scheme of the file (BIO, BIOES, IOB1); None in a row without tags."""

    def pieces(self) -> Iterator[Piece]:
        yield Piece(field="tokens", text=" ".join(self.tokens), role=USER)

    @property
    def question(self) -> str:
        return " ".join(self.tokens)

    @property
    def answer(self) -> str | None:
        return None if self.tags is None else " ".join(self.tags)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spanned(Content):
    """A text and the labelled stretches in it."""

    kind: ClassVar[str] = "spanned"
    text: str
    spans: tuple[Span, ...] | None

    def pieces(self) -> Iterator[Piece]:
        yield Piece(field="text", text=self.text, role=USER)

    @property
    def question(self) -> str:
        return self.text

    @property
    def answer(self) -> str | None:
        if self.spans is None:
            return None
        return "; ".join(f"{s.type} {s.start}-{s.end}" for s in self.spans)


def turn_pieces(messages: tuple[Message, ...], name: str) -> Iterator[Piece]:
    """The texts of turns; `name` is that of their list."""
    for place, message in enumerate(messages):
        if message.content is not None:
            yield Piece(field=f"{name}[{place}].content", text=message.text, role=message.role)


def said(message: Message) -> str:
    """The whole of a turn as one text: what is written, then the calls of tools."""
    if not message.tool_calls:
        return message.text
    from tunewright.data.json_text import write_json_text

    calls = (write_json_text(call.get("function", call)) for call in message.tool_calls)
    return "\n".join(filter(None, (message.text, *calls)))


def transcript(messages: tuple[Message, ...]) -> str:
    """Turns as one text; a single turn of the user is that text alone."""
    if len(messages) == 1 and messages[0].role == USER:
        return said(messages[0])
    return "\n".join(f"{message.role}: {said(message)}" for message in messages)
