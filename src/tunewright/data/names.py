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

SURE_LABEL_NAMES = (
    *("label", "labels", "category", "intent", "class", "target", "sentiment", "topic", "tag"),
    *("emotion",),
)
"""A column with such a name is there for its labels."""

LABEL_NAMES = (
    *SURE_LABEL_NAMES,
    *("output", "y", "gold", "annotation", "answer", "response", "completion", "type"),
    *("rating", "stars", "score", "priority", "status"),
)
"""Most telling first. The later ones also name columns that are about something else."""

GROUP_NAMES = (
    *("group", "customer", "user", "thread", "conversation", "dialog", "dialogue", "patient"),
    *("session", "author", "speaker", "client", "account", "household", "subject", "participant"),
    *("ticket", "document", "doc", "respondent", "reviewer", "worker"),
)

NUMBER_NAMES = (
    *("id", "ids", "idx", "index", "uuid", "guid", "key", "number", "no", "nr", "nummer", "row"),
)
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

_NUMBER_ENDINGS = ("number", "nummer", "nr")
"""By which a word of its own is a number too, as in 'Kundennummer'."""

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


def only_words(name: str, known: tuple[str, ...]) -> bool:
    """Whether a name has no word but known ones."""
    words = words_of(name)
    return bool(words) and all(word in known for word in words)


def is_group_name(name: str) -> bool:
    """Whether a name says that rows with equal values belong together."""
    return rank_of(name, GROUP_NAMES) is not None and only_words(
        name, (*GROUP_NAMES, *NUMBER_NAMES)
    )


def is_key_name(name: str) -> bool:
    """Whether a name says whose number this is: 'Kd.Nr', 'order id'; not 'id' and not 'label id'.

    Where several rows have the same such number, they have something in common.
    """
    words = words_of(name)
    number = [word in NUMBER_NAMES or word.endswith(_NUMBER_ENDINGS) for word in words]
    return any(number) and not only_words(name, NUMBER_NAMES) and rank_of(name, LABEL_NAMES) is None
