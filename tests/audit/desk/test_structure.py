"""Answers that teach nothing, or something that nobody meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.desk.driver import asked, findings, marks, names
from tunewright.audit.desk.structure import Structure, kind_of
from tunewright.data.content import Completion, Content, Document, Message, Preference, Similar

LONG = "The parcel left our house on Monday. It is on its way to you, and you will have it by"


def preference(chosen: str, rejected: str, prompt: str = "Which one?") -> Preference:
    return Preference(
        prompt=(Message(role="user", content=prompt),),
        chosen=(Message(role="assistant", content=chosen),),
        rejected=(Message(role="assistant", content=rejected),),
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (asked("Where is it?", "On the table."), []),
        (asked("Where is it?", ""), ["empty_answer"]),
        (asked("Where is it?", " \n\t"), ["empty_answer"]),
        (asked("Where is it?", "where is it? "), ["copied_question", "outer_space"]),
        (asked("a", " b"), ["outer_space"]),
        (asked("a", "As an AI language model, I have no opinion."), ["canned_answer"]),
        (asked("a", "I'm sorry, but I can't help with that."), ["canned_answer"]),
        (asked("a", "I'm sorry for the delay; your parcel is here."), []),
        (asked("a", "I can't find a table for six before nine."), []),
        (asked("a", "Try this:\n```python\nprint(1)"), ["open_fence"]),
        (asked("a", "Try this:\n```python\nprint(1)\n```"), []),
        (asked("a", "Dear [Your Name], welcome."), ["placeholder"]),
        (asked("a", "Dear {{ name }}, welcome."), ["placeholder"]),
        (asked("a", "TODO: write this"), ["placeholder"]),
        (asked("a", "Todo list: buy milk [1] and x[0]"), []),
        (asked("a", "Well.<|im_end|>"), ["template_marks"]),
        (asked("a", "if a < b and c > d"), []),
        (asked("a", LONG), ["cut_answer"]),
        (asked("a", LONG + " Friday"), []),
        (asked("a", LONG + " the"), ["cut_answer"]),
        (asked("a", LONG + " Friday,"), ["cut_answer"]),
        (asked("a", LONG + " Friday."), []),
        (Completion(prompt="2+2=", completion=" 4"), []),
        (Completion(prompt="2+2=", completion=""), ["empty_answer"]),
        (Completion(prompt="2+2=", completion=None), ["empty_answer"]),
        (Completion(prompt=" ", completion="4"), ["empty_question"]),
        (Document(text=" "), ["empty_text"]),
        (preference("this", "that"), []),
        (preference("this", "this "), ["equal_pair"]),
        (preference("", "that"), ["empty_answer"]),
        (preference("this", ""), ["empty_rejected"]),
        (preference("this", "that", " "), ["empty_question"]),
        (Similar(anchor="a", positive="b", negatives=("c",)), []),
        (Similar(anchor="a", positive="b", negatives=("b ",)), ["equal_negative"]),
        (Similar(anchor="a", positive="a"), ["equal_positive"]),
        (Similar(anchor="a", positive="b", negatives=("",)), ["empty_text"]),
    ],
)
def test_what_is_marked(content: Content, expected: list[str]) -> None:
    assert names(Structure, content) == expected


def test_a_detail_names_the_field() -> None:
    (mark,) = marks(Structure, asked("a", "b\n\n"))
    assert mark.detail == ("messages[1] has 0 white-space characters before it and 2 behind it")


def test_a_text_among_numbers_is_told() -> None:
    rows = [asked("2+2?", "4"), asked("1+1?", "2"), asked("3+3?", "6.0")] * 10
    assert "mixed_types" not in findings(Structure, rows)
    found = findings(Structure, [*rows, asked("9+9?", "eighteen")])["mixed_types"]
    assert found.count == 1
    assert [row.row for row in found.rows] == [31]
    assert found.numbers["answers_by_kind"] == {"text": 1, "number": 30}


def test_numbers_among_texts_are_as_usual() -> None:
    rows = [asked("a", "a word")] * 30 + [asked("2+2?", "4")]
    assert "mixed_types" not in findings(Structure, rows)


def test_ends_without_a_mark_are_told_where_others_have_one() -> None:
    open_end = asked("a", LONG + " Friday")
    whole = asked("a", LONG + " Friday.")
    assert findings(Structure, [*[whole] * 20, open_end])["unmarked_end"].count == 1
    assert "unmarked_end" not in findings(Structure, [*[open_end] * 20, whole])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("12", "number"),
        ("-1,200.5%", "number"),
        ('{"a": 1}', "object"),
        ("[1, 2]", "list"),
        ("True", "truth value"),
        ("twelve", "text"),
        ("12 eggs", "text"),
    ],
)
def test_kinds_of_answers(answer: str, kind: str) -> None:
    assert kind_of(answer) == kind


@given(st.text(max_size=60), st.text(max_size=120))
def test_any_text_can_be_looked_at(question: str, answer: str) -> None:
    for content in (
        asked(question, answer),
        Completion(prompt=question, completion=answer),
        preference(question, answer),
        Similar(anchor=question, positive=answer, negatives=(question,)),
    ):
        findings(Structure, [content])
