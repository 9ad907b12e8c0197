"""Tag schemes, spans and consistency of entities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.desk.driver import asked, findings, marks, names
from tunewright.audit.desk.tags import BIO, BIOES, IOB1, Tags, entities_of, tag_faults
from tunewright.data.content import Span, Spanned, Tagged


def tagged(text: str, tags: str) -> Tagged:
    return Tagged(tokens=tuple(text.split()), tags=tuple(tags.split()))


@pytest.mark.parametrize(
    ("tags", "scheme", "places"),
    [
        ("B-x I-x O B-y", BIO, []),
        ("O I-x O", BIO, [1]),
        ("B-x I-y", BIO, [1]),
        ("O I-x I-x I-y", IOB1, []),
        ("I-x B-x", IOB1, []),
        ("O B-x", IOB1, [1]),
        ("S-x O B-x I-x E-x", BIOES, []),
        ("B-x O", BIOES, [0]),
        ("I-x E-x", BIOES, [0]),
        ("B-x", BIOES, [0]),
        ("E-x", BIOES, [0]),
        ("B-x E-y", BIOES, [1, 0]),
        ("B- O", BIO, [0]),
    ],
)
def test_what_breaks_a_scheme(tags: str, scheme: str, places: list[int]) -> None:
    assert [fault.place for fault in tag_faults(tags.split(), scheme)] == places


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("B-x I-x O B-y", [(0, 2, "x"), (3, 4, "y")]),
        ("B-x B-x", [(0, 1, "x"), (1, 2, "x")]),
        ("I-x I-y", [(0, 1, "x"), (1, 2, "y")]),
        ("S-x B-y E-y O", [(0, 1, "x"), (1, 3, "y")]),
        ("x x O y", [(0, 2, "x"), (3, 4, "y")]),
        ("O O", []),
    ],
)
def test_entities_of_every_scheme(tags: str, entities: list[tuple[int, int, str]]) -> None:
    assert entities_of(tags.split()) == entities


def test_the_scheme_is_that_of_most_rows() -> None:
    bio = [tagged("Ulm is old", "B-place O O")] * 9
    found = findings(Tags, [*bio, tagged("in Ulm", "O I-place")])["tag_scheme"]
    assert (found.count, found.numbers["scheme"]) == (1, "BIO")
    assert found.rows[0].row == 10
    assert found.rows[0].detail == "token 2: 'I-place' begins an entity"
    iob1 = [tagged("Ulm is old", "I-place O O")] * 9
    assert "tag_scheme" not in findings(Tags, iob1)
    bioes = [tagged("Ulm is old", "S-place O O")] * 9
    assert findings(Tags, [*bioes, tagged("Ulm", "B-place")])["tag_scheme"].count == 1


def test_counts_and_prefixes() -> None:
    assert names(Tags, Tagged(tokens=("a", "b"), tags=("O",))) == ["tag_count"]
    assert names(Tags, tagged("a b", "place B-place")) == ["unknown_prefix"]
    assert names(Tags, tagged("a b", "place O")) == []
    assert names(Tags, Tagged(tokens=("a",), tags=None)) == []
    assert names(Tags, asked("a", "b")) == []


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 3), []),
        ((0, 40), ["span_outside"]),
        ((-1, 3), ["span_outside"]),
        ((4, 4), ["span_empty"]),
        ((6, 3), ["span_empty"]),
        ((3, 6), ["span_space"]),
        ((0, 2), ["span_cuts_word"]),
    ],
)
def test_where_spans_lie(span: tuple[int, int], expected: list[str]) -> None:
    spans = (Span(start=span[0], end=span[1], type="x"),)
    assert names(Tags, Spanned(text="Ulm is old", spans=spans)) == expected


def test_overlapping_spans() -> None:
    one, other = Span(start=0, end=6, type="x"), Span(start=4, end=10, type="y")
    (mark,) = marks(Tags, Spanned(text="Ulm is old", spans=(other, one)))
    assert (mark.finding, mark.detail) == ("span_overlap", "'x' 0-6 and 'y' 4-10")


def test_entities_with_several_types_and_left_out() -> None:
    rows = [tagged("we saw Ulm today", "O O B-place O")] * 5
    rows += [tagged("Ulm lost again", "B-club O O"), tagged("Ulm it is", "O O O")]
    found = findings(Tags, rows)
    assert found["entity_types"].numbers["most_frequent"] == {"ulm": {"place": 5, "club": 1}}
    assert [row.row for row in found["entity_types"].rows] == [6]
    assert found["entity_left_out"].count == 1
    assert found["entity_left_out"].rows[0].row == 7


@given(
    st.lists(st.sampled_from(["O", "B-x", "I-x", "I-y", "E-x", "S-y", "x", "B-", "?"]), max_size=9)
)
def test_any_tags_can_be_looked_at(tags: list[str]) -> None:
    tokens = tuple(f"t{place}" for place in range(len(tags)))
    findings(Tags, [Tagged(tokens=tokens, tags=tuple(tags))])
    for first, last, _ in entities_of(tags):
        assert 0 <= first < last <= len(tags)


@given(st.text(max_size=20), st.lists(st.tuples(st.integers(-3, 25), st.integers(-3, 25))))
def test_any_spans_can_be_looked_at(text: str, places: list[tuple[int, int]]) -> None:
    spans = tuple(Span(start=a, end=b, type="x") for a, b in places)
    findings(Tags, [Spanned(text=text, spans=spans)])
