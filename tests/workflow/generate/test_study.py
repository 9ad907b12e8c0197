"""One study of written answers from the files to the verdict."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from tests.workflow.generate.helpers import make_study_model, write_project, write_rows
from tests.workflow.helpers import Watch, numbers
from tunewright import Project
from tunewright.core.errors import ConfigError, DataError, GateError, TunewrightError
from tunewright.data.contents import load_contents
from tunewright.workflow.generate import STAGES
from tunewright.workflow.results import RunResult
from tunewright.workflow.session import Session
from tunewright.workflow.status import read_status

NAMES = [stage.name for stage in STAGES]
SEALED = "sealed_test.json"
WRONG = "UPDATE answers SET answer = 'no' WHERE candidate = 'nearest_example'"


def run(path: Path, **options: Any) -> tuple[RunResult, Watch]:
    watch = Watch()
    return Project.load(path).run(in_process=True, listener=watch, **options), watch


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study_model(tmp_path_factory.mktemp("models") / "writer")


@pytest.fixture(scope="module")
def sealed_until_test(
    tmp_path_factory: pytest.TempPathFactory, writer: Path
) -> Iterator[tuple[Path, Watch]]:
    """A study up to the last choice, in which nobody could read the sealed answers."""
    path = write_project(tmp_path_factory.mktemp("study"), writer)
    original = Path.read_text

    def read_text(place: Path, *args: Any, **options: Any) -> str:
        assert place.name != SEALED, "the sealed answers were read"
        return original(place, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", read_text)
        _, watch = run(path, until="final")
    yield path, watch


@pytest.fixture(scope="module")
def finished(sealed_until_test: tuple[Path, Watch]) -> Path:
    run(sealed_until_test[0])
    return sealed_until_test[0]


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished.parent, tmp_path / "copy")
    return tmp_path / "copy" / "tunewright.yaml"


def evidence_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path.parent / "study" / "evidence.json").read_text())
    return found


def test_every_choice_is_made_before_the_test_set_is_opened(
    sealed_until_test: tuple[Path, Watch],
) -> None:
    path, watch = sealed_until_test
    assert watch.done == NAMES[: NAMES.index("final") + 1]
    with closing(sqlite3.connect(path.parent / "study" / "ledger.sqlite")) as db:
        opened, final = (
            db.execute("SELECT MIN(opened_at) FROM openings").fetchone()[0],
            db.execute("SELECT finished_at FROM stages WHERE name = 'final'").fetchone()[0],
        )
    assert opened is None or opened >= final
    rows = load_contents(path.parent / "study" / "data").test
    assert len(rows) == 20
    assert not any(rows.answers), "rows of the test part hold no answers"


def test_the_verdict_stands_on_every_candidate(finished: Path) -> None:
    evidence, verdict = evidence_of(finished), Project.load(finished).verdict()
    kinds = {c["id"]: c["kind"] for c in evidence["candidates"]}
    assert kinds == {
        "majority": "floor",
        "nearest_example": "nearest",
        "zero_shot": "zero_shot",
        "few_shot-1": "few_shot",
        "rag-1": "rag",
        "tune": "tune",
    }
    assert verdict.winner == "nearest_example", "random weights cannot beat a lookup in one epoch"
    assert (verdict.metric, verdict.test_items) == ("exact_match", 20)
    scores = {c["id"]: c["test"]["score"] for c in evidence["candidates"]}
    assert scores["nearest_example"] >= 0.8
    assert set(evidence["perplexity"]) == {"zero_shot", "tune"}
    assert evidence["perplexity"]["tune"] < evidence["perplexity"]["zero_shot"]
    assert len(evidence["seeds"]["scores"]) == 2
    lock = yaml.safe_load((finished.parent / "study" / "project.lock.yaml").read_text())
    assert lock["project"]["decision"]["metric"] == "exact_match", "the default, for short answers"
    assert (finished.parent / "study" / "report.html").stat().st_size > 10_000
    assert not list((finished.parent / "study").glob("candidates/.*")), "drafts are left behind"
    (cut,) = (line for line in verdict.warnings if "did not end within 4 tokens" in line)
    assert " of 20 by the base model as it is; " in cut, "one line for all candidates"


@pytest.mark.parametrize("strategy", ["lora", "full"])
def test_an_end_that_the_base_never_learned_is_told_before_training(
    writer: Path, tmp_path: Path, strategy: str
) -> None:
    model = shutil.copytree(writer, tmp_path / "model")
    tensors = load_file(model / "model.safetensors")
    tokenizer = json.loads((model / "tokenizer_config.json").read_text())
    vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    end = vocabulary[tokenizer["eos_token"]]
    for values in tensors.values():
        if values.shape[0] == len(vocabulary):  # embeddings and head
            others = torch.tensor([n for n in range(len(vocabulary)) if n != end][-6:])
            values[others] = values[end].clone()
    save_file(tensors, model / "model.safetensors", {"format": "pt"})
    path = write_project(tmp_path, model)
    path.write_text(path.read_text().replace("[full]", f"[{strategy}]"))
    result, _ = run(path, until="calibrate")
    told = [text for text in result.warnings if "has never learned" in text]
    assert len(told) == (1 if strategy == "lora" else 0)
    assert all("train with `full`" in text for text in told)


def test_a_second_run_does_nothing_and_status_says_so(finished: Path) -> None:
    _, watch = run(finished)
    assert (watch.done, watch.known) == ([], NAMES)
    assert read_status(Project.load(finished)).finished


def test_what_depends_on_a_changed_line_alone_is_done_again(copied: Path) -> None:
    text = copied.read_text().replace("max_new_tokens: 4", "max_new_tokens: 3")
    copied.write_text(text)
    _, watch = run(copied, until="search")
    assert watch.done == ["plan", "candidates"], "nothing is trained again"


def test_other_tokens_are_other_trials(finished: Path) -> None:
    """With the same arithmetic a trial of the same recipe would otherwise be taken for this one."""
    project = Project.load(finished)
    trials = (finished.parent / "study" / "trials").glob("*/recipe.json")
    recorded = {json.loads(path.read_text())["reading"] for path in trials}

    def reading(max_length: int = 64, renderer: str = "a", **rendering: str) -> str:
        config = project.config.model_copy(
            update={"rendering": project.config.rendering.model_copy(update=rendering)}
        )
        calibrated = {"max_length": max_length, "renderer": renderer}
        nowhere: Any = None
        return Session(
            config=config,
            folder=finished.parent,
            layout=nowhere,
            ledger=nowhere,
            results={"calibrate": calibrated},
        ).reading

    assert len(recorded) == 1 and None not in recorded
    different = [reading(), reading(63), reading(renderer="b"), reading(on_too_long="split")]
    assert len(set(different)) == 4


class TestVerify:
    def test_a_finished_study_passes(self, finished: Path) -> None:
        assert Project.load(finished).verify(in_process=True) == []

    @pytest.mark.parametrize(
        ("sql", "field"),
        [
            (f"{WRONG} AND split = 'dev'", "evidence.candidates[1].dev.score"),
            (f"{WRONG} AND split = 'test'", "evidence.candidates[1].test.score"),
            (
                "UPDATE trials SET result = json_set(result, '$.answers[0][0]', 99.0)",
                "evidence.search[0].loss",
            ),
        ],
    )
    def test_changed_answers_are_found(self, copied: Path, sql: str, field: str) -> None:
        with closing(sqlite3.connect(copied.parent / "study" / "ledger.sqlite")) as db, db:
            db.execute(sql)
        found = Project.load(copied).verify(in_process=True)
        assert field in {difference.field for difference in found}

    def test_a_removed_opening_is_found(self, copied: Path) -> None:
        with closing(sqlite3.connect(copied.parent / "study" / "ledger.sqlite")) as db, db:
            db.execute("DELETE FROM openings")
        with pytest.raises(GateError, match="opening of the test set was removed"):
            Project.load(copied).verify(in_process=True)


@pytest.mark.slow
def test_running_text_is_judged_by_how_probable_it_becomes(tmp_path: Path, writer: Path) -> None:
    path = write_project(tmp_path, writer)
    for name in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        texts = [{"text": f"{row['question']} {row['answer']}"} for row in rows]
        write_rows(tmp_path / f"{name}.jsonl", texts)
    text = path.read_text().replace("question_answer", "text")
    text = text.replace("num_train_epochs: 1", "num_train_epochs: 6")
    path.write_text(text + "decision: {metric: exact_match}\n")
    with pytest.raises(ConfigError, match="running text has none"):
        run(path)
    path.write_text(text)
    run(path)
    evidence, verdict = evidence_of(path), Project.load(path).verdict()
    assert [c["id"] for c in evidence["candidates"]] == ["zero_shot", "tune"]
    assert verdict.metric == "token_probability"
    assert verdict.decision == "tune", "words of a closed set are easily learned"
    assert evidence["perplexity"]["tune"] < evidence["perplexity"]["zero_shot"] / 2
    scores = {c["id"]: c["test"]["score"] for c in evidence["candidates"]}
    assert scores["tune"] == pytest.approx(1 / evidence["perplexity"]["tune"], rel=0.3)
    assert Project.load(path).verify(in_process=True) == []


def test_random_weights_are_not_prompted(tmp_path: Path, writer: Path) -> None:
    model = shutil.copytree(writer, tmp_path / "fresh")
    (model / "tunewright.json").write_text('{"random_weights": true}')
    path = write_project(tmp_path, model)
    told: list[str] = []
    watch = Watch()
    watch.on_event = lambda event: told.append(getattr(event, "text", ""))
    result = Project.load(path).run(in_process=True, listener=watch, until="candidates")
    ids = [entry["id"] for entry in result.stages["candidates"]["candidates"]]
    assert ids == ["majority", "nearest_example"]
    assert any("zero_shot, few_shot, rag left out" in text for text in told)


def test_rows_without_one_answer_are_refused(tmp_path: Path, writer: Path) -> None:
    path = write_project(tmp_path, writer)
    path.write_text(path.read_text().replace("question_answer", "preference"))
    with pytest.raises(ConfigError, match="do not have one answer each"):
        Project.load(path).run(in_process=True)


def test_what_cannot_be_scored_or_held_to_is_refused_before_anything_is_trained(
    tmp_path: Path, writer: Path
) -> None:
    path = write_project(tmp_path, writer, decision="{metric: numeric_match}")
    for name in ("train", "dev"):
        write_rows(tmp_path / f"{name}.jsonl", [{"question": "a", "answer": "1"}] * 9)
    with pytest.raises(DataError, match="holds no number") as refused:
        Project.load(path).run(until="data", in_process=True)
    assert (refused.value.file, refused.value.row) == ("test.jsonl", 1)
    path = write_project(tmp_path, writer, decision="{secondary_metrics: [json_field_f1]}")
    with pytest.raises(DataError, match="no JSON"):
        Project.load(path).run(until="data", in_process=True)
    generation = "{max_new_tokens: 4, constraint: {json_schema: gone.json}}"
    with pytest.raises(ConfigError, match="schema cannot be read"):
        Project.load(write_project(tmp_path, writer, generation=generation)).run(until="data")
    function = "{metric: function, metric_settings: {function: 'gone.py:score'}}"
    with pytest.raises(ConfigError, match="no such file with a metric"):
        Project.load(write_project(tmp_path, writer, decision=function)).run(until="data")


def test_rows_that_are_all_too_long_are_refused(tmp_path: Path, writer: Path) -> None:
    path = write_project(tmp_path, writer, max_length="4")
    with pytest.raises(DataError, match="no row is left to learn from") as refused:
        Project.load(path).run(in_process=True)
    assert refused.value.field == "max_length"
    assert "55 rows too long and left out" in str(refused.value)


def test_weights_in_four_bits_cannot_be_moved(tmp_path: Path, writer: Path) -> None:
    path = write_project(tmp_path, writer, quantization="4bit")  # its strategy is `full`
    with pytest.raises(ConfigError, match="in 4bit cannot be trained by full"):
        Project.load(path).run(in_process=True)


def test_a_model_that_only_reads_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    path = write_project(tmp_path, tiny_model)
    with pytest.raises(TunewrightError, match="reads texts and does not write any"):
        Project.load(path).run(in_process=True)


def test_the_stages_load_no_torch() -> None:
    code = (
        "import sys\n"
        "from tunewright.workflow.generate import STAGES\n"
        "loaded = {'torch', 'sklearn', 'transformers'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_end(finished: Path, tmp_path: Path) -> None:
    """Through a worker of its own, killed while it trains."""
    folder = tmp_path / "killed"
    folder.mkdir()
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "tunewright.yaml"):
        shutil.copy(finished.parent / name, folder)
    command = [sys.executable, "-m", "tunewright", "run", str(folder), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    trials = folder / "study" / "trials"
    for _ in range(6000):
        if list(trials.glob("*/recipe.json")) or process.poll() is not None:
            break
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert Project.load(folder).verify() == []
    same = "winner", "decision", "score", "test_items"
    ours, theirs = (numbers(f / "study" / "verdict.json") for f in (folder, finished.parent))
    assert {n: ours[n] for n in same} == {n: theirs[n] for n in same}
