"""What the schemas of conversations share: plain exchanges, and what fits into two texts."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.data.content import (
    ASSISTANT,
    SYSTEM,
    USER,
    Completion,
    Content,
    Conversation,
    Labelled,
    Message,
    Similar,
)
from tunewright.data.schemas.base import CannotHoldError

TWO_TEXTS: tuple[type[Content], ...] = (Conversation, Completion, Similar, Labelled)
"""Kinds that may be no more than a text and the text that belongs to it."""


def user(text: str) -> Message:
    """A turn of the user."""
    return Message(role=USER, content=text)


def assistant(text: str) -> Message:
    """A turn of the assistant."""
    return Message(role=ASSISTANT, content=text)


def system(text: str) -> Message:
    """A system prompt."""
    return Message(role=SYSTEM, content=text)


def plain_text(message: Message, role: str) -> str | None:
    """The text of a turn that is nothing but a text of this role; else None."""
    plain = message == Message(role=role, content=message.content)
    return message.content if plain and isinstance(message.content, str) else None


def one_text(messages: Sequence[Message], role: str) -> str | None:
    """The text of a single plain turn; None where there is more or less."""
    return plain_text(messages[0], role) if len(messages) == 1 else None


def as_conversation(content: Content, schema: str) -> Conversation:
    """A content as turns, where it is no more than a question and its answer.

    Raises:
        CannotHoldError: when it is more.
    """
    if isinstance(content, Conversation):
        return content
    question, answer = two_texts(content, schema)
    return Conversation(messages=(user(question), assistant(answer)))


def two_texts(content: Content, schema: str) -> tuple[str, str]:
    """What is given and what belongs to it, as two texts.

    Args:
        content: a plain turn of each speaker, a prompt with its completion, a pair, or one text
            with its label.
        schema: name of the schema that is written, for messages.

    Raises:
        CannotHoldError: saying what there is no place for.
    """
    if isinstance(content, Conversation):
        return _exchange(content, schema)
    if isinstance(content, Completion):
        if content.completion is None:
            raise CannotHoldError(f"{schema} has no place for a prompt without completion")
        return content.prompt, content.completion
    if isinstance(content, Similar):
        if content.negatives or content.further_positives or content.score is not None:
            several = "several positives" if content.further_positives else "a score"
            what = "negatives" if content.negatives else several
            raise CannotHoldError(f"{schema} has no place for {what}")
        return content.anchor, content.positive
    if isinstance(content, Labelled):
        if len(content.texts) != 1 or content.label is None:
            raise CannotHoldError(f"{schema} has no place for {len(content.texts)} texts")
        return next(iter(content.texts.values())), content.label
    raise CannotHoldError(f"{schema} has no place for {article(content.kind)}")


def _exchange(content: Conversation, schema: str) -> tuple[str, str]:
    if content.tools:
        raise CannotHoldError(f"{schema} has no place for tools")
    roles = [message.role for message in content.messages]
    if roles != [USER, ASSISTANT]:
        wanted = "one turn of the user and one of the assistant"
        raise CannotHoldError(f"{schema} holds {wanted}, and the row has {_listed(roles)}")
    texts = [texts_only(message, schema) for message in content.messages]
    return texts[0], texts[1]


def texts_only(message: Message, schema: str) -> str:
    """The text of a turn that is nothing else.

    Raises:
        CannotHoldError: saying what else it is.
    """
    text = plain_text(message, message.role)
    if text is None:
        raise CannotHoldError(f"{schema} has no place for {_more(message)}")
    return text


def _more(message: Message) -> str:
    """What a turn has beside a text."""
    if message.tool_calls or message.tool_call_id is not None:
        return "calls of tools"
    if message.weight is not None:
        return "the weight of a turn"
    if message.name is not None:
        return "the name of a speaker"
    if message.extras:
        return f"the key '{next(iter(message.extras))}' of a turn"
    return "a turn without text" if message.content is None else "a turn of several parts"


def _listed(roles: list[str]) -> str:
    return ", ".join(roles) if len(roles) <= 6 else f"{len(roles)} turns" if roles else "no turn"


def article(kind: str) -> str:
    """'a document', for messages."""
    return {"labelled": "a text with its label"}.get(kind, f"a row of the kind '{kind}'")
