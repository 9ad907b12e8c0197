"""Every number follows from the stored answers, or `verify` says which does not."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.helpers import change, run
from tunewright import Project
from tunewright.core.errors import ConfigError, GateError, TunewrightError
from tunewright.core.events import Event, Notice
from tunewright.study.ledger import Ledger
from tunewright.workflow.results import Difference
from tunewright.workflow.session import Listener

Edit = Callable[[dict[str, Any]], None]


def verify(path: Path) -> list[Difference]:
    return Project.load(path).verify(in_process=True)


def study(path: Path) -> Path:
    return path.parent / "study"


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(study(path) / "ledger.sqlite")) as db:
        assert db.execute(sql).rowcount > 0
        db.commit()


def edit(path: Path, name: str, change_it: Edit) -> None:
    file = study(path) / name
    values = json.loads(file.read_text())
    change_it(values)
    file.write_text(json.dumps(values))


def test_an_untouched_study_passes(finished_project: Path) -> None:
    assert verify(finished_project) == []


@pytest.mark.parametrize(
    ("sql", "field"),
    [
        (
            "UPDATE answers SET answer = 'card' WHERE candidate = 'tune' AND split = 'test' "
            "AND answer != 'card'",
            "evidence.candidates",
        ),
        (
            "UPDATE answers SET target_probability = 0.5 * target_probability "
            "WHERE candidate = 'probe' AND split = 'dev'",
            "negative_log_likelihood",
        ),
        (
            "UPDATE answers SET answer = 'bill' WHERE candidate = 'tune-seed-1'",
            "evidence.seeds",
        ),
    ],
    ids=["test answers", "dev probabilities", "answers of a seed"],
)
def test_changed_answers_are_found(finished_project: Path, sql: str, field: str) -> None:
    execute(finished_project, sql)
    found = verify(finished_project)
    assert any(field in difference.field for difference in found)
    assert all(difference.stored != difference.recomputed for difference in found)


def test_one_changed_answer_is_enough(finished_project: Path) -> None:
    execute(
        finished_project,
        "UPDATE answers SET answer = CASE answer WHEN 'card' THEN 'bill' ELSE 'card' END "
        "WHERE candidate = 'probe' AND split = 'test' AND example = "
        "(SELECT MIN(example) FROM answers WHERE candidate = 'probe' AND split = 'test')",
    )
    assert any("evidence.candidates" in d.field for d in verify(finished_project))


def _better(values: dict[str, Any]) -> None:
    values["candidates"][0]["test"]["score"] += 0.01


def _narrower(values: dict[str, Any]) -> None:
    values["comparisons"][0]["interval"]["low"] += 1e-9


def _shorter(values: dict[str, Any]) -> None:
    values["comparisons"].pop()


def _longer(values: dict[str, Any]) -> None:
    values["invented"] = 1


@pytest.mark.parametrize(
    ("change_it", "field"),
    [
        (_better, "test.score"),
        (_narrower, "evidence.comparisons[0].interval.low"),
        (_shorter, "evidence.comparisons"),
        (_longer, "evidence.invented"),
    ],
    ids=["score", "interval", "comparison left out", "number added"],
)
def test_a_changed_number_is_named(finished_project: Path, change_it: Edit, field: str) -> None:
    edit(finished_project, "evidence.json", change_it)
    (found,) = verify(finished_project)
    assert found.field.endswith(field)


def test_a_row_that_was_moved_to_another_part_is_named(finished_project: Path) -> None:
    """The stored leakage proof is made anew from the rows."""

    def moved(values: dict[str, Any]) -> None:
        values["dev"].pop()

    edit(finished_project, "data/splits.json", moved)
    found = {difference.field for difference in verify(finished_project)}
    assert "splits.proof.parts.dev.questions" in found
    assert all(field.startswith("splits.proof") for field in found)


def test_a_changed_verdict_is_named(finished_project: Path) -> None:
    edit(finished_project, "verdict.json", lambda values: values.update(decision="probe"))
    (found,) = verify(finished_project)
    assert (found.field, found.stored) == ("verdict.decision", "probe")


def edit_stage(path: Path, name: str, change_it: Edit) -> None:
    """Change what the ledger holds as the result of a stage."""
    with closing(sqlite3.connect(study(path) / "ledger.sqlite")) as db:
        ((text,),) = db.execute("SELECT result FROM stages WHERE name = ?", (name,)).fetchall()
        kept = json.loads(text)
        change_it(kept["result"])
        db.execute("UPDATE stages SET result = ? WHERE name = ?", (json.dumps(kept), name))
        db.commit()


def edit_trials(path: Path, change_it: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change what the ledger holds of every run of a recipe: what it was, and what came of it."""
    with closing(sqlite3.connect(study(path) / "ledger.sqlite")) as db:
        for id_, trial, result in db.execute("SELECT id, trial, result FROM trials").fetchall():
            described, found = json.loads(trial), json.loads(result)
            change_it(described, found)
            db.execute("UPDATE trials SET result = ? WHERE id = ?", (json.dumps(found), id_))
        db.commit()


def _set(*path: str | int, to: Any) -> Edit:
    def change_it(values: Any) -> None:
        for name in path[:-1]:
            values = values[name]
        assert values[path[-1]] != to
        values[path[-1]] = to

    return change_it


class TestChangedInTheLedgerAndInTheEvidenceAlike:
    """What the evidence takes over from a stage is made anew from what the runs answered."""

    @pytest.mark.parametrize(
        ("stage", "in_stage", "in_evidence", "to"),
        [
            ("search", ("entries", 0, "score"), ("search", 0, "score"), 0.99),
            ("search", ("entries", -1, "loss"), ("search", -1, "loss"), 0.01),
            ("search", ("entries", 0, "failed"), ("search", 0, "failed"), "it diverged"),
            ("curve", ("points", 1, "score"), ("curve", 1, "score"), 0.99),
            ("curve", ("answer",), ("curve_answer", "answer"), "surely"),
            ("curve", ("predictions", 0, "gain"), ("curve_answer", "predictions", 0, "gain"), 0.5),
            ("curve", ("fitted", 3, "score"), ("curve_answer", "fitted", 3, "score"), 0.99),
        ],
        ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
    )
    def test_a_number_is_found(
        self,
        finished_project: Path,
        stage: str,
        in_stage: tuple[str | int, ...],
        in_evidence: tuple[str | int, ...],
        to: Any,
    ) -> None:
        edit_stage(finished_project, stage, _set(*in_stage, to=to))
        edit(finished_project, "evidence.json", _set(*in_evidence, to=to))
        found = {d.field: d.stored for d in verify(finished_project)}
        last = in_evidence[-1]
        ends = f".{last}" if isinstance(last, str) else f"[{last}]"
        assert [value for field, value in found.items() if field.endswith(ends)] == [to]

    @pytest.mark.parametrize(
        ("path", "to", "stage"),
        [
            (("averaged",), "perhaps", "test"),
            (("seeds",), 5, "test"),
            (("temperature",), 3.0, "evidence"),
        ],
        ids=["averaged", "seeds", "temperature"],
    )
    def test_other_finalists_than_those_that_were_judged_are_refused(
        self, finished_project: Path, path: tuple[str | int, ...], to: Any, stage: str
    ) -> None:
        edit_stage(finished_project, "final", _set("tuning", *path, to=to))
        edit(finished_project, "evidence.json", _set("tuning", *path, to=to))
        with pytest.raises(ConfigError, match=f"stage '{stage}' has not been run"):
            verify(finished_project)

    @pytest.mark.parametrize(
        ("path", "to"),
        [(("temperature",), 3.0), (("label",), "lora, lr 1"), (("seed_dev_scores", 1), 0.99)],
        ids=["temperature", "label", "dev score of a seed"],
    )
    def test_and_found_where_the_keys_were_forged_too(
        self,
        finished_project: Path,
        monkeypatch: pytest.MonkeyPatch,
        path: tuple[str | int, ...],
        to: Any,
    ) -> None:
        edit_stage(finished_project, "final", _set("tuning", *path, to=to))
        edit(finished_project, "evidence.json", _set("tuning", *path, to=to))
        with closing(sqlite3.connect(study(finished_project) / "ledger.sqlite")) as db:
            kept = dict(db.execute("SELECT name, result FROM stages").fetchall())
        monkeypatch.setattr(Ledger, "stage", lambda self, name, key: json.loads(kept[name]))
        (found,) = verify(finished_project)
        assert (found.field.startswith(f"evidence.tuning.{path[0]}"), found.stored) == (True, to)

    def test_a_better_run_than_the_chosen_one_is_found(self, finished_project: Path) -> None:
        def promote(values: dict[str, Any]) -> None:
            entries = values.get("entries") or values["search"]
            other = next(e for e in entries if e["recipe"] != entries[-1]["recipe"])
            other["rung"] = 9

        edit_stage(finished_project, "search", promote)
        edit(finished_project, "evidence.json", promote)
        assert [d.field for d in verify(finished_project)] == ["evidence.tuning.label"]

    def test_another_recipe_is_found(self, finished_project: Path) -> None:
        def change_it(result: dict[str, Any]) -> None:
            result["recipe"]["phase"]["hyperparameters"]["learning_rate"] = 0.5

        edit_stage(finished_project, "search", change_it)
        with pytest.raises(GateError, match=r"answers of a run of .* lr 0\.5"):
            verify(finished_project)


class TestAnswersOfTheRuns:
    @staticmethod
    def change_all(trial: dict[str, Any], result: dict[str, Any]) -> None:
        """Other answers of every run to the last epoch; what they scored is left."""
        if trial["epochs"] == 2:
            result["answers"] = [(answer + 1) % 4 for answer in result["answers"]]

    def test_they_are_held_against_the_dev_logits(self, finished_project: Path) -> None:
        edit_trials(finished_project, self.change_all)
        found = [d for d in verify(finished_project) if d.field.startswith("ledger.trials[")]
        assert found
        assert all(d.stored != d.recomputed for d in found)
        assert len(found) == len(set(map(repr, found))), "each is told once"

    def test_without_logits_the_scores_follow_from_them(self, finished_project: Path) -> None:
        for folder in (study(finished_project) / "trials").glob("*/dev"):
            shutil.rmtree(folder)
        assert verify(finished_project) == []
        edit_trials(finished_project, self.change_all)
        fields = {d.field for d in verify(finished_project)}
        assert any(field.startswith("evidence.search[") for field in fields)
        assert any(field.startswith("evidence.curve[") for field in fields)
        assert "evidence.tuning.seed_dev_scores[0]" in fields

    @pytest.mark.parametrize("at_all", [True, False], ids=["fewer", "none"])
    def test_missing_ones_fail_the_gate(self, finished_project: Path, at_all: bool) -> None:
        if at_all:
            edit_trials(finished_project, lambda trial, result: result["answers"].pop())
        else:
            execute(finished_project, "DELETE FROM trials")
        with pytest.raises(GateError, match="answers") as caught:
            verify(finished_project)
        assert caught.value.exit_code == 4


def test_what_is_taken_as_recorded_is_said(finished_project: Path) -> None:
    def said() -> str:
        heard: list[str] = []

        def hear(event: Event) -> None:
            if isinstance(event, Notice):
                heard.append(event.text)

        listener = Listener(on_event=hear)
        assert Project.load(finished_project).verify(listener, in_process=True) == []
        (text,) = heard
        return text

    text = said()
    assert text.startswith("taken as recorded, not computed again: seconds and memory")
    assert "the dev score of the seeds' average" in text
    assert "temperature" not in text
    for folder in (study(finished_project) / "trials").glob("*/dev"):
        shutil.rmtree(folder)
    assert "the temperature, whose dev logits are gone" in said()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM answers WHERE candidate = 'probe' AND split = 'test'",
        "DELETE FROM answers WHERE candidate = 'probe' AND split = 'test' AND answer = 'card'",
        "UPDATE answers SET example = 'x' || example WHERE candidate = 'probe' AND split = 'test'",
    ],
    ids=["all gone", "some gone", "of other items"],
)
def test_missing_answers_fail_the_gate(finished_project: Path, sql: str) -> None:
    execute(finished_project, sql)
    with pytest.raises(GateError, match="'probe'") as caught:
        verify(finished_project)
    assert caught.value.exit_code == 4


def test_changed_sealed_answers_fail_the_gate(finished_project: Path) -> None:
    change(study(finished_project) / "data" / "sealed_test.json", '": "card"', '": "bill"')
    with pytest.raises(GateError, match="sealed test answers were changed"):
        verify(finished_project)


@pytest.mark.parametrize("content", [None, "{", "[]", "7"])
@pytest.mark.parametrize("name", ["evidence.json", "verdict.json"])
def test_a_file_that_is_lost_or_broken_fails_the_gate(
    finished_project: Path, name: str, content: str | None
) -> None:
    file = study(finished_project) / name
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with pytest.raises(GateError) as caught:
        verify(finished_project)
    assert str(caught.value.file) == str(file.resolve())


def test_without_a_study_nothing_is_made(small_project: Path) -> None:
    with pytest.raises(ConfigError, match="no study yet"):
        verify(small_project)
    assert not study(small_project).exists()


def test_an_unfinished_study_is_refused(finished_project: Path) -> None:
    change(finished_project, "seeds: 2}}", "seeds: 1}}")
    with pytest.raises(TunewrightError, match="stage 'plan' has not been run") as caught:
        verify(finished_project)
    assert caught.value.exit_code == 2


def test_a_run_repairs_changed_files_but_not_changed_answers(finished_project: Path) -> None:
    edit(finished_project, "evidence.json", _better)
    run(finished_project)
    assert verify(finished_project) == []
    execute(finished_project, "UPDATE answers SET answer = 'card' WHERE candidate = 'tune'")
    run(finished_project)
    assert verify(finished_project) != []
