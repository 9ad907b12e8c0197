"""The data stage on small files: what is in which part, and where every row went."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tunewright.data.dataset import load_dataset
from tunewright.data.prepare import PrepareData
from tunewright.workers.base import Context

Write = Callable[..., Path]


def prepare(folder: Path, **data: Any) -> dict[str, Any]:
    payload = {"data": {"text": "text", "label": "label", **data}, "folder": folder, "seed": 3}
    return PrepareData().run(Context(folder / "study", lambda event: None), payload)


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
