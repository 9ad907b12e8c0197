"""Changing texts, whatever kind of content they stand in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewright.curate.merging import at, differences, path_text, put
from tunewright.curate.texts import map_texts, moved_spans
from tunewright.data.content import (
    Completion,
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

HI = Message(role="user", content="hi")
CONTENTS = [
    Labelled(texts={"a": "hi", "b": "ho"}, label="hi"),
    Conversation(
        messages=(HI, Message(role="assistant", content=({"type": "text", "text": "ho"},)))
    ),
    Completion(prompt="hi", completion="ho"),
    Document(text="hi", title="ho"),
    Preference(prompt=(HI,), chosen=(HI,), rejected=(HI,)),
    Rated(prompt=(HI,), completion=(HI,), good=True),
    Similar(anchor="hi", positive="ho", negatives=("he",), score="0.50"),
    Judgement(query_id="1", document_id="2", query="hi", document="ho", relevance="1", title="he"),
    Tagged(tokens=("hi", "ho"), tags=("O", "B-hi")),
    Spanned(text="hi ho", spans=(Span(start=3, end=5, type="hi"),)),
]


def test_every_text_of_every_kind_is_reached_and_nothing_else() -> None:
    for content in CONTENTS:
        seen: list[str] = []

        def change(text: str, role: str, seen: list[str] = seen) -> str:
            seen.append(text)
            return text.upper()

        new = map_texts(content, change)
        before = [piece.text.upper() for piece in content.pieces()]
        assert [piece.text for piece in new.pieces()] == before, content.kind
        assert len(seen) >= len(before)
        assert map_texts(content, lambda text, role: text) is content
    assert map_texts(CONTENTS[0], lambda t, r: "x").answer == "hi"
    assert map_texts(CONTENTS[8], lambda t, r: "").question == "hi ho", "no token becomes empty"


@given(st.text(st.characters(exclude_characters="\1\2\3"), max_size=30), st.data())
def test_a_span_keeps_its_characters_when_others_go(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    after = "\u0001" + text[:start] + "\u0002" + text[start:end] + "\u0003" + text[end:]
    moved = moved_spans((Span(start=start + 2, end=end + 2, type="x"),), after, text)
    if start == end:
        assert moved is None
        return
    assert moved is not None
    found = text[moved[0].start : moved[0].end]
    assert found == text[start:end] or text.count(text[start:end]) > 1


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_differences_lead_from_one_value_to_the_other_and_back(one: object, other: object) -> None:
    now = one
    found = list(differences(one, other))
    for path, before, after in found:
        assert at(now, path) == before
        now = put(now, path, after)
    assert now == other
    for path, before, _ in reversed(found):
        now = put(now, path, before)
    assert now == one


def test_paths_are_written_as_people_do() -> None:
    assert path_text(("messages", 2, "content")) == "messages[2].content"
