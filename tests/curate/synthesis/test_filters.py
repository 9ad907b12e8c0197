"""Each filter on rows that it must reject, and on their neighbours that it must not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.curate.synthesis.helpers import draft, labelled, material, qa
from tunewright.curate.generators.base import Generated
from tunewright.curate.synthesis import FILTERS
from tunewright.curate.synthesis.filters.base import Filter
from tunewright.curate.synthesis.filters.length import band
from tunewright.curate.synthesis.filters.round_trip import agree, token_f1
from tunewright.curate.synthesis.languages import language_names
from tunewright.curate.synthesis.material import HeldOut, Material
from tunewright.curate.synthesis.rows import Draft, Passage, Rejection

ROWS = [qa(f"How many {what} has Ann?", f"She has {n}.") for n, what in enumerate(
    ["pens", "cups", "dogs", "hats", "keys", "maps", "nuts", "pots", "rugs", "toys"]
)]  # fmt: skip


def made(name: str, given: Material) -> Filter:
    found = FILTERS.get(name)(given)
    assert found.why_not() is None
    return found


def judged(name: str, given: Material, *drafts: Draft) -> list[Rejection | None]:
    return made(name, given).judge(list(drafts))


def reasons(found: list[Rejection | None]) -> list[str | None]:
    return [None if rejection is None else rejection.reason for rejection in found]


class TestSchema:
    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (draft(None), "nothing that could be read"),
            (draft(None, problem="the prompt is too long"), "the prompt is too long"),
            (draft(qa(" ", "yes")), "the text or request is empty"),
            (draft(qa("Why?", " ")), "the answer is empty"),
            (draft(qa("why", "x"), shown=("Why?",)), "a copy of an example in its prompt"),
            (draft(qa("Why so?", "why so")), "the answer repeats the request"),
            (draft(qa("Why?", "Because.<|im_end|>")), "marks of the prompt are left in it"),
            (draft(qa("Why?", "Sure.\nRequest 4: how")), "marks of the prompt are left in it"),
            (draft(qa("Why?", "As an AI language model, no.")),
             "marks of the prompt are left in it"),
            (draft(qa("How many pens has Ann?", "she has 0")), "the same as another row"),
        ],
    )  # fmt: skip
    def test_rejects(self, row: Draft, reason: str) -> None:
        assert reasons(judged("schema", material(ROWS), row)) == [reason]

    def test_lets_a_whole_row_pass_once(self) -> None:
        row = draft(qa("Why is it late?", "It rains."), shown=("When?",))
        assert reasons(judged("schema", material(ROWS), row, row)) == [
            None,
            "the same as another row",
        ]

    def test_a_mark_that_the_rows_have_is_none(self) -> None:
        rows = [qa("### Instruction: sing", "la"), *ROWS]
        row = draft(qa("### Instruction: whistle", "fiu"))
        assert reasons(judged("schema", material(rows), row)) == [None]

    @pytest.mark.parametrize(
        ("question", "kept"),
        [
            ("What does the passage say?", False),
            ("According to this text, what is a cell?", False),
            ("Which bone is in the given excerpt?", False),
            ("What lines the passage of air to the lungs?", True),
            ("What is a text?", True),
        ],
    )
    def test_a_question_must_not_speak_of_its_passage(self, question: str, kept: bool) -> None:
        row = draft(qa(question, "Much of it."), details={"_passage": "..."})
        found = reasons(judged("schema", material(ROWS), row))
        assert found == [None if kept else "marks of the prompt are left in it"]
        elsewhere = draft(qa(question, "Much of it."))
        assert reasons(judged("schema", material(ROWS), elsewhere)) == [None]

    def test_what_the_schema_cannot_hold(self) -> None:
        found = reasons(judged("schema", material(ROWS), draft(labelled("a text", "a label"))))
        assert found == ["question_answer reads the row otherwise than written"]


class TestLanguage:
    GERMAN = "Warum ist die Karte gestern nicht angekommen, obwohl sie bestellt war?"
    ENGLISH = "Why did the card not arrive yesterday although it was ordered long ago?"

    def given(self, rows: list[str]) -> Material:
        return material([labelled(text, "a") for text in rows], languages=language_names())

    def test_rejects_another_language(self) -> None:
        given = self.given([f"{self.ENGLISH} {n}" for n in range(9)] + [self.GERMAN])
        rows = [draft(labelled(t, "a")) for t in (self.ENGLISH, self.GERMAN, "Karte weg")]
        found = judged("language", given, *rows)
        assert reasons(found) == [None, "in another language (de)", None]
        assert found[1] is not None and found[1].numbers["expected"] == "en"

    def test_seeds_of_many_languages_have_none(self) -> None:
        given = self.given([self.ENGLISH, self.GERMAN] * 5)
        assert "no main language" in str(FILTERS.get("language")(given).why_not())


class TestLength:
    def test_the_band_of_the_seeds(self) -> None:
        rows = [labelled("x" * n, "a") for n in range(20, 61)]
        given = material(rows)
        (low, high), texts = band(list(range(20, 61))), [13, 14, 90, 91]
        assert (low, high) == (14, 88)
        found = judged("length", given, *(draft(labelled("y" * n, "a")) for n in texts))
        assert reasons(found) == [
            "the text or request is too short",
            None,
            "the text or request is too long",
            "the text or request is too long",
        ]

    def test_answers_have_a_band_of_their_own(self) -> None:
        row = draft(qa("How many cats has Bob?", "He has " + "very " * 30 + "many."))
        found = judged("length", material(ROWS), row)
        assert reasons(found) == ["the answer is too long"]

    def test_few_seeds_tell_nothing(self) -> None:
        assert "fewer than 8" in str(FILTERS.get("length")(material(ROWS[:3])).why_not())


class TestNovelty:
    def test_the_pool_grows(self) -> None:
        rows = [
            draft(qa("How many pens has Ann got?", "x")),
            draft(qa("Which river runs through the town?", "x")),
            draft(qa("Which river runs through the old town?", "x")),
            draft(qa("Name a tree", "x")),
        ]
        found = judged("novelty", material(ROWS), *rows)
        assert reasons(found) == [
            "too much like rows.jsonl, row 1",
            None,
            "too much like a new row",
            None,
        ]
        assert found[0] is not None
        assert found[0].numbers["rouge_l"] == pytest.approx(10 / 11, abs=1e-4)

    def test_not_for_preferences(self) -> None:
        given = material(ROWS, method="preferences")
        assert FILTERS.get("novelty")(given).why_not() is not None


class TestOverlap:
    TEST = "Where can I see the money that was sent to me last Friday?"

    @pytest.mark.parametrize(
        "text",
        [
            "where can i see the money that was sent to me last friday",
            "Where can I see the money that was sent to me last Monday?",
            f"Hello, a question that I have had for a while and that nobody answers: {TEST} "
            "I would be very glad of an answer by the end of this week, thank you very much.",
        ],
        ids=["equal", "nearly", "around"],
    )
    def test_nothing_comes_near_the_test(self, text: str) -> None:
        given = material(ROWS, held_out=HeldOut(test=[self.TEST, "why?"]))
        found = judged("overlap", given, draft(qa(text, "There.")))
        assert found[0] is not None
        assert found[0].numbers["part"] == "test"
        assert "friday" not in str(found[0]).lower(), "which row it was is not told"

    def test_an_answer_that_holds_a_test_text(self) -> None:
        given = material(ROWS, held_out=HeldOut(dev=[self.TEST]))
        found = judged("overlap", given, draft(qa("Ask me something.", self.TEST.upper())))
        assert reasons(found) == ["around a dev text"]

    def test_others_pass(self) -> None:
        given = material(ROWS, held_out=HeldOut(test=[self.TEST], dev=["how?"]))
        rows = [draft(qa(t, "x")) for t in ("Where is my card?", "Why, and how?")]
        assert reasons(judged("overlap", given, *rows)) == [None, None]

    def test_without_a_split_every_row_may_be_test(self) -> None:
        given = material(ROWS, held_out=HeldOut(possible=[self.TEST]))
        assert judged("overlap", given, draft(qa(self.TEST, "x")))[0] is not None
        pairs = material(ROWS, method="preferences", held_out=HeldOut(possible=[self.TEST]))
        assert FILTERS.get("overlap")(pairs).why_not() is not None


class TestSafety:
    def test_personal_data_is_masked(self) -> None:
        mail = "greta.lind@posteo-mail.se"
        row = draft(qa("Whom do I ask about this?", f"Write to {mail} today."))
        found = judged("safety", material(ROWS), row, draft(ROWS[0]))
        assert found[0] is not None and found[1] is None
        assert mail not in str(found[0])


class TestRoundTrip:
    def given(self, *answers: str, **config: Any) -> Material:
        left = list(answers)
        return material(ROWS, rule=lambda prompt, seed: left.pop(0), **config)

    @pytest.mark.parametrize(
        ("answers", "kept"),
        [
            (("12", "12", "9"), True),
            (("Answer: 12.", "12.0", "9"), True),
            (("12", "9", "9"), False),
        ],
    )
    def test_m_of_k_must_agree(self, answers: tuple[str, ...], kept: bool) -> None:
        row = draft(qa("How many?", "12"), again="How many?")
        found = judged("round_trip", self.given(*answers), row)
        assert (found[0] is None) == kept

    def test_failed_answers_do_not_agree(self) -> None:
        failed = Generated(text="12", tokens=0, seconds=0, problem="too long")
        given = material(ROWS, rule=lambda prompt, seed: failed)
        found = judged("round_trip", given, draft(qa("How many?", "12"), again="How many?"))
        assert reasons(found) == ["0 of 3 further answers agree"]

    def test_it_can_be_left_out(self) -> None:
        given = material(ROWS, consistency_samples=0)
        assert FILTERS.get("round_trip")(given).why_not() is not None

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("It is 5 + 7.\n#### 12", "First 5, then 7 more.\n#### 12", True),
            ("It is 5 + 7.\n#### 12", "It is 5 + 7.\n#### 13", False),
            ("1,200", "$1200.00", True),
            ("12", "There are 12 of them.", True),
            ("12", "Of 12 there are 3.", False),
            ("-5", "5", False),
            ("the Nile", "Nile.", True),
            ("the Nile", "the Amazon", False),
            ("Because of the heavy rain in the hills", "Because of heavy rain in the hills", True),
            ("Because of the heavy rain in the hills", "Nobody knows why it ever happened", False),
            (r"So \boxed{7}", "The answer is 7.", True),
            ("", "", False),
        ],
    )
    def test_agreement(self, one: str, other: str, same: bool) -> None:
        assert agree(one, other, 0.5) is same

    def test_token_f1(self) -> None:
        assert token_f1(["a", "b", "b"], ["b", "c"]) == pytest.approx(0.4)
        assert token_f1(["a"], ["b"]) == 0


class TestLabelAgreement:
    def test_another_label_is_rejected(self) -> None:
        rows = [labelled("my card", "card"), labelled("my bill", "bill")]
        given = material(
            rows,
            method="class_conditional",
            predict=lambda texts: [("card" if "card" in t else "bill", 0.9) for t in texts],
        )
        drafts = [draft(labelled("a card", "card")), draft(labelled("a card", "bill"))]
        found = judged("label_agreement", given, *drafts)
        assert found[0] is None
        assert found[1] is not None
        assert dict(found[1].numbers) == {"predicted": "card", "probability": 0.9, "label": "bill"}


class TestElimination:
    def given(self, said: str = "Different") -> Material:
        return material(ROWS, method="evolve", rule=lambda prompt, seed: said)

    def row(self, question: str, answer: str) -> Draft:
        return draft(qa(question, answer), method="evolve", shown=("How many pens has Ann?",))

    @pytest.mark.parametrize(
        ("question", "answer", "reason"),
        [
            ("Name a rare tree", "I am sorry, I do not know.", "the answer is an excuse"),
            ("Name a rare tree", "... of the", "the answer holds no word that says anything"),
            ("Name a tree as the given prompt says", "Yew", "it repeats words of the prompt"),
        ],
    )
    def test_rules_of_form(self, question: str, answer: str, reason: str) -> None:
        found = judged("elimination", self.given(), self.row(question, answer))
        assert reasons(found) == [reason]

    def test_a_long_answer_may_be_sorry(self) -> None:
        row = self.row("Write a letter", "I am sorry that I am late. " * 20)
        assert reasons(judged("elimination", self.given(), row)) == [None]

    @pytest.mark.parametrize(("said", "kept"), [("Same.", False), ("Different", True)])
    def test_the_model_compares(self, said: str, kept: bool) -> None:
        found = judged("elimination", self.given(said), self.row("Name a rare tree", "Yew"))
        assert (found[0] is None) == kept


def test_passages_have_a_language_too() -> None:
    passages = [Passage(place="a", text=TestLanguage.GERMAN * 2)]
    given = material(passages=passages, method="questions", languages=language_names())
    found = judged("language", given, draft(qa(TestLanguage.ENGLISH, "Because it was not sent.")))
    assert reasons(found) == ["in another language (en)"]
