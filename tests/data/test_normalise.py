from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.normalise import _UNSEEN, folded_label, normalise


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
        ("“Great”, she said…", "great she said"),
        ("I can`t", "i can t"),
        ("I can´t", "i can t"),
        ("a\x00b", "a b"),
        ("  50 % \t OFF ", "50 % off"),
        ("１．５", "1.5"),
        ("http://a.b/c", "http a b c"),
        ("", ""),
        (" \n ", ""),
        ("\N{ZERO WIDTH SPACE}", ""),
    ],
)
def test_known_forms(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    "texts",
    [
        ("👍", "👎", "👍🏽", "👍🏿", "👍 👍"),
        ("great 👍", "great 👎", "great"),
        ("❤", "💔", "🖤"),
        ("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "🏴"),
        (":)", ":(", ":-(", ";)", "=)", ":/"),
        ("Thanks :)", "Thanks :(", "Thanks :'(", "Thanks"),
        ("???", "...", "!", "-", ""),
        ("C", "C++", "C#"),
        ("a + b", "a - b", "a = b"),
        ("x > 1", "x < 1"),
        ("£50", "$50", "50", "50%"),
        ("R&D", "R D"),
        ("@home", "home"),
        ("§ 5", "5"),
        ("5 degrees", "-5 degrees"),
        ("1.5", "1,5", "1/5", "1:5", "15"),
        ("कि", "का", "क"),  # the same consonant with the vowels i, aa and a
    ],
)
def test_what_is_said_by_symbols_stays_different(texts: tuple[str, ...]) -> None:
    assert len({normalise(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("I ❤ it", "I ❤\N{VARIATION SELECTOR-16} it"),
        ("👩\N{ZERO WIDTH JOINER}💻", "👩💻"),
        ("co\N{SOFT HYPHEN}operate", "cooperate"),
        ("\ufeffhello", "hello"),
        ("١٠٪", "\N{RIGHT-TO-LEFT MARK}١٠٪"),
        ("Ｃ＃", "c#"),
        (":)", "：）"),
        ("???", " ??? "),
    ],
)
def test_what_nobody_sees_makes_no_difference(first: str, second: str) -> None:
    assert normalise(first) == normalise(second)


@given(st.text())
def test_white_space_is_folded(text: str) -> None:
    once = normalise(text)
    assert once == " ".join(once.split())


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_case_and_a_full_stop_never_matter(text: str) -> None:
    words = f"So: {text}"  # a text of punctuation alone is told by it
    assert normalise(words) == normalise(words.upper()) == normalise(f" {words}.")


@given(st.text())
def test_a_text_in_which_something_can_be_seen_has_a_form(text: str) -> None:
    assert normalise(f"{text}?") != ""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Log-in", "log in"),
        ("log_in", "LogIn"),
        ("a\u200bbc", "abc"),
        ("abc\ufeff", "abc"),
        ("re\u00adfund", "Refund"),
        ("ＡＢＣ", "abc"),
        ("label  1", "label_1"),
        ("1st class", "1stclass"),
        ("a \u200b b", "a b"),
    ],
)
def test_spellings_of_one_label(first: str, second: str) -> None:
    assert folded_label(first) == folded_label(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("-1", "1"), ("B-", "B"), ("1-2", "12"), ("1 2", "12"), ("C++", "C"), ("a/b", "ab")],
)
def test_different_labels(first: str, second: str) -> None:
    assert folded_label(first) != folded_label(second)


_SLOW_MARKS = re.compile(
    r"""
    (?P<kept>
        [:;=]['’-]?[()\[\]{}|/\\](?!/)
      | (?<=\d)[^\w\s](?=\d)
      | (?<!\w)[-‐–](?=\d)
    )
    | (?P<mark>[^\w\s])
    """,
    re.VERBOSE,
)


def slowly(text: str) -> str:
    """The same, one mark at a time."""

    def without(found: re.Match[str]) -> str:
        mark = found["mark"]
        if mark is None or mark in "#%&@§‰٪":
            return found[0]
        category = unicodedata.category(mark)
        return " " if category.startswith("P") or category == "Cc" else mark

    for accent in "`´｀":
        text = text.replace(accent, "'")
    seen = _UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_SLOW_MARKS.sub(without, seen).split()) or " ".join(seen.split())


_ODD = st.sampled_from("aB1 2:;=-'’)(/\\|.,!`´–‐\t\n\x00\x1f٣٤_#%&@+$<\u200b\ufe0f¹½")


@settings(max_examples=500)
@given(st.text(st.one_of(_ODD, st.characters()), max_size=30))
def test_it_is_what_the_slow_way_gives(text: str) -> None:
    assert normalise(text) == slowly(text)
