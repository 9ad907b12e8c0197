"""The data stage on small files: what is in which part, and where every row went."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewright.core.errors import DataError
from tunewright.core.events import Event, Notice
from tunewright.data.dataset import load_dataset
from tunewright.data.prepare import PrepareData
from tunewright.workers.base import Context

Write = Callable[..., Path]


def prepare(
    folder: Path, emit: Callable[[Event], None] = lambda event: None, **data: Any
) -> dict[str, Any]:
    payload = {"data": {"text": "text", "label": "label", **data}, "folder": folder, "seed": 3}
    return PrepareData().run(Context(folder / "study", emit), payload)


def refused(folder: Path, **data: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        prepare(folder, **data)
    return caught.value


def listed(folder: Path) -> list[dict[str, Any]]:
    path = folder / "study" / "data" / "rejected.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def csv(*rows: tuple[str, str]) -> str:
    return "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)


def test_symbols_tell_a_training_row_from_a_test_row(write: Write, tmp_path: Path) -> None:
    pairs = [
        ("👍", "👎"),
        (":)", ":("),
        ("ok :-)", "ok :-("),
        ("???", "!!!"),
        ("I use C", "I use C#"),
    ]
    write("train.csv", csv(*((text, "good") for text, _ in pairs), ("bad", "bad")))
    write("test.csv", csv(*((text, "bad") for _, text in pairs)))
    found = prepare(tmp_path, train="train.csv", test="test.csv")
    assert (found["leaked"], found["rejected"]) == (0, {})


def test_a_leak_is_still_one_with_other_punctuation(write: Write, tmp_path: Path) -> None:
    write("train.csv", csv(("Thanks 👍", "good"), ("so good", "good"), ("bad", "bad")))
    write("test.csv", csv(("thanks... 👍!", "good"), ("bad 👎", "bad")))
    found = prepare(tmp_path, train="train.csv", test="test.csv")
    assert found["rejected"] == {"leaked": 1}


def test_texts_of_symbols_are_not_kept_together(write: Write, tmp_path: Path) -> None:
    """As equal texts they would be one group, and all on one side of every split."""
    faces = ["👍", "👎", "❤", "💔", "🙂", "🙁", ":)", ":("]
    rows = [
        (f"{face} {other}", f"label {n % 2}") for n, face in enumerate(faces) for other in faces
    ]
    write("train.csv", csv(*rows))
    found = prepare(tmp_path, train="train.csv")
    assert found["rows_read"] == 64
    assert 10 <= found["test"] <= 15
    assert len(set(load_dataset(tmp_path / "study" / "data").fit.folds)) == 5


def test_every_row_of_the_files_is_accounted_for(write: Write, tmp_path: Path) -> None:
    write("train.csv", csv(*((f"text {n}", f"label {n % 2}") for n in range(300))))
    write("test.csv", csv(*((f"other {n}", f"label {n % 2}") for n in range(40)), ("", "x")))
    found = prepare(tmp_path, train="train.csv#100", test="test.csv")
    assert (found["rows_in_files"], found["rows_not_drawn"], found["rows_read"]) == (341, 200, 141)
    assert found["train"] + found["dev"] + found["test"] + sum(found["rejected"].values()) == 141
    splits = json.loads((tmp_path / "study" / "data" / "splits.json").read_text())
    assert splits["samples"] == [
        {"split": "train", "path": "train.csv#100", "rows_in_files": 300, "rows_not_drawn": 200}
    ]
    assert prepare(tmp_path, train="train.csv", test="test.csv")["rows_not_drawn"] == 0


PLENTY = [(f"a message with the number {n}", f"label {n % 2}") for n in range(60)]


class TestNoRowIsLeft:
    def test_a_test_file_with_every_training_row(self, write: Write, tmp_path: Path) -> None:
        write("train.csv", csv(*PLENTY, ("", "label 0")))
        write("test.csv", csv(*PLENTY))
        error = refused(tmp_path, train="train.csv", test="test.csv")
        assert "the text of each stands in the test set too" in error.what
        assert (error.file, error.row) == ("train.csv", 1)
        assert "60 rows of 'train.csv' with the text of a row of 'test.csv'" in str(error.found)
        assert str(tmp_path / "study" / "data" / "rejected.jsonl") in str(error.fix)
        reasons = [row["reason"] for row in listed(tmp_path)]
        assert (reasons.count("leaked"), reasons.count("empty_text")) == (60, 1)

    def test_leaks_that_leave_one_label(self, write: Write, tmp_path: Path) -> None:
        write("train.csv", csv(*PLENTY))
        write("test.csv", csv(*(row for row in PLENTY if row[1] == "label 0")))
        error = refused(tmp_path, train="train.csv", test="test.csv")
        assert "only one label" in error.what
        assert error.found is not None
        assert "that are left (30 rows, after 30 rows with a text of the test set)" in error.found
        assert len(listed(tmp_path)) == 30

    def test_rows_that_are_rejected_are_listed_whatever_else_is_wrong(
        self, write: Write, tmp_path: Path
    ) -> None:
        write("train.csv", csv(("a", "x"), ("b", "x"), ("c", "")))
        assert "only one label" in refused(tmp_path, train="train.csv").what
        assert [row["reason"] for row in listed(tmp_path)] == ["missing_label"]


class TestGroups:
    def table(self, rows: int, groups: int) -> str:
        lines = [f"message {n},label {n % 2},customer {n % groups}\n" for n in range(rows)]
        return "text,label,who\n" + "".join(lines)

    @pytest.mark.parametrize("groups", [1, 2])
    def test_too_few_of_them_for_a_test_set(
        self, write: Write, tmp_path: Path, groups: int
    ) -> None:
        write("train.csv", self.table(60, groups))
        error = refused(tmp_path, train="train.csv", group="who")
        assert "too few groups" in error.what
        assert error.field == "who"
        word = "1 group" if groups == 1 else "2 groups"
        assert f"{word} in the column 'who'; the largest, 'customer 0'" in str(error.found)
        assert f"has {60 // groups} of 60 rows" in str(error.found)
        assert "name another column as `group:`" in str(error.fix)

    def test_one_group_that_would_all_be_tested(self, write: Write, tmp_path: Path) -> None:
        write("train.csv", self.table(60, 1))
        error = refused(tmp_path, train="train.csv", group="who", test_size=0.7)
        assert "too few groups" in error.what

    @pytest.mark.parametrize(("rows", "part"), [(60, "folds"), (900, "dev set")])
    def test_too_few_of_them_to_choose_by(
        self, write: Write, tmp_path: Path, rows: int, part: str
    ) -> None:
        write("train.csv", self.table(rows, 1))
        write("test.csv", "text,label,who\nother,label 0,customer 7\n")
        error = refused(tmp_path, train="train.csv", test="test.csv", group="who")
        assert f"no row could be put into the {part}: there are too few groups" in error.what

    def test_groups_that_equal_texts_tie_together(self, write: Write, tmp_path: Path) -> None:
        lines = [
            f"{'ok' if n % 2 else f'message {n}'},label {n % 2},c{n // 2}\n" for n in range(60)
        ]
        write("train.csv", "text,label,who\n" + "".join(lines))
        error = refused(tmp_path, train="train.csv", group="who")
        assert "30 groups in the column 'who'; equal texts tie them into 1" in str(error.found)

    def test_labels_that_are_too_rare_are_no_fault_of_the_groups(
        self, write: Write, tmp_path: Path
    ) -> None:
        lines = [f"message {n},label {n},customer {n}\n" for n in range(9)]
        write("train.csv", "text,label,who\n" + "".join(lines))
        error = refused(tmp_path, train="train.csv", group="who")
        assert "every label has too few rows" in error.what
        assert error.field == "label"


class TestLabelsOfTheTestSet:
    def test_none_of_them_occurs_in_train(self, write: Write, tmp_path: Path) -> None:
        write("train.csv", csv(*PLENTY))
        write("test.csv", csv(("one", "yes"), ("two", "no"), ("three", "no")))
        error = refused(tmp_path, train="train.csv", test="test.csv")
        assert "no label of the test set occurs in train" in error.what
        assert (error.file, error.field, error.exit_code) == ("test.csv", "label", 3)
        assert error.found == "'no', 'yes' in the test set, 'label 0', 'label 1' in train"

    def test_another_spelling_is_named(self, write: Write, tmp_path: Path) -> None:
        write("train.csv", csv(*PLENTY))
        write("test.csv", csv(("one", "Label_0"), ("two", "LABEL 1")))
        error = refused(tmp_path, train="train.csv", test="test.csv")
        assert "'Label_0' here is 'label 0' there" in str(error.fix)

    def test_some_of_them_do_not(self, write: Write, tmp_path: Path) -> None:
        write("train.csv", csv(*PLENTY))
        write(
            "test.csv", csv(("one", "label 0"), ("two", "new"), ("three", "newer"), ("four", "new"))
        )
        events: list[Event] = []
        found = prepare(tmp_path, events.append, train="train.csv", test="test.csv")
        assert found["unanswerable_test_rows"] == 3
        splits = json.loads((tmp_path / "study" / "data" / "splits.json").read_text())
        assert splits["unanswerable_test_rows"] == 3
        (notice,) = [event for event in events if isinstance(event, Notice)]
        assert notice.level == "warning"
        assert "3 of 4 test rows (75.0 %) have a label that no training row has" in notice.text

    def test_labels_of_the_dev_file_are_learned_too(self, write: Write, tmp_path: Path) -> None:
        write("train.csv", csv(*PLENTY))
        write("dev.csv", csv(("one", "label 0"), ("two", "new")))
        write("test.csv", csv(("three", "new")))
        found = prepare(tmp_path, train="train.csv", dev="dev.csv", test="test.csv")
        assert found["unanswerable_test_rows"] == 0
