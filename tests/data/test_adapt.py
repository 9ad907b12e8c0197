from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.adapt import adapt, as_labelled, as_spans, as_tokens
from tunewright.data.content import (
    Completion,
    Conversation,
    Document,
    Labelled,
    Message,
    Span,
    Spanned,
    Tagged,
)
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import CannotHoldError


def tagged(*tags: str) -> Tagged:
    return Tagged(tokens=tuple("abcdef"[: len(tags)]), tags=tags)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (("O", "B-x", "I-x", "O"), [(2, 5, "x")]),
        (("B-x", "B-x"), [(0, 1, "x"), (2, 3, "x")]),
        (("I-x", "I-x", "O", "I-y"), [(0, 3, "x"), (6, 7, "y")]),
        (("I-x", "B-x", "I-y"), [(0, 1, "x"), (2, 3, "x"), (4, 5, "y")]),
        (("S-x", "B-x", "I-x", "E-x"), [(0, 1, "x"), (2, 7, "x")]),
        (("U-x", "B-x", "L-x", "I-x"), [(0, 1, "x"), (2, 5, "x"), (6, 7, "x")]),
        (("B-a-b",), [(0, 1, "a-b")]),
        ((), []),
    ],
)
def test_stretches_of_every_scheme(
    tags: tuple[str, ...], spans: list[tuple[int, int, str]]
) -> None:
    found = as_spans(tagged(*tags))
    assert found.spans == tuple(Span(start=s, end=e, type=t) for s, e, t in spans)


@pytest.mark.parametrize("tag", ["NN", "B", "B-", "o", "X-a", ""])
def test_other_tags_mark_no_stretch(tag: str) -> None:
    with pytest.raises(CannotHoldError, match="marks no stretch"):
        as_spans(tagged("O", tag))


def test_tokens_nobody_has_tagged() -> None:
    assert as_spans(Tagged(tokens=("a", "b"), tags=None)) == Spanned(text="a b", spans=None)
    assert as_tokens(Spanned(text="a b", spans=None)) == Tagged(tokens=("a", "b"), tags=None)


def test_words_are_found_whatever_is_between_them() -> None:
    text = " \tin  Oslo\nnow"
    found = as_tokens(Spanned(text=text, spans=(Span(start=6, end=14, type="x"),)))
    assert found == Tagged(tokens=("in", "Oslo", "now"), tags=("O", "B-x", "I-x"))


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 1, "x")], "begin and end with a word"),
        ([(1, 2, "x")], "begin and end with a word"),
        ([(3, 2, "x")], "begin and end with a word"),
        ([(0, 2, "x"), (0, 7, "y")], "share a word"),
        ([(0, 2, "")], "an empty label"),
    ],
)
def test_what_tokens_cannot_say(spans: list[tuple[int, int, str]], message: str) -> None:
    stretches = tuple(Span(start=s, end=e, type=t) for s, e, t in spans)
    with pytest.raises(CannotHoldError, match=message):
        as_tokens(Spanned(text="in Oslo", spans=stretches))


WORDS = st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(words=WORDS, data=st.data())
def test_spans_of_words_come_back(words: list[str], data: st.DataObject) -> None:
    tags = data.draw(
        st.lists(
            st.sampled_from(["O", "B-x", "I-x", "B-y"]), min_size=len(words), max_size=len(words)
        )
    )
    for place, tag in enumerate(tags):  # a stretch of BIO begins with B
        if tag == "I-x" and (place == 0 or tags[place - 1] not in ("B-x", "I-x")):
            tags[place] = "B-x"
    content = Tagged(tokens=tuple(words), tags=tuple(tags))
    assert as_tokens(as_spans(content)) == content


def turns(*texts: str) -> Conversation:
    roles = ["user", "assistant"] * 3
    return Conversation(
        messages=tuple(
            Message(role=role, content=text) for role, text in zip(roles, texts, strict=False)
        )
    )


def test_an_answer_becomes_a_label() -> None:
    assert as_labelled(turns("good?", " yes\n")) == Labelled(texts={"text": "good?"}, label="yes")
    completion = Completion(prompt="good?", completion="yes")
    assert adapt(completion, SCHEMAS.get("classification")({})) == as_labelled(
        turns("good?", "yes")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (turns("a", "b", "c", "d"), "one turn of the user and one of the assistant"),
        (Completion(prompt="a", completion=None), "without completion"),
    ],
)
def test_what_is_more_than_a_label(content: Conversation, message: str) -> None:
    with pytest.raises(CannotHoldError, match=message):
        as_labelled(content)


def test_several_texts_become_one() -> None:
    pair = Labelled(texts={"premise": "It rains.", "hypothesis": "It is wet."}, label="yes")
    found = adapt(pair, SCHEMAS.get("messages")({}))
    assert isinstance(found, Labelled)
    assert found.texts == {"text": "premise: It rains.\nhypothesis: It is wet."}
    assert adapt(pair, SCHEMAS.get("classification")({})) is pair


def test_other_kinds_are_refused() -> None:
    with pytest.raises(CannotHoldError, match="messages has no place for"):
        adapt(Document(text="a"), SCHEMAS.get("messages")({}))
