"""Divided files: each row in one part, nothing in two, and tampering found."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curate.helpers import LABELLED, MESSAGES, chat, read_lines, write_lines
from tunewright.core.errors import ConfigError, DataError
from tunewright.curate.split import SplitJob, SplitResult, split_file
from tunewright.curate.verify import verify_split
from tunewright.data.config import DataConfig
from tunewright.data.normalise import normalise


def divided(source: Path, how: dict[str, Any] = LABELLED, **options: Any) -> SplitResult:
    """Divide a file into a folder beside it."""
    job = SplitJob(
        config=DataConfig(train=source.name, **how),
        folder=source.parent,
        out=source.parent / "parts",
        force=True,
        **options,
    )
    return split_file(job)


def parts(result: SplitResult) -> dict[str, list[dict[str, Any]]]:
    return {name: read_lines(path) for name, path in result.files.items()}


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abcdefghij"),
        st.sampled_from("xy"),
        st.sampled_from(["g", "h", "i", "j", None]),
    ),
    min_size=1,
    max_size=40,
)


@given(ROWS, st.sampled_from(["stratified", "random", "group"]), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_every_row_is_in_one_part_and_nothing_is_in_two(
    drawn: list[tuple[str, str, str | None]], by: str, seed: int
) -> None:
    with TemporaryDirectory() as folder:
        rows = [
            {"n": n, "text": text * 3 + "!?"[n % 2], "label": label, "who": who}
            for n, (text, label, who) in enumerate(drawn)
        ]
        source = write_lines(Path(folder) / "a.jsonl", rows)
        column = "who" if by == "group" else None
        try:
            result = divided(source, by=by, column=column, test=0.3, dev=0.2, seed=seed)
        except DataError as problem:
            assert "can be divided off" in problem.what
            assert not (Path(folder) / "parts" / "split.json").exists()
            return
        found = parts(result)
        assert Counter(row["n"] for part in found.values() for row in part) == Counter(
            range(len(rows))
        )
        for part in found.values():
            assert [row["n"] for row in part] == sorted(row["n"] for row in part)
        for key in ["text", *(["who"] if by == "group" else [])]:
            where: dict[str, set[str]] = {}
            for name, part in found.items():
                for row in part:
                    if row[key] is not None:
                        where.setdefault(normalise(row[key]), set()).add(name)
            assert all(len(names) == 1 for names in where.values())
        assert verify_split(result.out).problems == ()


def test_labels_keep_their_shares(tmp_path: Path) -> None:
    rows = [{"text": f"text {n}", "label": "rare" if n % 10 == 0 else "common"} for n in range(500)]
    found = parts(divided(write_lines(tmp_path / "a.jsonl", rows), test=0.2, dev=0.1))
    assert {name: len(part) for name, part in found.items()} == {
        "train": 350,
        "dev": 50,
        "test": 100,
    }
    for part in found.values():
        assert sum(row["label"] == "rare" for row in part) == len(part) // 10


def test_the_latest_conversations_are_the_test_set(tmp_path: Path) -> None:
    rows = [chat(f"u:Question {n}?", "a:Yes.", at=f"{1 + n:02}.03.2024", n=n) for n in range(30)]
    rows.append(chat("u:Question 2", "a:No.", at="31.03.2024", n=30))
    rows.append(chat("u:Timeless?", "a:No.", at=None, n=31))
    source = write_lines(tmp_path / "a.jsonl", rows[::-1])
    result = divided(source, MESSAGES, by="time", column="at", test=0.2, dev=0.2)
    found = {name: {row["n"] for row in part} for name, part in parts(result).items()}
    assert found["test"] == {2, 26, 27, 28, 29, 30}, "the early row asks what a late one asks"
    assert found["dev"] == {20, 21, 22, 23, 24, 25}
    assert 31 in found["train"]
    spans = {name: (part["first"], part["last"]) for name, part in result.proof["parts"].items()}
    assert spans["train"] == ("2024-03-01", "2024-03-20")
    assert spans["dev"] == ("2024-03-21", "2024-03-26")
    assert any("1 row without a time" in note for note in result.notes)


def test_queries_of_judged_pairs_are_not_divided(tmp_path: Path) -> None:
    rows = [
        {
            "query_id": f"q{n // 4}",
            "document_id": f"d{n}",
            "query": f"what is {n // 4}",
            "document": f"it is {n}",
            "relevance": n % 2,
        }
        for n in range(80)
    ]
    found = parts(divided(write_lines(tmp_path / "a.jsonl", rows), {"row_schema": "judgement"}))
    queries = [{row["query_id"] for row in part} for part in found.values()]
    assert queries[0].isdisjoint(queries[1])


@pytest.fixture
def split(tmp_path: Path) -> SplitResult:
    rows = [{"text": f"text {n}", "label": "xy"[n % 2], "who": f"w{n // 3}"} for n in range(90)]
    return divided(write_lines(tmp_path / "a.jsonl", rows), by="group", column="who")


def test_a_file_that_was_tampered_with_is_named(split: SplitResult) -> None:
    assert verify_split(split.out).problems == ()
    train, test = split.files["train"], split.files["test"]
    original = train.read_text()
    train.write_text(original + test.read_text().splitlines()[0] + "\n")
    found = {(problem.file, problem.what) for problem in verify_split(split.out).problems}
    rows = split.rows["train"]
    told = f"it was changed after the split: {rows + 1} rows, where there were {rows}"
    assert ("train.jsonl", told) in found
    assert ("train.jsonl, test.jsonl", "train and test have 1 questions in common") in found
    train.write_text(original.replace("text 1", "TEXT 1"))
    assert [problem.file for problem in verify_split(split.out).problems] == ["train.jsonl"]
    train.write_text(original)
    test.unlink()
    (problem,) = verify_split(split.out).problems
    assert (problem.file, problem.what) == ("test.jsonl", "it is missing")


def test_a_proof_that_was_tampered_with_is_named(split: SplitResult) -> None:
    path = split.out / "split.json"
    values = json.loads(path.read_text())
    values["proof"]["parts"]["test"]["questions_hash"] = "0" * 32
    path.write_text(json.dumps(values))
    found = {problem.file for problem in verify_split(split.out).problems}
    assert found == {"split.json", "test.jsonl"}
    path.write_text("[]")
    with pytest.raises(DataError, match="not the proof"):
        verify_split(split.out)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"by": "tme"}, "did you mean 'time'"),
        ({"by": "group"}, "not named"),
        ({"column": "who"}, "looks at neither"),
        ({"by": "group", "column": "wo"}, "did you mean 'who'"),
        ({"by": "time", "column": "who"}, "no value of the column"),
        ({"test": 0.7, "dev": 0.4}, "nothing to divide"),
        ({"test": 0.0}, "nothing to divide"),
        ({"test": 1.5}, "from 0 to below 1"),
    ],
)
def test_what_cannot_be_divided_so_is_told(
    tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    rows = [{"text": f"text {n}", "label": "x", "who": f"w{n}"} for n in range(20)]
    source = write_lines(tmp_path / "a.jsonl", rows)
    with pytest.raises((ConfigError, DataError), match=told):
        divided(source, **options)
    assert not (tmp_path / "parts").exists()


def test_parts_never_replace_what_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    rows = [{"text": f"text {n}", "label": "x"} for n in range(20)]
    write_lines(folder / "train.jsonl", rows)
    config = DataConfig(train="parts/train.jsonl", **LABELLED)
    with pytest.raises(ConfigError, match="never touched"):
        split_file(SplitJob(config=config, folder=tmp_path, out=folder, force=True))
