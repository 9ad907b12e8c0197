"""Rows whose answers are written: their canonical form, and the stage that divides them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewright.core.errors import DataError
from tunewright.data.content import (
    Completion,
    Content,
    Conversation,
    Document,
    Message,
    Rated,
)
from tunewright.data.contents import (
    ContentDataset,
    content_of,
    content_text,
    load_contents,
    with_answer,
    without_answer,
)
from tunewright.data.dividing import proofs_of_study
from tunewright.data.json_text import Number
from tunewright.data.prepare_contents import PrepareContents
from tunewright.workers.base import Context

Write = Callable[..., Path]

CALL = {"type": "function", "function": {"name": "add", "arguments": {"a": Number("1.0"), "b": []}}}
ROWS: list[Content] = [
    Completion(prompt="2 + 2 =", completion=" 4\n"),
    Completion(prompt="\u2028 a", completion=None),
    Document(text="Once upon a time", title="A tale"),
    Document(text="no title"),
    Conversation(
        messages=(
            Message(role="system", content="be brief", extras={"mood": None, "n": Number("3")}),
            Message(role="user", content=({"type": "text", "text": "hi"},), name="Ann"),
            Message(role="assistant", content=None, tool_calls=(CALL,), weight=0.5),
            Message(role="tool", content="2", tool_call_id="c1"),
            Message(role="assistant", content=""),
        ),
        tools=({"z": Number("10"), "a": {"type": "object"}},),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_a_row_reads_back_as_it_was(row: Content) -> None:
    text = content_text(row)
    assert content_of(text) == row
    assert content_text(content_of(text)) == text
    assert "\n" not in text


def test_keys_and_digits_of_tools_are_kept() -> None:
    found = content_of(content_text(ROWS[-1]))
    assert isinstance(found, Conversation)
    assert list(found.tools[0]) == ["z", "a"]
    assert '"a": 1.0' in content_text(ROWS[-1])


def test_what_is_no_row_of_a_study_is_refused() -> None:
    with pytest.raises(ValueError, match="no row of a study"):
        content_of('{"kind": "labelled"}')
    with pytest.raises(TypeError, match="rated"):
        content_text(Rated(prompt=(), completion=(), good=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_an_answer_is_taken_off_and_put_back(row: Content) -> None:
    asked = without_answer(row)
    assert asked.question == row.question
    if isinstance(row, Document):
        assert asked == row
        return
    assert asked.answer is None
    assert with_answer(asked, "yes").answer == "yes"
    assert with_answer(row, "yes").question == row.question


# -- the stage ------------------------------------------------------------------------------------


def prepare(folder: Path, seed: int = 3, **data: Any) -> tuple[dict[str, Any], ContentDataset]:
    own = {"columns": data.pop("columns_kept", [])}
    payload = {
        "data": {"train": "train.jsonl", "row_schema": "question_answer", **data},
        "folder": str(folder),
        "seed": seed,
        **own,
    }
    found = PrepareContents().run(Context(folder / "study", lambda event: None), payload)
    return found, load_contents(folder / "study" / "data", found["content_hash"])


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def asked(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"question": f"what is {n}?", "answer": f"number {n}", **more} for n in range(count)]


def listed(folder: Path) -> list[dict[str, Any]]:
    path = folder / "study" / "data" / "rejected.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_row_is_used_or_listed_with_its_reason(write: Write, tmp_path: Path) -> None:
    bad = [
        {"question": "no answer?", "answer": ""},
        {"question": " ", "answer": "nothing was asked"},
        {"question": "nothing at all?", "answer": None},
    ]
    write("train.jsonl", lines(*asked(60), *bad) + "{no json\n")
    found, dataset = prepare(tmp_path)
    assert found["rows_read"] == 64
    assert found["train"] + found["dev"] + found["test"] + sum(found["rejected"].values()) == 64
    assert [(row["row"], row["reason"]) for row in listed(tmp_path)] == [
        (61, "missing_answer"),
        (62, "empty_text"),
        (63, "missing_answer"),
        (64, "bad_json"),
    ]
    assert len(dataset.fit) + len(dataset.test) == 60
    assert found["median_answer_words"] == 2
    assert dataset.has_answers


def test_test_rows_hold_no_answer_anywhere_but_under_the_seal(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", lines(*asked(60)))
    _, dataset = prepare(tmp_path)
    assert dataset.test.answers == [""] * len(dataset.test)
    sealed = json.loads((tmp_path / "study" / "data" / "sealed_test.json").read_text())["targets"]
    assert sealed.keys() == set(dataset.test.ids)
    for id_, question in zip(dataset.test.ids, dataset.test.questions, strict=True):
        number = question.removeprefix("what is ").rstrip("?")
        assert sealed[id_] == f"number {number}"


def test_few_rows_are_judged_on_folds_and_more_on_dev(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", lines(*asked(60)))
    _, few = prepare(tmp_path)
    assert few.uses_folds
    assert len(few.holdouts) == 5
    assert sorted(np.concatenate([scored for _, _, scored in few.holdouts])) == list(range(48))
    write("train.jsonl", lines(*asked(400)))
    _, more = prepare(tmp_path)
    assert not more.uses_folds
    ((_, fit, scored),) = more.holdouts
    assert (len(fit), len(scored)) == (256, 64)
    assert not set(fit) & set(scored)


def test_the_same_question_is_never_on_both_sides(write: Write, tmp_path: Path) -> None:
    rows = [
        {"question": f"What IS {n // 4}?", "answer": f"answer {n}", "who": f"g{n // 8}"}
        for n in range(320)
    ]
    write("train.jsonl", lines(*rows))
    _, dataset = prepare(tmp_path, group="who")
    assert not set(dataset.test.questions) & set(dataset.fit.questions)
    assert not set(dataset.test.groups) & set(dataset.fit.groups)
    stored, anew = proofs_of_study(tmp_path / "study" / "data")
    assert stored == anew
    assert stored["in_common"]["train and test"] == {"questions": 0, "groups": 0}


def test_a_training_row_of_the_test_file_is_taken_out(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", lines(*asked(60)))
    write("test.jsonl", lines({"question": "What is 7?!", "answer": "seven"}))
    found, dataset = prepare(tmp_path, test="test.jsonl")
    assert found["leaked"] == 1
    assert "what is 7?" not in dataset.fit.questions


def test_the_latest_rows_are_the_test(write: Write, tmp_path: Path) -> None:
    rows = [
        {"question": f"q {n}?", "answer": "a", "at": f"2024-01-{1 + n // 10:02d}"}
        for n in range(200)
    ]
    write("train.jsonl", lines(*rows))
    _, dataset = prepare(tmp_path, split_by="time", time="at")
    numbers = [int(question[2:-1]) for question in dataset.test.questions]
    assert sorted(numbers) == list(range(160, 200))


def test_a_mixture_draws_from_train_alone(write: Write, tmp_path: Path) -> None:
    write("a.jsonl", lines(*asked(300)))
    write("b.jsonl", lines(*({"question": f"b {n}?", "answer": "b"} for n in range(100))))
    mix = {"sampling": "fixed", "weights": [1, 3], "rows": 200}
    found, dataset = prepare(tmp_path, train=["a.jsonl", "b.jsonl"], mix=mix)
    drawn = [dataset.fit.sources[row].file for row in dataset.train_rows]
    assert (drawn.count("a.jsonl"), drawn.count("b.jsonl")) == (50, 150)
    assert [count["drawn"] for count in found["mixture"]] == [50, 150]
    assert len(set(dataset.fit.ids)) == len(dataset.fit), "a row drawn twice has an id of its own"


def test_running_text_has_no_answers_and_sentences_in_two_languages_have(
    write: Write, tmp_path: Path
) -> None:
    write("train.jsonl", lines(*({"text": f"a tale of {n} kings"} for n in range(40))))
    _, tales = prepare(tmp_path, row_schema="text")
    assert not tales.has_answers
    assert all(text.startswith("a tale") for text in tales.test.questions)
    write("train.jsonl", lines(*({"en": f"{n} kings", "de": f"{n} Könige"} for n in range(40))))
    _, pairs = prepare(tmp_path, row_schema="parallel", columns={"source": "en", "target": "de"})
    assert pairs.fit.answers[0].endswith("Könige")


def test_columns_that_a_metric_needs_are_kept(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", lines(*asked(20, table={"header": ["a"], "rows": [[1]]})))
    found, dataset = prepare(tmp_path, columns_kept=["table"])
    assert {row["table"] for row in dataset.test.columns} == {'{"header": ["a"], "rows": [[1]]}'}
    plain, _ = prepare(tmp_path)
    assert plain["content_hash"] == found["content_hash"], "what is only shown retrains nothing"


def test_rows_of_which_none_can_be_used(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", lines(*({"question": "q", "answer": ""} for _ in range(3))))
    with pytest.raises(DataError, match="none of the 3 rows can be used") as caught:
        prepare(tmp_path)
    assert (caught.value.file, caught.value.row) == ("train.jsonl", 1)


def test_a_single_question_cannot_be_divided(write: Write, tmp_path: Path) -> None:
    write("train.jsonl", lines(*({"question": "q", "answer": f"{n}"} for n in range(9))))
    with pytest.raises(DataError, match="too few different rows"):
        prepare(tmp_path)
