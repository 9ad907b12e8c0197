from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.data.normalise import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is my card?", "where is my card"),
        ("  Where\tis\n my  CARD ", "where is my card"),
        ("can't", "can t"),
        ("e-mail", "e mail"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ﬁne", "fine"),
        ("ＡＢＣ１", "abc1"),
        ("snake_case", "snake_case"),
        ("café", "café"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "café"),
        ("私の、カード。", "私の カード"),
        ("?!…", ""),
        ("", ""),
    ],
)
def test_known_forms(text: str, expected: str) -> None:
    assert normalise(text) == expected


@given(st.text())
def test_white_space_is_folded(text: str) -> None:
    once = normalise(text)
    assert once == " ".join(once.split())


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_case_and_a_full_stop_never_matter(text: str) -> None:
    assert normalise(text) == normalise(text.upper()) == normalise(f" {text}.")
