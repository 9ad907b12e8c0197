from __future__ import annotations

import pytest

from tunewright.data.headers import find_header

TEXTS = ["I lost my card yesterday", "Where is my money now", "The app does not work"]


@pytest.mark.parametrize(
    ("rows", "expected", "reason"),
    [
        ([["text", "label"], *[[t, "x"] for t in TEXTS]], True, "known column names"),
        ([["question", "grade"], *[[t, "x"] for t in TEXTS]], True, "known column name"),
        ([["Text der Frage", "Thema"], *[[t * 9, "x"] for t in TEXTS]], True, "short names"),
        ([["Satz", "Thema"], *[[t, "x"] for t in TEXTS]], True, "short names"),
        ([["frage", "anzahl"], ["a", "1"], ["b", "2"]], True, "above a column of numbers"),
        ([["user_text", "intent_name"], ["a", "b"]], True, "known column names"),
        ([["", "text", "label"], ["0", "a", "b"]], True, "known column names"),
        ([["text"], ["a"], ["b"]], True, "known column names"),
        ([[TEXTS[0], "x"], [TEXTS[1], "x"], [TEXTS[2], "y"]], False, "'x' occurs again"),
        ([["topic", "x"], [TEXTS[1], "x"], [TEXTS[2], "y"]], False, "'x' occurs again"),
        ([[TEXTS[0], "1"], [TEXTS[1], "0"]], False, "the number '1'"),
        ([["a", "a"], ["b", "c"]], False, "two of its fields are equal"),
        ([["text", "yes", "yes"], ["more", "yes", "no"]], False, "two of its fields are equal"),
        ([["text", "label", "label"], *[[t, "x", "y"] for t in TEXTS]], True, "known column names"),
        ([["Satz", "Thema", "Thema"], *[[t, "x", "y"] for t in TEXTS]], True, "short names"),
        ([[TEXTS[0], "x"], [TEXTS[1], "y"], [TEXTS[2], "z"]], False, "nothing tells it"),
        ([["lost", "x"]], False, "nothing tells it"),
        ([["text", "label"]], True, "known column names"),
    ],
)
def test_the_first_row_is_compared_with_the_rest(
    rows: list[list[str]], expected: bool, reason: str
) -> None:
    found, why = find_header(rows)
    assert found is expected
    assert reason in why


def test_a_row_with_a_column_that_the_person_named_is_the_header() -> None:
    rows = [["alpha", "beta"], ["one", "two"], ["three", "four"]]
    assert find_header(rows)[0] is False
    assert find_header(rows, ["beta"]) == (True, "it holds 'beta', which you named")
