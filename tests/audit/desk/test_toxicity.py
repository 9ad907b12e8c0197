"""The safety screen: what it finds, and what it must leave alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.desk.driver import asked, findings, marks
from tunewright.audit.desk.toxic_lexicon import lexicon
from tunewright.audit.desk.toxicity import (
    TOXIC_KINDS,
    Toxicity,
    is_toxic,
    may_be_toxic,
    toxic_spans,
)

# Sentences of our own, not of the benchmark.
TOXIC = [
    ("Honestly, I loathe foreigners.", "hate"),
    ("Our town would be nicer; refugees are vermin.", "hate"),
    ("I met some immigrants. They are all filthy liars.", "hate"),
    ("Stupid women ruin every meeting.", "hate"),
    ("All Jews should be shot.", "threat"),
    ("We should deport all Muslims.", "hate"),
    ("Foreigners are not welcome here.", "hate"),
    ("I will murder you tonight.", "threat"),
    ("Just kill yourself.", "threat"),
    ("You are such a pathetic idiot.", "insult"),
    ("you moron", "insult"),
    ("I d e s p i s e women.", "hate"),
    ("Immigrants are v3rmin.", "hate"),
    ("Refugees are vermni.", "hate"),
    ("Ihate refugees.", "hate"),
]

HARMLESS = [
    "I hate Mondays and traffic jams.",
    "I don't hate women.",
    "Nobody should say that immigrants are vermin.",
    'Calling refugees "vermin" is shameful.',
    'If you write "women are stupid", we will report it.',
    "Women are strong, and immigrants are welcome here.",
    "What a fucking great evening!",
    "Please kill the process and its child processes.",
    "How do I kill weeds without poison?",
    "The disease is more common in women than in men.",
    "Females can be carriers of the disease.",
    "If half of the animals are male, how many are female?",
    "Are you stupid enough to try it? No, I am not.",
    "The black cat hates water, the white dog loves it.",
    "You should burn the rubbish, not bury it.",
    "He was killed in the war; many women died too.",
    "The service is disabled, and I hate that.",
    "We walked along the dyke to the beach.",
]


@pytest.mark.parametrize(("text", "kind"), TOXIC)
def test_toxic_sentences_are_found(text: str, kind: str) -> None:
    found = [span.kind for span in toxic_spans(text)]
    assert found == [kind]
    assert is_toxic(text) and may_be_toxic(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_sentences_are_left_alone(text: str) -> None:
    assert toxic_spans(text) == []


def test_the_group_is_named_and_the_sentence_marked() -> None:
    text = "The shop was closed. Refugees are vermin! See you."
    (span,) = toxic_spans(text)
    assert text[span.start : span.end] == "Refugees are vermin"
    assert span.group == "migrants"


def test_slurs_count_unless_another_thing_is_meant() -> None:
    slur = next(w for w, contexts in lexicon().slur_contexts.items() if "flood" in contexts)
    assert is_toxic(f"another stupid {slur} there")
    assert not is_toxic(f"the {slur} keeps the flood out")
    assert not is_toxic(f"you must never use a word like {slur}, it is offensive")


def test_answers_weigh_more_than_questions() -> None:
    rows = [
        asked("Refugees are vermin.", "I disagree."),
        asked("Hello", "You are such an idiot."),
        asked("What the hell is that shit?", "A bug."),
    ]
    found = findings(Toxicity, rows)
    assert found["toxic_answer"].severity == "warning"
    assert [row.row for row in found["toxic_answer"].rows] == [2]
    assert found["toxic_question"].severity == "info"
    assert [row.row for row in found["toxic_question"].rows] == [1]
    assert found["toxic_answer"].numbers["rows_with_swearing"] == 1
    assert found["toxic_answer"].repair == "tunewright clean DATA --apply remove_toxic"


def test_details_do_not_repeat_the_words() -> None:
    (mark,) = marks(Toxicity, asked("Refugees are vermin.", "No."))
    assert mark.detail == "messages[0].content (user): hateful of a group of people (migrants)"


def test_common_words_are_nobodys_misspelling() -> None:
    """Words of every day must not be read as slips of hostile ones."""
    text = """
    back best treat beat east late live male girl white down native strange reset insect beats moon
    monkey county country indian latin garage lies violet fees wore worse place crime diet dies
    spit step steps person sing clam loath caner plage thread bare bear
    """
    assert not [word for word in text.split() if word in lexicon().spelled]


_WORDS = sorted(lexicon().hostile | set(lexicon().group_of) | set(lexicon().slurs))


@given(st.lists(st.one_of(st.sampled_from(_WORDS), st.text(max_size=8)), max_size=12))
@settings(max_examples=150, deadline=None)
def test_spans_lie_in_any_text(parts: list[str]) -> None:
    text = " ".join(parts)
    last = 0
    for span in toxic_spans(text):
        assert last <= span.start < span.end <= len(text)
        assert span.kind in TOXIC_KINDS
        last = span.end


def test_the_quick_look_lets_nothing_pass() -> None:
    """Whatever the rules would find, the quick look lets through."""
    from tunewright.audit.desk.toxic_rules import judge

    draw = random.Random(3)
    small = ["you", "are", "i", "will", "should", "be", "all", "the", "not", "like", "nothing", "."]
    for _ in range(3000):
        text = " ".join(
            draw.choice(_WORDS) if draw.random() < 0.4 else draw.choice(small)
            for _ in range(draw.randint(2, 10))
        )
        if any(True for _ in judge(text)):
            assert may_be_toxic(text), text
