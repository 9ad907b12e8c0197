"""Every example project is valid, and its data part does what its comments say."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_rows
from tunewright.data.prepare import PrepareData
from tunewright.data.prepare_contents import PrepareContents
from tunewright.workers.base import Context
from tunewright.workflow.check import check_desk
from tunewright.workflow.config import ProjectConfig, load_project_config
from tunewright.workflow.desk import Desk

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))
every_example = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def load(name: str) -> ProjectConfig:
    return load_project_config(EXAMPLES / f"{name}.yaml", [])


@every_example
def test_it_is_a_valid_project_in_our_own_spelling(file: Path) -> None:
    notices: list[str] = []
    load_project_config(file, notices)
    assert notices == []


@every_example
def test_it_begins_with_a_comment_and_is_listed(file: Path) -> None:
    assert file.read_text(encoding="utf-8").startswith("# ")
    assert f"({file.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def prepare(name: str, study: Path) -> dict[str, Any]:
    """Run the data stage of an example on the files beside `study`."""
    config = load(name)
    payload = {
        "data": config.data.model_dump(mode="json"),
        "folder": str(study.parent),
        "seed": config.seed,
    }
    kind = PrepareContents if config.task == "generate" else PrepareData
    return kind().run(Context(study, lambda event: None), payload)


def write_table(path: Path, header: list[str] | None, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerows([header, *rows] if header else rows)


def minimal(folder: Path) -> None:
    write_table(folder / "train.csv", ["text", "label"], make_rows(800, seed=1))


def headerless(folder: Path) -> None:
    rows = [(label, text) for text, label in make_rows(800, seed=2)]
    write_table(folder / "messages.tsv", None, rows)


def parallel_files(folder: Path) -> None:
    for part, count, seed in (("train", 700, 3), ("test", 200, 4)):
        rows = make_rows(count, seed=seed)
        (folder / f"{part}-texts.txt").write_text("".join(f"{t}\n" for t, _ in rows))
        (folder / f"{part}-labels.txt").write_text("".join(f"{label}\n" for _, label in rows))


def groups_and_slices(folder: Path) -> None:
    rng = random.Random(5)
    for year, count in (("2024", 400), ("2025", 6000), ("2026", 200)):
        lines = [
            json.dumps(
                {
                    "subject": f"ticket {year}-{number}",
                    "body": text,
                    "queue": label,
                    "customer": f"c{rng.randrange(count // 4)}-{year}",
                    "language": rng.choice(["de", "en"]),
                    "channel": rng.choice(["mail", "chat"]),
                }
            )
            for number, (text, label) in enumerate(make_rows(count, seed=int(year)))
        ]
        (folder / f"tickets-{year}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def few_rows(folder: Path) -> None:
    rows = [(text, "positive" if n % 2 else "negative") for n, (text, _) in _numbered(300)]
    write_table(folder / "reviews.csv", ["review", "sentiment"], rows)


def _numbered(count: int) -> list[tuple[int, tuple[str, str]]]:
    return [(n, (f"{text} {n}", label)) for n, (text, label) in enumerate(make_rows(count, seed=6))]


def mixture_by_time(folder: Path) -> None:
    for name, count, seed in (("tickets", 900, 7), ("forum", 100, 8)):
        rows = [
            (text, label, f"2026-{1 + n % 12:02}-{1 + n % 28:02}")
            for n, (text, label) in enumerate(make_rows(count, seed=seed))
        ]
        write_table(folder / f"{name}.csv", ["text", "label", "written"], rows)


def chat(folder: Path) -> None:
    for name, count in (("chats", 30), ("chats-held-out", 5)):
        rows = [
            {
                "dialogue": [
                    {"role": "user", "content": f"What about {text} ({name})?"},
                    {"role": "assistant", "content": f"That is a matter of {label}."},
                ]
            }
            for text, label in make_rows(count, seed=len(name))
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


def generate(folder: Path) -> None:
    rows = [{"question": f"{t} {n}?", "answer": a} for n, (t, a) in enumerate(make_rows(60))]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "questions.jsonl").write_text(text, encoding="utf-8")


def tags(folder: Path) -> None:
    lines = [f"Anna B-person\nsees O\nTown{n} B-place\n\n" for n in range(20)]
    (folder / "news.conll").write_text("".join(lines), encoding="utf-8")


CHECKED: dict[str, Callable[[Path], None]] = {"chat": chat, "tags": tags}
"""Examples of tasks that cannot be run yet: their data is checked."""

MAKERS: dict[str, Callable[[Path], None]] = {
    "minimal": minimal,
    "headerless": headerless,
    "parallel-files": parallel_files,
    "groups-and-slices": groups_and_slices,
    "few-rows": few_rows,
    "search": minimal,
    "hub-model": minimal,
    "mixture-by-time": mixture_by_time,
}

WRITTEN: dict[str, Callable[[Path], None]] = {"generate": generate, "chat": chat}
"""Examples whose answers are written."""


def test_every_example_has_data() -> None:
    assert set(MAKERS) | set(CHECKED) | set(WRITTEN) == {file.stem for file in FILES}


@pytest.mark.parametrize("name", CHECKED)
def test_its_data_is_checked(name: str, tmp_path: Path) -> None:
    CHECKED[name](tmp_path)
    project = tmp_path / "tunewright.yaml"
    project.write_text((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    found = check_desk(Desk.open([project]), processes=1).scan
    assert found.rows_used == found.rows_read > 0
    assert [finding.check for finding in found.findings if finding.severity == "error"] == []


def test_the_mixture_draws_more_of_the_small_set_and_tests_the_latest(tmp_path: Path) -> None:
    mixture_by_time(tmp_path)
    found = prepare("mixture-by-time", tmp_path / "study")
    small = next(part for part in found["mixture"] if part["name"] == "forum.csv")
    assert small["share"] > 0.15


@pytest.mark.parametrize("name", WRITTEN)
def test_its_rows_are_divided_and_their_answers_sealed(name: str, tmp_path: Path) -> None:
    WRITTEN[name](tmp_path)
    found = prepare(name, tmp_path / "study")
    assert found["rejected"] == {}
    assert found["train"] > 0
    assert found["test"] > 0
    assert (tmp_path / "study" / "data" / "sealed_test.json").is_file()


@pytest.mark.parametrize("name", MAKERS)
def test_its_data_part_runs(name: str, tmp_path: Path) -> None:
    MAKERS[name](tmp_path)
    found = prepare(name, tmp_path / "study")
    config = load(name)
    assert len(found["labels"]) >= 2
    assert found["train"] > 0
    assert found["test"] > 0
    assert bool(found["folds"]) == (name == "few-rows")
    assert found["has_groups"] == (config.data.group is not None)
    assert (tmp_path / "study" / "data" / "examples.parquet").is_file()


def test_a_sample_size_draws_that_many_rows(tmp_path: Path) -> None:
    groups_and_slices(tmp_path)
    found = prepare("groups-and-slices", tmp_path / "study")
    assert found["rows_read"] == 400 + 5000 + 200


def test_the_narrow_search_is_what_its_comments_say() -> None:
    training = load("search").training
    assert training.choices("per_device_train_batch_size") == [16]
    assert training.choices("learning_rate") == [2e-5, 5e-5, 1e-4]
    assert training.curve.fractions == []
    assert [spec.name for spec in load("search").candidates][-1] == "tune"


def test_only_the_hub_example_allows_the_network() -> None:
    allowed = [file.stem for file in FILES if load(file.stem).allow_network]
    assert allowed == ["hub-model"]
