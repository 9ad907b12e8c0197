"""`tunewright synthesise` as a person runs it, against a small server on loopback."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import imported, said, tunewright_help
from tests.conftest import INTENTS, make_rows, write_csv
from tests.curate.generators.writers import make_writer
from tests.curate.synthesis.endpoint import Endpoint, Told, serving
from tests.tiny_models import WORDS
from tunewright.core.errors import StoppedError
from tunewright.data.dataset import load_dataset
from tunewright.data.normalise import normalise
from tunewright.workers.in_process import InProcessWorker

SECRET = "sk-secret-of-a-test"


def by_label(prompt: str, seed: int) -> str:
    """Texts with two words of the label that is asked for; some of another one."""
    draw = random.Random(f"{prompt}{seed}")
    label = re.findall("“(.+?)”", prompt)[0]
    first = int(re.findall(r"(\d+)\.\Z", prompt)[0])
    lines = []
    for n in range(4):
        shown = draw.choice(list(INTENTS)) if draw.random() < 0.2 else label
        words = draw.choices(INTENTS[shown], k=3) + draw.choices(WORDS, k=4)
        draw.shuffle(words)
        lines.append(f"{first + n}. {' '.join(words)}")
    return "\n".join(lines)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr("tunewright.workflow.synthesise.ProcessWorker", InProcessWorker)
    with serving(by_label) as found:
        yield found


@pytest.fixture
def here(small_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(small_project.parent)
    return small_project.parent


def asked(endpoint: Endpoint, *more: str) -> list[str]:
    source = ["--from", endpoint.url, "--model", "rules"]
    return ["synthesise", "--method", "class_conditional", *source, *more]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_for_a_project(tunewright: Tunewright, endpoint: Endpoint, here: Path) -> None:
    ended = tunewright(*asked(endpoint, "--count", "20", "--json"))
    assert ended.code == 0, ended.err
    told = ended.json
    kept, rejected = rows(here / "synthetic.jsonl"), rows(here / "synthetic.rejected.jsonl")
    assert told["kept"] == len(kept) == 20
    assert told["generated"] == len(kept) + len(rejected)
    assert sum(told["rejected"].values()) == len(rejected)
    assert told["rejected"]["label_agreement"] > 0
    assert told["cost"]["requests"] == len(endpoint.requests)
    assert told["cost"]["tokens"] > 0
    study = load_dataset(here / "study" / "data")
    held = [part["text"] for part in study.test.inputs]
    held += [i["text"] for i, dev in zip(study.fit.inputs, study.fit.is_dev, strict=True) if dev]
    assert not {normalise(row["text"]) for row in kept} & set(map(normalise, held))
    for row in kept:
        assert row["_synthetic"] is True
        assert row["_generator"] == f"rules at {endpoint.url}"
        assert all(place.startswith("train.csv, row ") for place in row["_origin"])
    origins = {place for row in kept for place in row["_origin"]}
    dev = {
        str(source)
        for source, is_dev in zip(study.fit.sources, study.fit.is_dev, strict=True)
        if is_dev
    }
    assert not origins & dev, "what choices are made on is no seed"


def test_what_a_person_sees(tunewright: Tunewright, endpoint: Endpoint, here: Path) -> None:
    ended = tunewright(*asked(endpoint, "--count", "5"))
    assert ended.code == 0, ended.err
    for text in ("generated", "rejected: label_agreement", "kept", "tokens read", "requests",
                 "synthetic.rejected.jsonl", "train: [YOUR_FILE, synthetic.jsonl]"):  # fmt: skip
        assert text in ended.out
    assert "dev rows and served as no seed" in ended.err


def test_the_new_rows_are_learned_from_and_nothing_else(
    tunewright: Tunewright, endpoint: Endpoint, here: Path
) -> None:
    assert tunewright(*asked(endpoint, "--count", "12")).code == 0
    project = here / "tunewright.yaml"
    project.write_text(
        project.read_text().replace("train: train.csv", "train: [train.csv, synthetic.jsonl]")
    )
    told = tunewright("check", project, "--json").json["data"]
    assert told["synthetic"]["rows"] == 12
    study = load_dataset(here / "study" / "data")
    scored = study.fit.sources, study.fit.is_dev
    new = [dev for source, dev in zip(*scored, strict=True) if source.file == "synthetic.jsonl"]
    assert len(new) == 12
    assert not any(new)
    again = tunewright(*asked(endpoint, "--count", "5", "--out", "more.jsonl"))
    assert "12 rows that a model has written before served as no seed" in again.err


def test_a_stopped_run_goes_on(tunewright: Tunewright, endpoint: Endpoint, here: Path) -> None:
    whole = tunewright(*asked(endpoint, "--count", "40", "--out", "whole.jsonl"))
    assert whole.code == 0
    before = len(endpoint.requests)
    assert before > 8
    stopped = tunewright(*asked(endpoint, "--count", "40", "--max-requests", "8"))
    assert stopped.code == 5
    assert "the budget of 8 requests is spent" in said(stopped)[0]
    assert len(endpoint.requests) == before + 8
    refused = tunewright(*asked(endpoint, "--count", "40"))
    assert refused.code == 2
    assert "there is a file of this name already" in said(refused)[0]
    ended = tunewright(*asked(endpoint, "--count", "40", "--force"))
    assert ended.code == 0
    assert len(endpoint.requests) == 2 * before
    assert rows(here / "synthetic.jsonl") == rows(here / "whole.jsonl")


def test_an_endpoint_that_goes_away(
    tunewright: Tunewright, endpoint: Endpoint, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunewright.curate.generators.endpoint.time.sleep", lambda seconds: None)
    endpoint.troubles = [Told(503, {"error": "overloaded"})] * 200
    ended = tunewright(*asked(endpoint, "--count", "5"))
    assert ended.code == StoppedError.exit_code
    assert "did not answer" in said(ended)[0]
    assert not (here / "synthetic.jsonl").exists()
    endpoint.troubles = []
    assert tunewright(*asked(endpoint, "--count", "5")).code == 0


def test_a_poor_yield_is_a_gate(tunewright: Tunewright, endpoint: Endpoint, here: Path) -> None:
    endpoint.rule = lambda prompt, seed: "7. " + "xyz " * 200
    ended = tunewright(*asked(endpoint, "--count", "5"))
    assert ended.code == 3, "not one row"
    assert "no generated row passed the filters" in said(ended)[0]
    assert "`schema` rejected them: the same as another row" in ended.err
    assert not (here / "synthetic.jsonl").exists()
    assert len(rows(here / "synthetic.rejected.jsonl")) == 80


def test_the_key_is_not_printed_or_stored(
    tunewright: Tunewright, endpoint: Endpoint, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", SECRET)
    ended = tunewright(*asked(endpoint, "--count", "3", "--key-env", "MY_KEY", "--json"))
    assert ended.code == 0
    assert set(endpoint.keys) == {f"Bearer {SECRET}"}
    assert SECRET not in ended.out + ended.err
    for path in here.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (["--method", "self_instuct"], "there is no synthesis method called 'self_instuct'"),
        (["--method", "self_instruct"], "has nothing to work with here"),
        (["--method", "questions"], "there is no document to ask about"),
        (["--from", "https://api.example.org/v1"], "no network use was allowed"),
        (["--from", "nowhere/at/all"], "no model folder"),
        (["--from", "http://user:word@localhost/v1"], "no address of an endpoint"),
        (["--key-env", "NOT_SET_AT_ALL"], "NOT_SET_AT_ALL is not set"),
        (["--balance", "evn"], "there is no such balance"),
        (["--out", "rows.csv"], "new rows are written as JSON lines"),
        (["--out", "no/folder/rows.jsonl"], "there is no such folder"),
        (["--out", "tunewright.jsonl", "--max-new-tokens", "3"], "--max-new-tokens"),
    ],
)
def test_what_a_person_can_get_wrong(
    tunewright: Tunewright, endpoint: Endpoint, here: Path, change: list[str], what: str
) -> None:
    arguments = asked(endpoint, "--count", "3")
    if change[0] == "--from" and "nowhere" in change[1]:
        arguments = [a for a in arguments if a not in ("--model", "rules")]
    ended = tunewright(*arguments, *change)
    assert ended.code == 2
    assert what in ended.err
    assert "word@" not in ended.err
    assert not endpoint.requests
    assert not (here / "synthetic.jsonl").exists()


def test_nobody_to_write(tunewright: Tunewright, here: Path) -> None:
    ended = tunewright("synthesise", "--method", "class_conditional")
    assert ended.code == 2
    assert "nothing says which model writes the rows" in said(ended)[0]


def test_a_file_without_a_project(
    tunewright: Tunewright, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "mine.csv", make_rows(200, seed=4))
    ended = tunewright(*asked(endpoint, "--count", "6"), "mine.csv")
    assert ended.code == 0, ended.err
    assert "no test set has been set apart yet" in ended.err
    seeds = {normalise(text) for text, _ in make_rows(200, seed=4)}
    assert not {normalise(row["text"]) for row in rows(tmp_path / "synthetic.jsonl")} & seeds
    write_csv(tmp_path / "test.csv", make_rows(50, seed=5))
    out = ["--test", "test.csv", "--out", "other.jsonl"]
    ended = tunewright(*asked(endpoint, "--count", "6", *out), "mine.csv")
    assert ended.code == 0, ended.err
    assert "no test set" not in ended.err


def test_questions_about_a_document(
    tunewright: Tunewright, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    facts = [
        f"The bridge of town {n} was built in {1700 + n} by its own masons." for n in range(40)
    ]
    (tmp_path / "towns.md").write_text("\n\n".join(facts))

    def of_passages(prompt: str, seed: int) -> str:
        found = dict(re.findall(r"town (\d+) was built in (\d+)", prompt))
        if "by the passage alone" in prompt:
            return found[re.findall(r"bridge of town (\d+)\?", prompt)[0]]
        names = list(found)[:4]
        return "\n".join(
            f"Question: Built when, the bridge of town {n}?\nAnswer: {found[n]}" for n in names
        )

    endpoint.rule = of_passages
    ended = tunewright(
        *("synthesise", "--method", "questions", "--documents", "towns.md", "--count", "1"),
        *("--from", endpoint.url, "--model", "rules"),
    )
    assert ended.code == 0, ended.err
    (row,) = rows(tmp_path / "synthetic.jsonl")
    town = re.findall(r"town (\d+)", row["question"])[0]
    assert row["answer"] == str(1700 + int(town))
    assert row["_origin"][0].startswith("towns.md")
    assert f"town {town} was" in row["_passage"]
    assert "laid out as question_answer" in ended.out


def test_a_model_folder(tunewright: Tunewright, endpoint: Endpoint, here: Path) -> None:
    """A random model writes nothing that could be kept, and all of that is counted."""
    folder = make_writer(here / "writer")
    ended = tunewright(
        *("synthesise", "--method", "class_conditional", "--from", str(folder), "--count", "2"),
        *("--max-requests", "8", "--json"),
    )
    assert ended.code == 5
    told = ended.json
    assert told["generator"].startswith("writer@")
    assert told["stopped"]["kind"] == "budget"
    assert told["generated"] == len(rows(here / "synthetic.rejected.jsonl")) > 0
    assert not endpoint.requests


def test_help_and_the_supervisor_import_nothing_heavy() -> None:
    shown = tunewright_help("synthesise")
    for option in ("--from", "--method", "--allow-network", "--key-env", "--max-requests"):
        assert option in shown
    assert not imported("synthesise", "--help") & {"torch", "sklearn", "transformers", "numpy"}


def test_the_supervisor_loads_no_torch(here: Path) -> None:
    import subprocess
    import sys

    with serving(by_label) as endpoint:
        code = (
            "import sys\n"
            "from tunewright.cli.main import main\n"
            "try:\n    main()\n"
            "except SystemExit as end:\n    assert not end.code, end.code\n"
            "assert not {'torch', 'sklearn', 'transformers'} & set(sys.modules)"
        )
        arguments = asked(endpoint, "--count", "3", "--json")
        found = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["kept"] == 3
