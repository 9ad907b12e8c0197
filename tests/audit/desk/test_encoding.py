"""Wrongly decoded text, controls, unseen characters, left-over HTML."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.audit.desk.driver import asked, findings, marks, names
from tunewright.audit.desk.encoding import Encoding, is_mojibake, repaired, without_entities

WORDS = ["café", "naïve", "Łódź ist schön", "it’s “so”", "привет", "déjà vu", "größer"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
def test_utf8_read_as_another_encoding_is_found_and_mended(word: str, codec: str) -> None:
    try:
        broken = word.encode().decode(codec)
    except UnicodeDecodeError:
        broken = word.encode().decode("latin-1")
    assert is_mojibake(broken)
    assert repaired(broken) == word


@pytest.mark.parametrize(
    "text", [*WORDS, "São Tomé", "Ângela À la carte", "10 € ± 5 °C", "√2", "ÂÃ"]
)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert not is_mojibake(text)
    assert names(Encoding, asked(text, text)) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("cafÃ©", ["mojibake"]),
        ("a \ufffd b", ["replacement_character"]),
        ("a\x07b", ["control_characters"]),
        ("a\tb\nc", []),
        ("a\r\nb", []),
        ("a\x9fb é", ["control_characters"]),
        ("zero\u200bwidth", ["unseen_characters"]),
        ("\ufeffmark", ["unseen_characters"]),
        ("soft\u00adhyphen", ["unseen_characters"]),
        ("turned \u202etxet", ["unseen_characters"]),
        ("\u202bשלום\u202c", []),
        ("family 👨\u200d👩\u200d👧", []),
        ("R&amp;D at 5 &lt; 6", ["html_entities"]),
        ("R&D at 5 < 6", []),
        ("one<br/>two", ["html_tags"]),
        ("in HTML, <br/> breaks a line", []),
        ("see `<br/>`", []),
        ("List<String> x = a<b>c", []),
    ],
)
def test_what_is_marked(answer: str, expected: list[str]) -> None:
    assert names(Encoding, asked("q", answer)) == expected


def test_details_say_what_is_meant() -> None:
    (mark,) = marks(Encoding, asked("q", "the cafÃ© here"))
    assert mark.detail == "messages[1].content: 'the cafÃ© here', meant is 'the café here'"


def test_findings_name_the_repair() -> None:
    found = findings(Encoding, [asked("q", "cafÃ©"), asked("q", "a\x07"), asked("q", "b")])
    assert found["mojibake"].repair == "tunewright clean DATA --apply fix_encoding"
    assert found["control_characters"].count == 1


def test_entities_become_characters() -> None:
    assert without_entities("R&amp;D &#39;x&#39; &unknown; &") == "R&D 'x' &unknown; &"


@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF), max_size=60))
def test_any_text_can_be_looked_at(text: str) -> None:
    findings(Encoding, [asked(text, text)])
    if is_mojibake(text):
        assert repaired(text) != text


@given(st.text(alphabet="abcdefghij éèüößñçøåîô", min_size=3, max_size=40))
def test_western_words_survive(text: str) -> None:
    assume(not text.isascii())
    assert not is_mojibake(text)
