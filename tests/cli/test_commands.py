"""Every command, with and without `--json`."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from tests.cli.conftest import Tunewright
from tests.conftest import make_rows, write_csv
from tunewright import Project, __version__
from tunewright.workflow.stages import STAGE_NAMES

COMMANDS = (
    *("init", "check", "plan", "run", "status", "report", "verify", "predict", "doctor"),
    *("config schema", "config show"),
)
HEAVY = ("torch", "transformers", "numpy", "sklearn", "scipy", "pyarrow", "pydantic", "yaml")


class TestHelp:
    def test_it_names_every_command(self, tunewright: Tunewright) -> None:
        found = tunewright_help()
        for name in {command.split()[0] for command in COMMANDS}:
            assert f" {name} " in found
        assert tunewright("--version").out == f"tunewright {__version__}\n"

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_explains_itself(self, command: str) -> None:
        assert "Usage: tunewright" in tunewright_help(*command.split())

    def test_until_names_every_stage(self) -> None:
        words = " ".join(tunewright_help("run").replace("│", " ").split())
        assert (
            f"Stop after this stage: {', '.join(STAGE_NAMES[:-1])} or {STAGE_NAMES[-1]}." in words
        )

    def test_it_takes_less_than_four_tenths_of_a_second(self) -> None:
        """Of the processor, which other work on the machine does not disturb."""
        seconds = []
        for _ in range(3):
            before = _children_seconds()
            tunewright_help()
            seconds.append(_children_seconds() - before)
        assert min(seconds) < 0.4

    def test_it_imports_nothing_heavy(self) -> None:
        assert imported("--help") & set(HEAVY) == set()


def tunewright_help(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "tunewright", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    ).stdout


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def imported(*arguments: str) -> set[str]:
    """Names of the packages that a command imports."""
    code = (
        "import sys\n"
        "from tunewright.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\n'.join({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(found.stderr.split())


@pytest.mark.parametrize("command", ["run", "status", "report"])
def test_the_supervisor_imports_no_torch(finished_project: Path, command: str) -> None:
    found = imported(command, str(finished_project), "--json")
    assert "tunewright" in found
    assert not found & {"torch", "transformers"}


class TestInit:
    def test_it_writes_a_project_and_says_what_it_assumed(
        self, tunewright: Tunewright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write_csv(tmp_path / "train.csv", make_rows(80))
        write_csv(tmp_path / "test.csv", make_rows(40, seed=2))
        ended = tunewright("init", "train.csv")
        assert ended.code == 0
        assert "train.csv: CSV, utf-8, commas, a header; 80 rows" in ended.out
        assert "Test set, sealed until the end: test.csv" in ended.out
        assert "the label column is 'label', because of its name" in ended.out
        project = Project.load()
        assert (project.config.data.text, project.config.data.label) == ("text", "label")
        assert project.config.data.test == "test.csv"
        text = (tmp_path / "tunewright.yaml").read_text()
        assert "# " in text
        assert "margin: 0.01" in text

    def test_as_json(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "data.tsv"
        train.write_text(
            "label\tmessage\n" + "card\tmy card is lost\nbill\tthe bill is wrong\n" * 9
        )
        out = tmp_path / "sub" / "project.yaml"
        ended = tunewright("init", train, "--out", out, "--json")
        assert (ended.code, ended.err) == (0, "")
        found = ended.json
        assert (found["format"], found["delimiter"], found["label"]) == ("tsv", "\t", "label")
        assert found["text"] == ["message"]
        assert found["labels"] == {"card": 9, "bill": 9}
        assert found["rows_read"] == 18
        written = yaml.safe_load(out.read_text())
        assert (out.parent / written["data"]["train"]).resolve() == train.resolve()

    def test_it_overwrites_only_when_told(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = write_csv(tmp_path / "train.csv", make_rows(60))
        out = tmp_path / "tunewright.yaml"
        out.write_text("mine: true\n")
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 2
        assert "add --force to overwrite it" in ended.err
        assert out.read_text() == "mine: true\n"
        assert tunewright("init", train, "--out", out, "--force").code == 0
        assert "mine" not in out.read_text()

    def test_named_columns(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "t.csv"
        rows = [f"{text},{label},{n % 3}" for n, (text, label) in enumerate(make_rows(60))]
        train.write_text("\n".join(["a,b,c", *rows]))
        arguments = ("init", train, "--out", tmp_path, "--force", "--text", "a")
        assert tunewright(*arguments, "--label", "c").code == 0
        assert Project.load(tmp_path).config.data.label == "c"
        ended = tunewright(*arguments, "--label", "labl")
        assert ended.code == 2
        assert "there is no column called 'labl'" in ended.err

    def test_what_files_differ_in_is_not_written_down(
        self, tunewright: Tunewright, tmp_path: Path
    ) -> None:
        rows = [f"{n} où est ma carte;card\n{n} la facture fausse;bill\n" for n in range(60)]
        train, test = tmp_path / "train.csv", tmp_path / "test.csv"
        train.write_text("text;label\n" + "".join(rows[:40]), encoding="cp1252")
        test.write_text("text;label\n" + "".join(rows[40:]), encoding="utf-8")
        ended = tunewright("init", train, "--out", tmp_path)
        assert "the files differ in `encoding`, so each is read in its own way" in ended.out
        written = yaml.safe_load((tmp_path / "tunewright.yaml").read_text())["data"]
        assert "encoding" not in written
        assert (written["delimiter"], written["header"]) == (";", True)
        tunewright("run", tmp_path, "--until", "data")
        examples = pq.read_table(tmp_path / "study" / "data" / "examples.parquet")
        texts = examples.column("inputs").to_pylist()
        assert sum("où est" in text for text in texts) == 60

    def test_without_a_file_it_says_what_to_do(self, tunewright: Tunewright) -> None:
        ended = tunewright("init")
        assert ended.code == 2
        assert "--sample support_desk" in ended.err

    def test_the_sample(self, tunewright: Tunewright, tmp_path: Path) -> None:
        ended = tunewright("init", "--sample", "support_desk", "--out", tmp_path, "--json")
        assert ended.code == 0
        assert len(ended.json["labels"]) == 20
        assert Project.load(tmp_path).config.data.test == "test.csv"
        ended = tunewright("init", "--sample", "suport_desk", "--out", tmp_path, "--force")
        assert ended.code == 2
        assert "did you mean 'support_desk'?" in ended.err

    def test_a_table_without_labels(self, tunewright: Tunewright, tmp_path: Path) -> None:
        train = tmp_path / "t.csv"
        train.write_text("text\n" + "\n".join(f"message number {n}" for n in range(50)))
        ended = tunewright("init", train, "--out", tmp_path)
        assert ended.code == 3
        assert "--text COLUMN --label COLUMN" in ended.err
        assert not (tmp_path / "tunewright.yaml").exists()


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
        assert "Runs of recipes: none yet" in ended.out
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
        assert (ended.code, ended.out) == (0, "Every number follows from the stored answers.\n")
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
