"""Random contents of every kind, and random values that a cell may hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
    Span,
    Spanned,
    Tagged,
)
from tunewright.data.json_text import Number
from tunewright.data.schemas.speakers import is_role

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", " x ", "[1]", '{"a": 1}', "\n\nHuman: hi", "[", '[{"role": "user", "content": "x"}]', "7"]
)
FILLED = TEXT.filter(bool)
NAMES = st.sampled_from(["a", "city", "thinking", "ids", "meta"])
LEAVES = st.none() | st.booleans() | st.integers(-5, 5).map(lambda n: Number(str(n))) | TEXT
JSON_VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
KEYS = (
    *("role", "content", "from", "value", "tool_calls", "function_call", "text", "weight"),
    *("messages", "start", "end", "label", "valueSpan", "human", "name", "function", "x"),
)
CELLS = st.recursive(
    LEAVES | st.floats() | st.integers() | st.text(max_size=6) | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
"""What JSON, Parquet and tables give, and what no file gives."""

FUNCTIONS = st.fixed_dictionaries(
    {"name": NAMES, "arguments": st.dictionaries(NAMES, JSON_VALUES, max_size=2) | TEXT}
)
CALLS = st.fixed_dictionaries(
    {"type": st.just("function"), "function": FUNCTIONS}, optional={"id": FILLED}
) | st.fixed_dictionaries({"function": FUNCTIONS, "index": st.just(Number("0"))})
PARTS = st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}) | st.just(
    {"type": "tool_use", "id": "t1", "name": "look", "input": {"city": "Oslo"}}
)
WEIGHTS = st.none() | st.sampled_from([0.0, 0.5, 1.0])
EXTRAS = st.dictionaries(NAMES, JSON_VALUES, max_size=2)


def _message(role: str, content: st.SearchStrategy[Any]) -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        role=st.just(role),
        content=content,
        weight=WEIGHTS,
        name=st.none() | TEXT,
        tool_call_id=st.none() | TEXT,
        extras=EXTRAS,
    )


SPOKEN = TEXT | st.none() | st.lists(PARTS, max_size=2).map(tuple)
MESSAGES = st.one_of(
    *(_message(role, SPOKEN) for role in ("system", "user", "assistant", "tool", "Narrator")),
    _message(SYSTEM, TEXT).map(
        lambda m: Message(role=SYSTEM, content=m.content, extras={"role": "developer"})
    ),
    st.builds(
        Message,
        role=st.just(ASSISTANT),
        content=st.none() | TEXT,
        tool_calls=st.lists(CALLS, min_size=1, max_size=2).map(tuple),
    ),
)
TURNS = st.lists(MESSAGES, max_size=4).map(tuple)
PLAIN_USER = TEXT.map(lambda text: Message(role=USER, content=text))
PLAIN_ASSISTANT = TEXT.map(lambda text: Message(role=ASSISTANT, content=text))
PLAIN_SYSTEM = TEXT.map(lambda text: Message(role=SYSTEM, content=text))
EXCHANGES = st.lists(st.tuples(PLAIN_USER, PLAIN_ASSISTANT), min_size=1, max_size=3).map(
    lambda pairs: tuple(message for pair in pairs for message in pair)
)
WITH_SYSTEM = st.tuples(st.lists(PLAIN_SYSTEM, max_size=1), EXCHANGES).map(
    lambda both: (*both[0], *both[1])
)
TOOLS = st.just(()) | st.just(({"type": "function", "function": {"name": "look"}},))
LABEL = TEXT.map(str.strip)
SCORES = st.sampled_from(["0", "1", "0.25", "-3", "4.50", "1e-3", ".5", "+2"])
TOKENS = st.lists(st.tuples(TEXT, st.sampled_from(["O", "B-a", "I-a", "S-b"])), max_size=5)
SPANS = st.builds(Span, start=st.integers(0, 9), end=st.integers(0, 20), type=TEXT)


def _tagged(pairs: list[tuple[str, str]]) -> Tagged:
    return Tagged(tokens=tuple(t for t, _ in pairs), tags=tuple(tag for _, tag in pairs))


CONTENTS: dict[type[Content], st.SearchStrategy[Any]] = {
    Labelled: st.builds(Labelled, texts=st.fixed_dictionaries({"text": TEXT}), label=LABEL),
    Conversation: st.builds(Conversation, messages=TURNS | EXCHANGES | WITH_SYSTEM, tools=TOOLS),
    Completion: st.builds(Completion, prompt=TEXT, completion=TEXT),
    Document: st.builds(Document, text=TEXT, title=st.none() | TEXT),
    Preference: st.builds(
        Preference,
        prompt=TURNS | st.tuples(PLAIN_USER) | WITH_SYSTEM.map(lambda turns: turns[:-1]),
        chosen=TURNS | st.tuples(PLAIN_ASSISTANT),
        rejected=TURNS | st.tuples(PLAIN_ASSISTANT),
        tools=TOOLS,
    ),
    Rated: st.builds(
        Rated,
        prompt=TURNS | st.tuples(PLAIN_USER),
        completion=TURNS | st.tuples(PLAIN_ASSISTANT),
        good=st.booleans(),
        tools=TOOLS,
    ),
    Similar: st.builds(
        Similar,
        anchor=TEXT,
        positive=TEXT,
        further_positives=st.just(()) | st.lists(TEXT, max_size=2).map(tuple),
        negatives=st.lists(TEXT, max_size=3).map(tuple),
        score=st.none() | SCORES,
    ),
    Judgement: st.builds(
        Judgement,
        query_id=TEXT,
        document_id=TEXT,
        query=TEXT,
        document=TEXT,
        relevance=SCORES,
        title=st.none() | TEXT,
    ),
    Tagged: TOKENS.map(_tagged) | st.just(Tagged(tokens=("a",), tags=None)),
    Spanned: st.builds(
        Spanned, text=TEXT, spans=st.none() | st.lists(SPANS, max_size=3).map(tuple)
    ),
}

assert not is_role("Narrator")
