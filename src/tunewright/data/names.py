"""Column names that people and other frameworks give, and what they usually mean."""

from __future__ import annotations

import re

TEXT_NAMES = (
    *("text", "sentence", "utterance", "query", "message", "content", "comment", "review", "tweet"),
    *("body", "input", "prompt", "question", "post", "document", "passage", "instruction"),
    *("description", "feedback", "complaint", "transcript", "article", "abstract", "email", "sms"),
    *("title", "headline", "subject", "premise", "hypothesis", "sentence1", "sentence2"),
    *("question1", "question2", "context"),
)
"""Most telling first."""

LABEL_NAMES = (
    *("label", "labels", "category", "intent", "class", "target", "sentiment", "topic", "tag"),
    *("emotion", "output", "y", "gold", "annotation", "answer", "response", "completion", "type"),
    *("rating", "stars", "score", "priority", "status"),
)
"""Most telling first."""

GROUP_NAMES = (
    *("group", "customer", "user", "thread", "conversation", "dialog", "dialogue", "patient"),
    *("session", "author", "speaker", "client", "account", "household", "subject", "participant"),
    *("ticket", "document", "doc", "respondent", "reviewer", "worker"),
)

NUMBER_NAMES = ("id", "ids", "idx", "index", "uuid", "guid", "key", "number", "no", "nr", "row")
"""A column with such a word numbers the rows; it is neither text nor label nor slice."""

SPLIT_NAMES = ("split", "fold", "partition", "subset", "set")
"""A column that says to which part of the data a row belongs."""

TEXT_PAIRS = (
    *(("title", "body"), ("subject", "body"), ("title", "text"), ("title", "content")),
    *(("title", "description"), ("premise", "hypothesis"), ("sentence1", "sentence2")),
    *(("question1", "question2"), ("question", "context"), ("question", "passage")),
    *(("instruction", "input"),),
)
"""Columns that make up one input together."""

_KNOWN = {*TEXT_NAMES, *LABEL_NAMES, *GROUP_NAMES, *NUMBER_NAMES, *SPLIT_NAMES}
_KNOWN |= {"date", "time", "timestamp", "name", "source", "language", "lang", "channel"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")
_IDENTIFIER = re.compile(r"[^\W\d][\w.\-]{0,39}")


def words_of(name: str) -> list[str]:
    """The lower-case words of a column name: `customerId` and `customer_id` have the same two."""
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", name))]


def is_known_name(cell: str) -> bool:
    """Whether the first cell of a column looks like a name that columns are known by.

    A cell of several words parted by spaces counts only as a whole, since it may be a text.
    """
    name = cell.strip()
    if name.lower() in _KNOWN:
        return True
    return bool(_IDENTIFIER.fullmatch(name)) and not _KNOWN.isdisjoint(words_of(name))


def rank_of(name: str, known: tuple[str, ...]) -> int | None:
    """How telling a column name is: the place of the first known word in it, None without one.

    A name that is exactly a known word goes before one that only contains it.
    """
    if name.strip().lower() in known:
        return known.index(name.strip().lower())
    places = [known.index(word) for word in words_of(name) if word in known]
    return len(known) + min(places) if places else None
