"""Languages and mentions of groups, from rows and samples of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.desk.driver import asked, findings
from tunewright.audit.desk import ROW_CHECKS
from tunewright.audit.desk.language import UNKNOWN, Language, language_of
from tunewright.audit.desk.mentions import Mentions
from tunewright.audit.desk.words import Sample, words_of

ENGLISH = "The parcel left our house on Monday and should be with you in two days."
GERMAN = "Das Paket hat unser Haus am Montag verlassen und sollte in zwei Tagen bei Ihnen sein."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("Посылка вышла в понедельник и скоро будет у вас.", "ru"),
        ("包裹已于星期一从我们的仓库发出，两天后到达。", "zh"),
        ("ok", UNKNOWN),
        ("", UNKNOWN),
        ("1234567 + 7654321 = 8888888 (x, y, z)", UNKNOWN),
        ("def area(r):\n    return 3.14 * r * r;\n", UNKNOWN),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text)[0] == language


def test_a_text_in_another_language_is_listed() -> None:
    rows = [asked(ENGLISH, ENGLISH)] * 8 + [asked(ENGLISH, GERMAN)]
    found = findings(Language, rows)["language_mix"]
    assert found.count == 1
    assert [(row.row, row.detail) for row in found.rows] == [
        (9, "messages[1].content (assistant) is in 'de'")
    ]
    assert found.numbers["texts_by_role"]["assistant"] == {"en": 8, "de": 1}
    assert findings(Language, rows[:8]) == {}


def test_a_sample_grows_slowly_and_stands_for_all() -> None:
    sample = Sample(0, "any", 100)
    taken = [number for number in range(20_000) if sample.has(number)]
    assert taken[:100] == list(range(100))
    assert 500 < len(taken) < 760  # 100 and 100 ln(200) = 630
    assert 0.8 < sum(map(sample.stands_for, taken)) / 20_000 < 1.2
    assert taken != [n for n in range(20_000) if Sample(1, "any", 100).has(n)]


def test_mentions_are_told_as_a_table() -> None:
    rows = [asked("Does he know her?", "His mother does.")] * 3 + [asked("Is it open?", "Yes.")]
    found = findings(Mentions, rows)["mentions"]
    assert found.count == 3
    table = found.numbers["rows_that_mention"]
    assert table["questions"]["gender"] == {"men": 3, "women": 3}
    assert table["answers"]["gender"] == {"men": 3, "women": 3}
    assert found.numbers["uneven"] == []
    assert findings(Mentions, rows[3:]) == {}


def test_one_side_mentioned_five_times_as_often_is_told() -> None:
    rows = [asked("Where is he?", "There.")] * 25 + [asked("Where is she?", "There.")] * 5
    found = findings(Mentions, rows)["mentions"]
    assert found.numbers["uneven"] == ["men are mentioned in 25 texts, 5 times as often as women"]
    assert found.numbers["ratios"][0] == {"in": "questions", "of": ["women", "men"], "ratio": 0.2}
    assert findings(Mentions, rows[5:])["mentions"].numbers["uneven"] == []


def test_every_check_is_found_by_name() -> None:
    ours = {
        "turns",
        "structure",
        "encoding",
        "personal",
        "toxicity",
        "mentions",
        "language",
        "tags",
    }
    assert ours <= set(ROW_CHECKS.names())
    for name in ours:
        assert ROW_CHECKS.get(name).name == name


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_looked_at(text: str) -> None:
    language_of(text)
    findings(Mentions, [asked(text, text)])


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=60))
def test_the_quick_way_to_words_is_the_slow_way(text: str) -> None:
    import re

    assert words_of(text) == frozenset(re.findall(r"[a-z0-9]+", text.lower()))
