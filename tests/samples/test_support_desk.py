"""The bundled sample: reproducible, and every planted fault is where `planted.json` says."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tunewright.core.errors import ConfigError
from tunewright.samples import copy_sample, sample_path
from tunewright.samples.support_desk.drawing import Drawer, pools
from tunewright.samples.support_desk.generate import COLUMNS, generate
from tunewright.samples.support_desk.grammar import (
    Intent,
    Slots,
    expand,
    load_intents,
    normalise,
    overlap,
    word_set,
)

WRITTEN = ("train.csv", "test.csv", "planted.json")
Rows = dict[str, list[dict[str, str]]]


def _read(name: str) -> list[dict[str, str]]:
    with sample_path(f"support_desk/{name}").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


@pytest.fixture(scope="module")
def rows() -> Rows:
    return {name: _read(name) for name in ("train.csv", "test.csv")}


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    return json.loads(sample_path("support_desk/planted.json").read_text(encoding="utf-8"))


def _at(rows: Rows, file: str, number: int) -> dict[str, str]:
    return rows[file][number - 1]


def _pair(rows: Rows, record: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Original and copy of a record that names two rows."""
    if "rows" in record:
        first, second = record["rows"]
        return _at(rows, record["file"], first), _at(rows, record["file"], second)
    train = _at(rows, "train.csv", record["train_row"])
    return train, _at(rows, "test.csv", record["test_row"])


def test_committed_files_equal_a_fresh_generation(tmp_path: Path) -> None:
    started = time.perf_counter()
    generate(tmp_path)
    assert time.perf_counter() - started < 5
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == sample_path(f"support_desk/{name}").read_bytes()


def test_generation_does_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tunewright.samples.support_desk.generate import generate; "
        "generate(pathlib.Path(sys.argv[1]))"
    )
    source = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": source}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == sample_path(f"support_desk/{name}").read_bytes()


def test_files_are_small() -> None:
    folder = sample_path("support_desk/train.csv").parent
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    assert sum(sizes) < 600_000


def test_counts(rows: Rows, planted: dict[str, Any]) -> None:
    assert 1400 <= len(rows["train.csv"]) <= 1600
    assert 450 <= len(rows["test.csv"]) <= 600
    for record in planted["files"]:
        found = rows[record["file"]]
        assert tuple(found[0]) == COLUMNS
        assert record["rows"] == len(found)
        assert record["intents"] == Counter(row["intent"] for row in found if row["intent"])
        assert record["channels"] == Counter(row["channel"] for row in found)


def test_every_intent_has_enough_rows(rows: Rows) -> None:
    intents = Counter(row["intent"] for row in rows["train.csv"] if row["intent"])
    assert len(intents) == 20
    assert min(intents.values()) >= 40
    assert set(intents) == {row["intent"] for row in rows["test.csv"] if row["intent"]}


def test_confusable_pairs_are_mutual(planted: dict[str, Any]) -> None:
    intents = load_intents()
    assert len(planted["confusable_pairs"]) >= 6
    for left, right in planted["confusable_pairs"]:
        assert intents[left].sibling == right
        assert intents[right].sibling == left


def test_label_noise(rows: Rows, planted: dict[str, Any]) -> None:
    intents = load_intents()
    share = Counter(record["file"] for record in planted["label_noise"])
    assert share["train.csv"] / len(rows["train.csv"]) == pytest.approx(0.025, abs=0.003)
    assert share["test.csv"] / len(rows["test.csv"]) == pytest.approx(0.01, abs=0.002)
    for record in planted["label_noise"]:
        assert _at(rows, record["file"], record["row"])["intent"] == record["given"]
        is_sibling = intents[record["true"]].sibling == record["given"]
        assert record["given"] != record["true"]
        assert is_sibling == (record["kind"] == "sibling")


def test_duplicates_and_conflicts(rows: Rows, planted: dict[str, Any]) -> None:
    assert len(planted["exact_duplicates"]) == 8
    for record in planted["exact_duplicates"]:
        first, second = _pair(rows, record)
        assert first["message"] == second["message"]
        assert first["intent"] == second["intent"] == record["intent"]
    assert len(planted["conflicting_labels"]) == 5
    for record in planted["conflicting_labels"]:
        first, second = _pair(rows, record)
        assert first["message"] == second["message"]
        assert (first["intent"], second["intent"]) == (record["true"], record["given"])


def test_test_rows_that_stand_in_train(rows: Rows, planted: dict[str, Any]) -> None:
    assert len(planted["test_in_train"]) == 12
    for record in planted["test_in_train"]:
        train, test = _pair(rows, record)
        assert normalise(train["message"]) == normalise(test["message"])
        assert train["intent"] == test["intent"]
        assert (train["message"] == test["message"]) == (record["changed"] == [])


@pytest.mark.parametrize("kind", ["near_duplicates_across", "near_duplicates_in_train"])
def test_near_duplicates(rows: Rows, planted: dict[str, Any], kind: str) -> None:
    assert len(planted[kind]) == 15
    for record in planted[kind]:
        original, copy = _pair(rows, record)
        alike = overlap(word_set(original["message"]), word_set(copy["message"]))
        assert planted["word_overlap_limit"] < alike < 1
        assert original["intent"] == copy["intent"]
        for old, new in record["changed"]:
            assert old in original["message"]
            assert new in copy["message"]


def test_nothing_else_is_duplicated(rows: Rows, planted: dict[str, Any]) -> None:
    """Every repeated text and every close pair within an intent is one that was planted."""
    known = set()
    pairs = ("exact_duplicates", "conflicting_labels", "test_in_train")
    for kind in (*pairs, "near_duplicates_across", "near_duplicates_in_train"):
        for record in planted[kind]:
            first, second = _pair(rows, record)
            known.add(frozenset((id(first), id(second))))
    everything = [row for found in rows.values() for row in found if row["message"]]
    words = {id(row): word_set(row["message"]) for row in everything}
    found = {
        frozenset((id(left), id(right)))
        for left, right in combinations(everything, 2)
        if (left["intent"] == right["intent"] and _may_overlap(words[id(left)], words[id(right)]))
        or words[id(left)] == words[id(right)]
        if overlap(words[id(left)], words[id(right)]) >= planted["word_overlap_limit"]
    }
    assert found == known


def _may_overlap(left: frozenset[str], right: frozenset[str]) -> bool:
    """A cheap bound: sets of very different size cannot share most of their words."""
    return min(len(left), len(right)) >= 0.7 * max(len(left), len(right))


def test_empty_fields(rows: Rows, planted: dict[str, Any]) -> None:
    assert len(planted["empty_message"]) == 3
    assert len(planted["empty_intent"]) == 2
    for field in ("message", "intent"):
        expected = {(record["file"], record["row"]) for record in planted[f"empty_{field}"]}
        found = {
            (file, number)
            for file, content in rows.items()
            for number, row in enumerate(content, start=1)
            if not row[field].strip()
        }
        assert found == expected
    for record in planted["empty_intent"]:
        assert record["true"] in load_intents()


def test_long_messages(rows: Rows, planted: dict[str, Any]) -> None:
    assert len(planted["long_messages"]) == 2
    for record in planted["long_messages"]:
        words = len(_at(rows, record["file"], record["row"])["message"].split())
        assert words == record["words"]
        assert words > 300


def test_messages_are_varied(rows: Rows) -> None:
    messages = [row["message"] for found in rows.values() for row in found]
    assert sum("\n" in message for message in messages) >= 20
    assert sum('"' in message for message in messages) >= 20
    assert sum(not message.isascii() for message in messages) >= 50
    assert not any(set("<>|") & set(message) for message in messages), "an unfilled slot or choice"
    customers = Counter(row["customer"] for found in rows.values() for row in found)
    assert max(customers.values()) > 1
    assert {row["channel"] for row in rows["train.csv"]} == {
        "email",
        "chat",
        "social",
        "phone_note",
    }


@pytest.mark.parametrize("intent", load_intents().values(), ids=lambda intent: intent.name)
def test_phrasings(intent: Intent) -> None:
    """The contract of a phrase file: enough different phrasings, none of them empty."""
    phrasings = intent.say + intent.notes
    assert len(set(phrasings)) == len(phrasings) >= 35
    assert all(phrasing.count("(") == phrasing.count(")") for phrasing in phrasings)
    lists = Drawer(load_intents()).lists
    for phrasing in phrasings:
        rng = Random(1)
        fixed = {"email": "a@example.com", "name": "A", "full": "A B"}
        assert normalise(expand(phrasing, Slots(lists=lists, rng=rng, drawn=fixed)))
    parts = pools(intent)
    assert not set(parts.held_out) & (set(parts.train) | set(parts.shared))
    assert len(parts.held_out) >= 8


def test_sample_path_names_the_nearest_file() -> None:
    assert sample_path("support_desk/train.csv").name == "train.csv"
    with pytest.raises(ConfigError, match=r"did you mean 'support_desk/train\.csv'"):
        sample_path("support_desk/trian.csv")
    with pytest.raises(ConfigError, match="there is no sample file"):
        sample_path("../core/errors.py")


def test_copy_sample(tmp_path: Path) -> None:
    copied = copy_sample("support_desk", tmp_path / "demo")
    assert {path.name for path in copied} == {*WRITTEN, "README.md"}
    assert copy_sample("support_desk", tmp_path / "demo") == copied
    with pytest.raises(ConfigError, match="did you mean 'support_desk'"):
        copy_sample("suport_desk", tmp_path)


def test_copy_sample_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="would overwrite"):
        copy_sample("support_desk", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.csv"]
