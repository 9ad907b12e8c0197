"""What models write, in all the forms in which they write it."""

from __future__ import annotations

import pytest

from tunewright.curate.synthesis.asking import (
    listed_parts,
    numbered_parts,
    question_pairs,
    without_label,
)
from tunewright.curate.synthesis.methods.preferences import choice_of
from tunewright.curate.synthesis.methods.questions import passages_of


@pytest.mark.parametrize(
    "text",
    [
        "name a tree\nRequest 4: name a bird\nand its colour\n\nRequest 5: sing",
        "Request 3: name a tree\n\nRequest 4: name a bird\nand its colour\nRequest 5: sing",
        "**Request 3:** name a tree\n**Request 4:** name a bird\nand its colour\n"
        "### Request 5. sing",
    ],
)
def test_numbered_parts(text: str) -> None:
    assert numbered_parts(text, "Request", 3) == [
        "name a tree",
        "name a bird\nand its colour",
        "sing",
    ]


@pytest.mark.parametrize(
    "text", ["where is it\n8. it is late\n9) help", "7. where is it\n8. it is late\n9. help"]
)
def test_listed_parts(text: str) -> None:
    assert listed_parts(text, 7) == ["where is it", "it is late", "help"]


def test_a_number_in_a_text_begins_no_part() -> None:
    assert listed_parts("I paid 3. It took 2. days", 1) == ["I paid 3. It took 2. days"]


def test_question_pairs() -> None:
    text = (
        "What is it?\nAnswer: a cell\nof a body\n\nQuestion: Where?\n\n"
        "**Question 3:** How many?\n**Answer:** 12"
    )
    assert question_pairs(text) == [
        ("What is it?", "a cell\nof a body"),
        "Where?",
        ("How many?", "12"),
    ]
    assert question_pairs("I cannot do that.") == ["I cannot do that."]


@pytest.mark.parametrize("text", ["Answer: 12", "**Answer:** 12", "12", " answer: 12 "])
def test_the_label_of_an_answer_goes(text: str) -> None:
    assert without_label(text, "Answer") == "12"


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        *(("A", "A"), ("b.", "B"), ("Better: B", "B"), ("**A**", "A"), ("Answer B is", "B")),
        *(("tie", None), ("Tie, both", None), ("", None), ("Neither", None), ("Apples", None)),
    ],
)
def test_what_a_judge_said(text: str, choice: str | None) -> None:
    assert choice_of(text) == choice


def test_passages_hold_all_of_a_document() -> None:
    sentence = "The heart of a mouse beats six hundred times in a minute. "
    text = "\n\n".join(sentence * n for n in (4, 30, 9)) + "x" * 3000
    passages = list(passages_of(text, "mice.md"))
    squeezed = "".join("".join(p.text for p in passages).split())
    assert squeezed == "".join(text.split())
    assert all(80 <= len(p.text) <= 1200 for p in passages)
    assert passages[0].text.endswith("minute."), "cut between sentences"
    start, end = map(int, passages[1].place.rpartition(" ")[2].split("-"))
    assert text[start:end].strip() == passages[1].text


def test_a_document_with_nothing_to_ask_about() -> None:
    assert list(passages_of("A short note.", "note.md")) == []
