"""Every check finds what was planted, lists its rows, and finds nothing where there is nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.audit.helpers import DESK_CHECKS, WORDS, audit, clean_rows, places, rejected
from tunewright.audit import CHECKS

CLEAN = clean_rows()
CLEAN_TEST = [text for text, _ in clean_rows(90)[60:]]
DESCRIBING = {"balance", "length", "coverage"}
"""Checks that describe sound data too."""
NOTHING_LEFT_OUT = {"too_short": 0, "cut": 0, "pairs_not_measured": 0, "pairs_not_estimated": 0}


def clusters(labels: list[str], noise: float = 0.05) -> np.ndarray:
    """Unit vectors that lie near one direction for each label."""
    rng = np.random.default_rng(0)
    known = sorted(set(labels))
    centres = np.eye(len(known), 12)
    vectors = centres[[known.index(label) for label in labels]]
    vectors = vectors + noise * rng.normal(size=vectors.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("check", [*CHECKS, *DESK_CHECKS])
def test_sound_data_gives_no_warning(check: str) -> None:
    vectors = clusters([label for _, label in CLEAN])
    found = audit(check, CLEAN, CLEAN_TEST, vectors=vectors)
    assert [finding.check for finding in found] == ([check] if check in DESCRIBING else [])
    assert all(finding.severity == "info" and not finding.fix for finding in found)


class TestDuplicates:
    def test_repeats_with_one_label(self) -> None:
        rows = [*CLEAN, ("Hello,  World!", "bill"), ("hello world", "bill"), CLEAN[3], CLEAN[3]]
        (found,) = audit("duplicates", rows, CLEAN_TEST)
        assert places(found) == [("train.csv", 62), ("train.csv", 63), ("train.csv", 64)]
        assert (found.count, found.severity) == (3, "info")
        details = {row.row: row.detail for row in found.rows}
        assert details[64] == "same text as train.csv, row 4 (line 5)"
        assert details[62] == "same text as train.csv, row 61 (line 62)"

    def test_another_label_is_a_conflict_and_no_duplicate(self) -> None:
        text = CLEAN[0][0]
        rows = [*CLEAN, (text.upper(), "card"), (text + "?", "card"), (text, "bill")]
        (conflict,) = audit("conflicting_labels", rows, CLEAN_TEST)
        assert places(conflict) == [("train.csv", row) for row in (1, 61, 62, 63)]
        assert {row.detail for row in conflict.rows} == {"this text is labelled 'bill', 'card'"}
        # Two of the four rows cannot be answered rightly, whatever a model says.
        assert conflict.numbers["accuracy_ceiling"] == pytest.approx(1 - 2 / 63)
        (repeat,) = audit("duplicates", rows, CLEAN_TEST)
        assert places(repeat) == [("train.csv", 62), ("train.csv", 63)]

    def test_symbols_make_texts_different(self) -> None:
        said = ["👍", "👎", ":)", ":(", "???", "!!!", "I like C", "I like C++", "I like C#"]
        rows = [*CLEAN, *((text, ("bill", "card")[n % 2]) for n, text in enumerate(said))]
        assert audit("duplicates", rows) == []
        assert audit("conflicting_labels", rows) == []
        assert (
            audit("leaks_kept", [*CLEAN, ("👍", "bill"), ("ok :)", "card")], ["👎", "ok :("]) == []
        )


class TestNearDuplicates:
    def test_a_changed_word(self) -> None:
        words = CLEAN[5][0].split()
        rows = [*CLEAN, (" ".join([*words[:-1], "xy"]), "bill"), (CLEAN[5][0] + " zz", "card")]
        (found,) = audit("near_duplicates", rows, CLEAN_TEST)
        assert places(found) == [("train.csv", 61), ("train.csv", 62)]
        assert found.numbers == {
            "clusters": 1,
            "largest": 3,
            "share": 2 / 62,
            **NOTHING_LEFT_OUT,
        }
        assert found.rows[0].detail == "near train.csv, row 6 (line 7)"

    def test_equal_texts_are_duplicates_instead(self) -> None:
        assert audit("near_duplicates", [*CLEAN, CLEAN[5], (CLEAN[5][0] + "!", "bill")]) == []

    def test_pairs_with_test_rows_are_leaks_instead(self) -> None:
        assert audit("near_duplicates", CLEAN, [*CLEAN_TEST, CLEAN[5][0] + " zz"]) == []


class TestWhereTheSearchStopsShort:
    LONG = " ".join(str(number) for number in range(5000))

    def test_short_and_long_texts_are_told_with_their_rows(self) -> None:
        rows = [*CLEAN, ("ok", "bill"), ("OK!", "bill"), (self.LONG, "card")]
        (found,) = audit("not_compared", rows, [*CLEAN_TEST, "no"])
        assert (found.severity, found.count) == ("info", 4)
        assert places(found) == [*(("train.csv", row) for row in (61, 62, 63)), ("test.csv", 31)]
        assert found.numbers == NOTHING_LEFT_OUT | {"too_short": 3, "cut": 1}
        assert found.rows[0].detail == "fewer than 5 characters: compared with no text"
        assert found.rows[2].detail == "compared by its first 20,000 characters"
        assert "4 texts were not, or not fully, compared" in found.message
        assert (
            "3 with fewer than 5 characters, 1 compared by the first 20,000 characters"
            in found.message
        )

    def test_a_text_like_many_others_says_how_many_were_not_measured(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tunewright.audit.desk.near.MAX_NEIGHBOURS", 2)
        template = "the battery of the garden guitar is broken again, order number"
        rows = [*CLEAN[:2], *((f"{template} {letter}", "bill") for letter in "abcde")]
        (found,) = audit("not_compared", rows)
        assert places(found) == [("train.csv", 6), ("train.csv", 7)]
        assert [row.detail for row in found.rows] == [
            "perhaps like more than 2 others: not measured against 1 more text",
            "perhaps like more than 2 others: not measured against 2 more texts",
        ]
        assert found.numbers == NOTHING_LEFT_OUT | {"pairs_not_measured": 1 + 2}

    def test_the_findings_on_near_copies_carry_the_counts(self) -> None:
        rows = [*CLEAN, (CLEAN[5][0] + " zz", "card"), ("ok", "bill"), (self.LONG, "card")]
        test = [*CLEAN_TEST, CLEAN[8][0] + " zz", "no"]
        (near,) = audit("near_duplicates", rows, test)
        assert near.numbers | NOTHING_LEFT_OUT | {"too_short": 1, "cut": 1} == near.numbers
        (leak,) = audit("near_leaks", rows, test)
        assert leak.numbers | NOTHING_LEFT_OUT | {"too_short": 2, "cut": 1} == leak.numbers


class TestLeaks:
    def test_rows_that_were_taken_out_of_train(self) -> None:
        gone = [rejected("leaked", 7, "the same text is in the test set"), rejected("leaked", 9)]
        (found,) = audit("leaks", CLEAN, CLEAN_TEST, rejected=[*gone, rejected("empty_text", 3)])
        assert (found.severity, found.count) == ("warning", 2)
        assert places(found) == [("train.csv", 7), ("train.csv", 9)]
        assert "2 training rows have been removed from train" in found.message
        assert found.numbers["share_of_test"] == pytest.approx(2 / 30)

    def test_rows_that_were_kept_are_an_error(self) -> None:
        (found,) = audit("leaks_kept", CLEAN, [*CLEAN_TEST, CLEAN[8][0].upper() + " ..."])
        assert (found.severity, places(found)) == ("error", [("train.csv", 9)])
        assert "1 training row is also in the test set" in found.message
        assert "drop_from_train" in found.fix

    def test_near_leaks_name_the_test_row_and_its_twin(self) -> None:
        rows = [*CLEAN, (CLEAN[20][0] + " zz", "bill")]  # a near copy within train is none
        test = [*CLEAN_TEST, CLEAN[8][0] + " zz", CLEAN[8][0], CLEAN_TEST[0] + " zz"]
        (found,) = audit("near_leaks", rows, test)
        assert places(found) == [("test.csv", 31)]
        assert found.rows[0].detail == "near train.csv, row 9 (line 10)"
        assert found.severity == "warning"
        assert found.numbers == {"share_of_test": 1 / 33, **NOTHING_LEFT_OUT}

    def test_few_near_leaks_are_no_warning(self) -> None:
        test = [*CLEAN_TEST, *(text for text, _ in clean_rows(300)[90:]), CLEAN[8][0] + " zz"]
        (found,) = audit("near_leaks", CLEAN, test)
        assert (found.severity, found.count) == ("info", 1)


def test_rejected_rows_are_counted_by_reason() -> None:
    lines = [rejected("empty_text", 3, "it is empty"), rejected("bad_json", 5)]
    lines += [rejected("leaked", 8), *(rejected("missing_label", row) for row in range(10, 20))]
    found = {f.check: f for f in audit("rejected", CLEAN, CLEAN_TEST, rejected=lines)}
    assert {name: f.count for name, f in found.items()} == {
        "empty_text": 1,
        "bad_json": 1,
        "missing_label": 10,
    }
    assert found["empty_text"].rows[0].detail == "it is empty"
    assert places(found["empty_text"]) == [("train.csv", 3)]
    assert "1 row has no text" in found["empty_text"].message
    assert "10 rows have no label (9.7 % of all)" in found["missing_label"].message
    assert (found["bad_json"].severity, found["missing_label"].severity) == ("warning", "error")


def test_rows_that_a_sample_left_in_the_file_are_counted() -> None:
    samples = [
        {"split": "train", "path": "train.csv#500", "rows_in_files": 2000, "rows_not_drawn": 1500},
        {"split": "dev", "path": "dev.csv#500", "rows_in_files": 80, "rows_not_drawn": 0},
    ]
    (found,) = audit("not_drawn", CLEAN, CLEAN_TEST, samples=samples)
    assert (found.severity, found.count, found.rows) == ("info", 1500, [])
    assert found.message == "1,500 of 2,000 rows were not drawn (train: train.csv#500)"
    assert found.numbers == {
        "rows_in_files": 2000,
        "rows_not_drawn": 1500,
        "samples": samples[:1],
    }
    assert audit("not_drawn", CLEAN, CLEAN_TEST, samples=samples[1:]) == []


class TestLabels:
    def test_balance_counts_every_label(self) -> None:
        rows = [*CLEAN, *(((f"{text} more"), "bill") for text, _ in CLEAN[:7])]
        (found,) = audit("balance", rows, CLEAN_TEST)
        assert found.numbers["counts"] == {"bill": 27, "card": 20, "login": 20}
        assert found.count == 67

    def test_a_dominant_label(self) -> None:
        rows = [(text, "bill" if row > 10 else label) for row, (text, label) in enumerate(CLEAN)]
        (found,) = [f for f in audit("balance", rows) if f.check == "balance"]
        assert found.severity == "warning"
        assert "macro_f1" in found.consequence

    def test_scarce_labels_list_their_rows(self) -> None:
        rows = [*CLEAN, ("one of a kind", "rare"), ("and another", "rare")]
        found = {f.check: f for f in audit("balance", rows)}
        assert set(found) == {"balance", "scarce_labels"}
        assert places(found["scarce_labels"]) == [("train.csv", 61), ("train.csv", 62)]
        assert (
            "1 label has fewer than 5 training rows: 'rare' (2)" in found["scarce_labels"].message
        )

    def test_labels_that_only_the_test_set_has(self) -> None:
        labels = ["bill", "card", "login", "never seen"]
        (found,) = audit("unseen_labels", CLEAN, CLEAN_TEST, labels=labels, unanswerable=12)
        assert found.message == "1 label of the test set has no training row: 'never seen'"
        assert (found.severity, found.count) == ("warning", 12)
        assert "no candidate can answer 12 of 30 test rows (40.0 %) rightly" in found.consequence
        assert "no accuracy can exceed 60.0 %" in found.consequence
        assert found.numbers["accuracy_ceiling"] == pytest.approx(0.6)
        assert found.rows == [], "they would tell the answers of test rows"
        (balance,) = audit("balance", CLEAN, CLEAN_TEST, labels=labels)
        assert balance.numbers["counts"]["never seen"] == 0

    def test_what_nobody_can_answer_is_told_before_all_else(self) -> None:
        assert next(iter(CHECKS)) == "unseen_labels"

    def test_spellings_of_one_label(self) -> None:
        rows = [*CLEAN[:30], ("a", "Log-in"), ("b", "log in"), ("c", "cards")]
        (found,) = audit("label_spelling", rows)
        assert "'Log-in' and 'log in' and 'login'" in found.message
        assert Counter(row.detail for row in found.rows) == {
            "label 'login'": 10,
            "label 'Log-in'": 1,
            "label 'log in'": 1,
        }

    def test_a_label_with_a_character_that_nobody_sees(self) -> None:
        rows = [*CLEAN[:30], ("a", "lo\u200bgin")]
        (found,) = audit("label_spelling", rows)
        assert found.message == "labels that are probably one: 'login' and 'lo\\u200bgin'"
        assert found.count == 11

    def test_labels_whose_marks_are_meant(self) -> None:
        said = ["-1", "1", "B-", "B", "1-2", "12"]
        rows = [(text, said[n % len(said)]) for n, (text, _) in enumerate(CLEAN)]
        assert audit("label_spelling", rows) == []


class TestLength:
    def test_what_truncation_cuts(self) -> None:
        long = " ".join(WORDS[:26])
        rows = [*CLEAN, (long, "bill")]
        found = {f.check: f for f in audit("length", rows, [*CLEAN_TEST, long], max_length=20)}
        assert places(found["truncated"]) == [("train.csv", 61), ("test.csv", 31)]
        assert found["truncated"].rows[0].detail == "26 tokens, 6 lost"
        assert found["truncated"].numbers == {"tokens_lost": 12}
        assert "2 texts are longer than 20 tokens and are cut; 12 tokens are lost" in (
            found["truncated"].message
        )
        assert found["length"].numbers["longest"] == 26
        assert found["length"].numbers["median"] == 9

    def test_a_text_of_just_the_limit_is_whole(self) -> None:
        rows = [*CLEAN, (" ".join(WORDS[:20]), "bill")]
        assert [f.check for f in audit("length", rows, max_length=20)] == ["length"]


class TestLabelErrors:
    FLIPPED = (4, 17, 42, 55, 71, 90)

    def flipped(self) -> tuple[list[tuple[str, str]], np.ndarray]:
        """Rows whose vectors tell the label, but for a few with a wrong one."""
        rows = list(clean_rows(180))
        vectors = clusters([label for _, label in rows])
        for at in self.FLIPPED:
            text, label = rows[at]
            rows[at] = (text, {"bill": "card", "card": "login", "login": "bill"}[label])
        return rows, vectors

    def test_flipped_labels_are_found_and_nothing_else(self) -> None:
        rows, vectors = self.flipped()
        (found,) = audit("label_errors", rows, vectors=vectors)
        assert {row - 1 for _, row in places(found)} == set(self.FLIPPED)
        assert found.severity == "warning"
        assert found.numbers["share"] == pytest.approx(6 / 180)
        details = {row.row - 1: row.detail for row in found.rows}
        truth = clean_rows(180)
        for at in self.FLIPPED:
            told = f"labelled '{rows[at][1]}', looks like '{truth[at][1]}' ("
            assert details[at].startswith(told)

    def test_it_is_the_same_every_time(self) -> None:
        rows, vectors = self.flipped()
        first, second = (audit("label_errors", rows, vectors=vectors) for _ in range(2))
        assert first == second

    def test_a_copy_of_a_row_does_not_vouch_for_it(self) -> None:
        """Equal texts share a fold, else a wrong label that stands twice would confirm itself."""
        rows, vectors = self.flipped()
        copies = [rows[at] for at in self.FLIPPED] * 3
        again = vectors[list(self.FLIPPED) * 3]
        (found,) = audit("label_errors", [*rows, *copies], vectors=np.concatenate([vectors, again]))
        listed = {row - 1 for _, row in places(found)}
        assert set(self.FLIPPED) <= listed
        assert listed <= {*self.FLIPPED, *range(len(rows), len(rows) + len(copies))}

    def test_labels_that_are_too_rare_to_be_judged_are_left_out(self) -> None:
        rows, vectors = self.flipped()
        rare = [("one of a kind", "rare"), ("and another", "rare")]
        more = np.concatenate([vectors, clusters(["bill", "bill"])])
        (found,) = audit("label_errors", [*rows, *rare], vectors=more)
        assert {row - 1 for _, row in places(found)} == set(self.FLIPPED)

    def test_another_spelling_of_the_label_is_left_to_its_own_check(self) -> None:
        rows, vectors = self.flipped()
        upper = [n for n in range(0, 180, 30) if n not in self.FLIPPED]
        for at in upper:
            rows[at] = (rows[at][0], rows[at][1].upper())
        (found,) = audit("label_errors", rows, vectors=vectors)
        variants = found.numbers["spelling_variants"]
        assert variants >= 3
        assert f"{variants} more look like another spelling of their own label" in found.message
        assert not any("'BILL', looks like 'bill'" in row.detail for row in found.rows)
        assert set(self.FLIPPED) <= {row - 1 for _, row in places(found)}

    def test_one_label_alone_cannot_be_judged(self) -> None:
        rows = [(text, "bill") for text, _ in CLEAN]
        assert audit("label_errors", rows, vectors=clusters(["bill"] * 60)) == []


def test_the_checks_that_need_no_model_ask_for_none() -> None:
    """So that `check` can speak of the data before a model is there."""
    for name in CHECKS:
        if name in {"length", "label_errors", "outliers", "coverage"}:
            continue
        audit(name, CLEAN, CLEAN_TEST)  # the vectors of this workspace are empty
