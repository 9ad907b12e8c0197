"""The commands around a study, with and without `--json`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Tunewright
from tests.workflow.helpers import change
from tunewright import Project


class TestCheckAndPlan:
    def test_check(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("check", finished_project)
        assert ended.code == 0
        assert ended.out.startswith(
            "900 rows read: 499 train, 201 dev, 200 test (sealed); 4 labels"
        )
        assert "training labels" in ended.out
        assert "audit.json" in ended.out
        assert ended.err.splitlines() == [
            f"{name}: unchanged" for name in ("data", "calibrate", "audit")
        ]

    def test_check_as_json(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("check", finished_project, "--json")
        assert (ended.code, ended.err) == (0, "")
        assert ended.json["data"]["train"] == 499
        assert {"check", "severity", "count", "message"} <= ended.json["findings"][0].keys()
        assert Path(ended.json["details"]).is_file()

    def test_rows_that_a_sample_left_in_the_file_are_said(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        change(small_project, "train: train.csv", "train: train.csv#300")
        ended = tunewright("check", small_project)
        assert ended.code == 0
        assert ended.out.startswith("500 rows read:")
        assert "400 of 700 rows were not drawn (train: train.csv#300)" in ended.out
        data = tunewright("check", small_project, "--json").json["data"]
        assert (data["rows_in_files"], data["rows_not_drawn"], data["rows_read"]) == (900, 400, 500)

    def test_plan(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("plan", finished_project)
        assert ended.code == 0
        for words in ("search", "curve", "final", "The test set has 200 items", "Memory: about"):
            assert words in ended.out

    def test_plan_as_json(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("plan", finished_project, "--json")
        assert (ended.code, ended.err) == (0, "")
        assert ended.json["seconds"] == pytest.approx(
            sum(s["seconds"] for s in ended.json["steps"])
        )
        assert 0 < ended.json["power"]["minimum_detectable_effect"] < 0.2
        assert ended.json["memory_bytes"] > 0

    def test_a_budget_shows_what_it_costs(
        self, tunewright: Tunewright, finished_project: Path
    ) -> None:
        assert tunewright("plan", finished_project, "--minutes", "0.5").code == 2, (
            "a minute at least"
        )
        ended = tunewright("plan", finished_project, "--minutes", "60", "--json")
        assert ended.json["notes"] == []


class TestRunAndAfter:
    def test_run(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("run", finished_project)
        assert ended.code == 0
        verdict = Project.load(finished_project).verdict()
        assert verdict.sentence in ended.out, "in one piece"
        assert "What would change it" in ended.out
        assert f"Report  {finished_project.parent / 'study' / 'report.html'}" in ended.out
        assert len(ended.err.splitlines()) == 12, "one line a stage"

    def test_run_as_json(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("run", finished_project.parent, "--json")
        assert (ended.code, ended.err) == (0, "")
        assert (
            ended.json["verdict"]["sentence"] == Project.load(finished_project).verdict().sentence
        )
        assert Path(ended.json["model"]).is_dir()
        assert ended.json["stages"][-1] == "report"

    def test_run_until(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("run", finished_project, "--until", "data")
        assert ended.code == 0
        assert "Stopped after 'data', as asked" in ended.out
        assert (
            tunewright("run", finished_project, "--until", "data", "--json").json["verdict"] is None
        )
        ended = tunewright("run", finished_project, "--until", "dta")
        assert ended.code == 2
        assert "did you mean 'data'?" in ended.err

    def test_status_of_nothing(self, tunewright: Tunewright, small_project: Path) -> None:
        ended = tunewright("status", small_project)
        assert ended.code == 0
        assert "Runs of recipes that have ended: none yet" in ended.out
        assert not (small_project.parent / "study").exists(), "looking makes nothing"

    def test_status(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("status", finished_project)
        assert ended.code == 0
        assert ended.out.count("✓") == 12
        assert "Finished. `tunewright report` shows the verdict." in ended.out
        finished_project.write_text(finished_project.read_text() + "decision: {margin: 0.03}\n")
        found = tunewright("status", finished_project, "--json").json
        states = {stage["name"]: stage["state"] for stage in found["stages"]}
        assert (states["audit"], states["plan"], states["report"]) == (
            "done",
            "outdated",
            "outdated",
        )
        assert (found["running"], found["incidents"]) == (None, 0)
        assert found["trials"]["done"] >= 8
        assert found["bytes"] > 100_000

    def test_status_when_a_file_is_gone(
        self, tunewright: Tunewright, finished_project: Path
    ) -> None:
        (finished_project.parent / "train.csv").unlink()
        ended = tunewright("status", finished_project)
        assert ended.code == 0
        assert "A run would fail: train.csv: the file does not exist" in ended.err

    def test_report(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("report", finished_project)
        assert ended.code == 0
        assert Project.load(finished_project).verdict().sentence in ended.out
        found = tunewright("report", finished_project, "--json")
        assert (found.code, found.err) == (0, "")
        assert Path(found.json["report"]).is_file()
        assert found.json["verdict"]["decision"]

    @pytest.mark.parametrize("command", ["report", "verify"])
    def test_what_needs_a_run_says_so(
        self, tunewright: Tunewright, small_project: Path, command: str
    ) -> None:
        ended = tunewright(command, small_project)
        assert ended.code == 2
        assert "tunewright run" in ended.err
        assert tunewright(command, small_project, "--json").json["exit_code"] == 2

    def test_verify(self, tunewright: Tunewright, finished_project: Path) -> None:
        ended = tunewright("verify", finished_project)
        assert (ended.code, ended.out) == (0, "Every statistic follows from the stored answers.\n")
        assert tunewright("verify", finished_project, "--json").json == {"differences": []}
        evidence = finished_project.parent / "study" / "evidence.json"
        values = json.loads(evidence.read_text())
        values["candidates"][0]["test"]["score"] = 0.99
        evidence.write_text(json.dumps(values))
        ended = tunewright("verify", finished_project)
        assert ended.code == 4
        assert "field 'evidence.candidates[0].test.score'" in ended.err
        assert "found:    0.99" in ended.err
        ended = tunewright("verify", finished_project, "--json")
        assert ended.code == 4
        assert ended.json["differences"][0]["stored"] == 0.99


def test_brackets_are_no_markup(
    tunewright: Tunewright, finished_project: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a [red]b[/red] [c"
    shutil.copytree(finished_project.parent, folder)
    for command in ("check", "status", "report", "run", "plan"):
        ended = tunewright(command, folder)
        assert ended.code == 0
        assert command == "plan" or str(folder) in ended.out
    train = folder / "t.csv"
    rows = [f"[link=x]my card {n}[/],[b]card\nthe [/] bill {n},[/]bill" for n in range(20)]
    train.write_text("\n".join(["text,[bold]", *rows]))
    ended = tunewright("init", train, "--out", folder, "--force", "--label", "[bold]")
    assert ended.code == 0
    assert "[b]card (20), [/]bill (20)" in ended.out
    ended = tunewright("check", folder)
    assert ended.code == 0
    assert "largest, '[/]bill'" in ended.out or "largest, '[b]card'" in ended.out


class TestAround:
    def test_doctor(self, tunewright: Tunewright) -> None:
        ended = tunewright("doctor")
        assert ended.code == 0
        for name in ("Python", "packages", "memory", "disk", "SQLite", "training"):
            assert f" {name}" in ended.out

    def test_doctor_as_json(self, tunewright: Tunewright, monkeypatch: pytest.MonkeyPatch) -> None:
        assert {check["state"] for check in tunewright("doctor", "--json").json} <= {
            "ok",
            "warning",
        }
        monkeypatch.setattr("tunewright.workflow.doctor._NEEDED", ("torch", "no-such-package"))
        ended = tunewright("doctor", "--json")
        assert ended.code == 4
        failed = [check for check in ended.json if check["state"] == "failed"]
        assert [check["fix"] for check in failed] == ["pip install no-such-package"]
        assert "failed: packages" in ended.err

    def test_config_schema(self, tunewright: Tunewright) -> None:
        ended = tunewright("config", "schema")
        assert (ended.code, ended.err) == (0, "")
        schema = ended.json
        assert schema["title"] == "tunewright.yaml"
        assert "margin" in schema["$defs"]["DecisionConfig"]["properties"]
        assert schema["$defs"]["DataConfig"]["properties"]["train"]["description"]
        assert {"full", "top_layers", "lora"} <= schema["settings"]["strategies"].keys()
        assert tunewright("config", "schema", "--json").json == schema

    def test_config_show(self, tunewright: Tunewright, small_project: Path) -> None:
        ended = tunewright("config", "show", small_project)
        assert ended.code == 0
        shown = yaml.safe_load(ended.out)
        assert shown == tunewright("config", "show", small_project, "--json").json
        assert shown["data"]["max_rows"] == 200_000
        (small_project.parent / "again.yaml").write_text(ended.out)
        again = Project.load(small_project.parent / "again.yaml").config
        assert again.resolved() == shown, "what is shown is a project file"
        assert again.training.choices("learning_rate") == [0.001, 0.003]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["chekc"], "Did you mean 'check'"),
            (["run", "--untl", "data"], "--until"),
            (["run", "--minutes", "soon"], "valid number"),
            (["plan", "--minutes", "0"], "minutes"),
            (["predict", "--top", "0"], "top"),
        ],
    )
    def test_a_wrong_command_line(self, arguments: list[str], words: str) -> None:
        found = subprocess.run(
            [sys.executable, "-m", "tunewright", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        assert found.returncode == 2
        assert found.stdout == ""
        assert words in found.stderr
        assert "  fix:      see `tunewright" in found.stderr

    @pytest.mark.parametrize(
        ("arguments", "field"),
        [
            (["run", "--minutes", "0", "--json"], "--minutes"),
            (["run", "--json", "--minutes", "soon"], "--minutes"),
            (["run", "a", "b", "--json"], None),
            (["status", "--jsom", "--json"], None),
            (["chekc", "--json"], None),
        ],
    )
    def test_a_wrong_command_line_in_json(
        self, tunewright: Tunewright, arguments: list[str], field: str | None
    ) -> None:
        ended = tunewright(*arguments)
        assert ended.code == 2
        assert (ended.json["exit_code"], ended.json["field"]) == (2, field)
        assert ended.json["fix"].startswith("see `tunewright")
        assert ended.err.startswith("tunewright: ")

    def test_json_as_a_name_is_none_asked_for(self, tunewright: Tunewright) -> None:
        ended = tunewright("run", "--until", "data", "--", "a", "--json")
        assert (ended.code, ended.out) == (2, "")
