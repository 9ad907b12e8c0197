"""Every set check finds what was planted, and nothing in sound rows."""

from __future__ import annotations

import pytest

from tests.audit.desk.seen import completions, find, labelled, places
from tests.audit.helpers import clean_rows
from tunewright.audit.desk import SET_CHECKS
from tunewright.data.content import Content, Message, Preference, Rated, Similar, Tagged

TEXTS = [text for text, _ in clean_rows(160)]
SOUND = completions(*((TEXTS[n], TEXTS[n + 1]) for n in range(0, 120, 2)))
HELD = completions(*((TEXTS[n], TEXTS[n + 1]) for n in range(120, 160, 2)))
LONG = "the battery of the garden guitar is broken and nobody can tell where the invoice went"


@pytest.mark.parametrize("check", list(SET_CHECKS))
def test_sound_rows_have_no_finding(check: str) -> None:
    found = find(check, {"train": SOUND, "test": HELD})
    assert [finding.check for finding in found] == (["diversity"] if check == "diversity" else [])


@pytest.mark.parametrize("check", list(SET_CHECKS))
def test_one_row_is_enough_and_none_of_a_split_too(check: str) -> None:
    find(check, {"train": SOUND[:1]})
    find(check, {"test": HELD[:1]})
    find(check, {"train": labelled(("a", "b")), "dev": labelled(("", "b")), "test": []})


class TestDuplicates:
    def test_question_and_answer_must_be_equal(self) -> None:
        more = completions((TEXTS[0].upper() + "!", TEXTS[1]), (TEXTS[2], "another"))
        (found,) = find("duplicates", {"train": [*SOUND, *more], "dev": SOUND[:1]})
        assert places(found) == [("train", 61)]
        assert found.rows[0].detail == "same text as train, row 1"
        assert found.repair == "tunewright clean DATA --apply dedupe"

    def test_a_pair_with_another_rejected_answer_is_no_copy(self) -> None:
        def pair(rejected: str) -> Content:
            said = tuple(Message(role="assistant", content=text) for text in ("good", rejected))
            return Preference(
                prompt=(Message(role="user", content=LONG),), chosen=said[:1], rejected=said[1:]
            )

        assert find("duplicates", {"train": [pair("bad"), pair("worse")]}) == []
        assert places(find("duplicates", {"train": [pair("bad"), pair("Bad!")]})[0]) == [
            ("train", 2)
        ]


class TestNearDuplicates:
    def test_written_answers_must_be_near_too(self) -> None:
        more = completions(
            (TEXTS[0] + " zz", TEXTS[1] + " yy"), (TEXTS[2] + " zz", "something else entirely")
        )
        (found,) = find("near_duplicates", {"train": [*SOUND, *more]})
        assert places(found) == [("train", 61)]
        assert found.rows[0].detail == "near train, row 1"

    def test_an_equal_question_with_a_nearly_equal_answer(self) -> None:
        more = completions((TEXTS[0], TEXTS[1] + " yy"))
        (found,) = find("near_duplicates", {"train": [*SOUND, *more]})
        assert places(found) == [("train", 61)]

    def test_labels_play_no_part(self) -> None:
        rows = labelled((LONG, "a"), (LONG + " zz", "b"))
        (found,) = find("near_duplicates", {"train": rows})
        assert places(found) == [("train", 2)]


class TestLeaks:
    def test_as_written_and_normalised(self) -> None:
        train = [*SOUND, *completions((TEXTS[120], "x"), (TEXTS[122].upper(), "y"))]
        (found,) = find("leaks", {"train": train, "test": HELD})
        assert places(found) == [("train", 61), ("train", 62)]
        assert found.rows[0].detail == "the same question is in the test set: test, row 1"
        assert (found.severity, found.numbers["as_written"], found.numbers["normalised"]) == (
            "error",
            1,
            1,
        )
        assert found.numbers["share_of_test"] == pytest.approx(2 / 20)

    def test_from_train_to_dev_it_is_a_warning(self) -> None:
        found = find("leaks", {"train": SOUND, "dev": [*HELD, *SOUND[:2]], "test": SOUND[2:3]})
        assert {f.check: (f.severity, places(f)) for f in found} == {
            "leaks": ("error", [("train", 3)]),
            "dev_leaks": ("warning", [("train", 1), ("train", 2)]),
        }

    def test_near_ones_name_the_test_row(self) -> None:
        (found,) = find(
            "near_leaks", {"train": SOUND, "test": [*HELD, *completions((TEXTS[4] + " zz", "a"))]}
        )
        assert places(found) == [("test", 21)]
        assert found.rows[0].detail == "near train, row 3"

    def test_groups_on_both_sides(self) -> None:
        groups = {"train": ["a", "b", "a", "", "c"], "test": ["c", "a", "d"]}
        (found,) = find("group_leaks", {"train": SOUND[:5], "test": HELD[:3]}, groups)
        assert places(found) == [("train", 1), ("train", 3), ("train", 5)]
        assert found.numbers["groups"] == 2


class TestContradictions:
    def test_labels_and_the_ceiling_that_follows(self) -> None:
        rows = labelled(("one", "a"), ("One!", "a"), ("one", "b"), ("two", "a"), ("three", "c"))
        (found,) = find("contradictions", {"train": rows})
        assert found.check == "conflicting_labels"
        assert places(found) == [("train", 1), ("train", 2), ("train", 3)]
        assert found.rows[0].detail == "this text is labelled 'a', 'b'"
        assert found.numbers["accuracy_ceiling"] == pytest.approx(4 / 5)

    def test_a_test_row_contradicts_no_training_row(self) -> None:
        rows = {"train": labelled(("one", "a")), "test": labelled(("one", "b"))}
        assert find("contradictions", rows) == []

    @pytest.mark.parametrize(
        ("one", "other", "differ"),
        [
            ("Paris", "Lyon", True),
            ("Paris", "paris.", False),
            ("It is Paris, of course, as every child knows.", "Paris", True),
            ("First 3 and 4 make 7. #### 7", "We add four to three. #### 7", False),
            ("First 3 and 4 make 7. #### 7", "First 3 and 4 make 8. #### 8", True),
            (LONG, f"{LONG} today", False),
            (LONG, TEXTS[5] + " " + TEXTS[6], True),
        ],
    )
    def test_written_answers(self, one: str, other: str, differ: bool) -> None:
        rows = [*SOUND, *completions(("What is it?", one), ("what is it", other))]
        found = find("contradictions", {"train": rows})
        assert [places(f) for f in found] == ([[("train", 61), ("train", 62)]] if differ else [])
        if differ:
            assert found[0].numbers["accuracy_ceiling"] == pytest.approx(61 / 62)

    def test_pairs_preferred_in_both_orders(self) -> None:
        def pair(good: str, bad: str) -> Content:
            said = tuple(Message(role="assistant", content=text) for text in (good, bad))
            return Preference(
                prompt=(Message(role="user", content=LONG),), chosen=said[:1], rejected=said[1:]
            )

        several = [pair("yes", "no"), pair("certainly", "never"), pair("yes", "never")]
        assert find("contradictions", {"train": several}) == []
        (found,) = find("contradictions", {"train": [*several, pair("no", "yes")]})
        assert places(found) == [("train", 1), ("train", 4)]

    def test_a_question_with_two_fitting_texts_is_no_contradiction(self) -> None:
        rows: list[Content] = [Similar(anchor=LONG, positive=text) for text in TEXTS[:3]]
        assert find("contradictions", {"train": rows}) == []
        scored: list[Content] = [
            Similar(anchor=LONG, positive="a", score=score) for score in ("0.2", "0.9")
        ]
        assert len(find("contradictions", {"train": scored})) == 1

    def test_the_same_words_in_other_tokens_are_another_text(self) -> None:
        rows: list[Content] = [
            Tagged(tokens=("in", "Rome", "!"), tags=("O", "B-place", "O")),
            Tagged(tokens=("in", "Rome"), tags=("O", "B-place")),
        ]
        assert find("contradictions", {"train": rows}) == []
        rows.append(Tagged(tokens=("in", "Rome"), tags=("O", "O")))
        (found,) = find("contradictions", {"train": rows})
        assert places(found) == [("train", 2), ("train", 3)]

    def test_good_and_bad_at_once(self) -> None:
        turns = tuple(Message(role=role, content=LONG) for role in ("user", "assistant"))
        rows: list[Content] = [
            Rated(prompt=turns[:1], completion=turns[1:], good=good) for good in (True, False)
        ]
        (found,) = find("contradictions", {"train": rows})
        assert found.count == 2

    @pytest.mark.parametrize(
        ("other", "same"),
        [
            (f"please {LONG}", True),
            (LONG.replace("battery", "batery"), True),
            (LONG.replace("broken", "not broken"), False),
            (LONG.replace("guitar", "piano"), False),
            (LONG + " 3", False),
        ],
    )
    def test_nearly_equal_questions(self, other: str, same: bool) -> None:
        (found, *_) = [
            *find("near_contradictions", {"train": labelled((LONG, "a"), (other, "b"))}),
            None,
        ]
        assert (found is not None) == same
        assert find("near_contradictions", {"train": labelled((LONG, "a"), (other, "a"))}) == []


class TestLabels:
    def test_balance_and_scarce_labels(self) -> None:
        rows = labelled(*((text, "big" if n > 2 else "rare") for n, text in enumerate(TEXTS[:60])))
        found = {f.check: f for f in find("balance", {"train": rows})}
        assert found["balance"].numbers["counts"] == {"big": 57, "rare": 3}
        assert places(found["scarce_labels"]) == [("train", 1), ("train", 2), ("train", 3)]
        assert found["scarce_labels"].rows[0].detail == "label 'rare' has 3"

    def test_a_label_with_one_row_is_listed(self) -> None:
        rows = labelled(*((text, "big") for text in TEXTS[:9]), ("x", "Big"), ("y", "other"))
        (found,) = find("label_spelling", {"train": rows})
        assert found.message == "labels that are probably one: 'Big' and 'big'"
        assert len(places(found)) == 10

    def test_one_answer_for_many_questions(self) -> None:
        rows = completions(*((text, "I do not know.") for text in TEXTS[:30]))
        (found,) = find("repeated_answers", {"train": [*SOUND, *rows]})
        assert found.count == 30
        assert found.numbers["largest_share"] == pytest.approx(1 / 3)
        assert found.severity == "warning"


class TestTemplates:
    def test_sentences_that_many_answers_share(self) -> None:
        begun = completions(*((q, f"Great question, my friend! {q[::-1]}") for q in TEXTS[:12]))
        ended = completions(*((q, f"{q[::-1]}. Is there anything else?") for q in TEXTS[12:30]))
        (found,) = find("boilerplate", {"train": [*SOUND, *begun, *ended]})
        assert found.count == 30
        assert [s["rows"] for s in found.numbers["sentences"]] == [18, 12]
        assert found.numbers["sentences"][1]["text"] == "Great question, my friend!"
        assert found.rows[0].detail == "the answer begins with 'Great question, my friend!'"
        assert found.repair.endswith("strip_boilerplate")

    def test_copies_of_a_row_are_no_boilerplate(self) -> None:
        rows = completions(*[("one question", "First sentence here. Second sentence here.")] * 30)
        assert find("boilerplate", {"train": [*SOUND, *rows]}) == []

    def test_personal_data_in_a_shared_sentence_is_masked(self) -> None:
        address = "jane.miller@millerandsons.com"
        rows = completions(*((q, f"{q[::-1]}. Write to {address} now") for q in TEXTS[:12]))
        (found,) = find("boilerplate", {"train": [*SOUND, *rows]})
        assert address not in str(found.as_dict())

    def test_rows_that_differ_in_numbers_and_names(self) -> None:
        rows = completions(
            *(
                (f"Order {n} of Maria{chr(97 + n)} from Rome is late, why?", TEXTS[n])
                for n in range(12)
            )
        )
        (found,) = find("templates", {"train": [*SOUND, *rows]})
        assert found.count == 12
        assert found.numbers["templates"] == 1

    def test_diversity(self) -> None:
        same = completions(*((q, "yes yes yes yes") for q in TEXTS[:50]))
        (poor,) = find("diversity", {"train": same})
        (rich,) = find("diversity", {"train": SOUND})
        assert poor.numbers["distinct_1"] == pytest.approx(1 / 200)
        assert poor.numbers["distinct_2"] == pytest.approx(1 / 150)
        assert rich.numbers["distinct_2"] > 0.5
