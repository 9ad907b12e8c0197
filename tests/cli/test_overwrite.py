"""What a command writes never takes the place of what it reads, or of a whole older answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said
from tests.cli.test_disk import files_no_larger_than, read_only
from tests.conftest import make_rows, write_csv
from tunewright import Project


class TestPredict:
    @pytest.fixture
    def new(self, tmp_path: Path) -> Path:
        return write_csv(tmp_path / "new.csv", make_rows(300, seed=8))

    def test_not_over_the_file_that_is_answered(
        self, tunewright: Tunewright, finished_project: Path, new: Path
    ) -> None:
        link, hard = new.with_name("link.csv"), new.with_name("hard.csv")
        link.symlink_to(new)
        os.link(new, hard)
        before = new.read_bytes()
        for output in (new, link, hard):
            ended = tunewright("predict", new, "--project", finished_project, "--output", output)
            assert (ended.code, ended.out) == (2, "")
            assert "field '--output': this is the file that is to be answered" in said(ended)[0]
        assert new.read_bytes() == before
        assert sorted(p.name for p in new.parent.glob("*.csv")) == [
            "hard.csv",
            "link.csv",
            "new.csv",
        ]

    @pytest.mark.parametrize("name", ["tunewright.yaml", "train.csv", "test.csv"])
    def test_not_over_the_project(
        self, tunewright: Tunewright, finished_project: Path, new: Path, name: str
    ) -> None:
        kept = finished_project.parent / name
        before = kept.read_bytes()
        ended = tunewright("predict", new, "--project", finished_project, "--output", kept)
        assert ended.code == 2
        assert kept.read_bytes() == before

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
    @pytest.mark.parametrize(
        "line", ["predict --output new.csv < new.csv", "predict new.csv >> new.csv"]
    )
    def test_not_over_what_the_shell_reads(
        self, finished_project: Path, new: Path, line: str
    ) -> None:
        before = new.read_bytes()
        command = f"'{sys.executable}' -m tunewright {line} --project '{finished_project}'"
        if ">>" in line:
            command = command.replace(" >> new.csv", "") + " >> new.csv"
        found = subprocess.run(["bash", "-c", command], cwd=new.parent, capture_output=True)
        assert found.returncode == 2
        assert new.read_bytes() == before

    def test_an_older_answer_stays_until_the_new_one_is_whole(
        self,
        tunewright: Tunewright,
        finished_project: Path,
        new: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        output = new.with_name("answers.jsonl")
        output.write_text("an older answer\n")
        output.chmod(0o640)
        arguments = ("predict", new, "--project", finished_project, "--output", output)
        names = {path.name for path in new.parent.iterdir()}
        with files_no_larger_than(40_000):
            ended = tunewright(*arguments)
        assert ended.code == 5
        assert "answers.jsonl: the disk is full" in said(ended)[0]
        assert output.read_text() == "an older answer\n"
        assert {path.name for path in new.parent.iterdir()} == names
        assert tunewright(*arguments).code == 0
        assert len(output.read_text().splitlines()) == 300
        assert output.stat().st_mode & 0o777 == 0o640

    def test_a_link_stays_one(
        self, tunewright: Tunewright, finished_project: Path, new: Path
    ) -> None:
        link, target = new.with_name("link.jsonl"), new.with_name("target.jsonl")
        target.write_text("")
        link.symlink_to(target)
        ended = tunewright("predict", new, "--project", finished_project, "--output", link)
        assert ended.code == 0
        assert link.is_symlink()
        assert len(target.read_text().splitlines()) == 300

    @pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
    def test_standard_output_by_its_name(self, finished_project: Path, new: Path) -> None:
        command = [sys.executable, "-m", "tunewright", "predict", new, "--output", "/dev/stdout"]
        found = subprocess.run(
            [*command, "--project", finished_project], capture_output=True, check=True, text=True
        )
        assert len([json.loads(line) for line in found.stdout.splitlines()]) == 300

    def test_a_folder_that_may_not_be_written(
        self, tunewright: Tunewright, finished_project: Path, new: Path
    ) -> None:
        closed = new.parent / "closed"
        closed.mkdir()
        with read_only(closed):
            ended = tunewright(
                "predict", new, "--project", finished_project, "--output", closed / "x"
            )
        assert ended.code == 5
        assert "or name another file with --output" in ended.err
        assert "study" not in ended.err


class TestInit:
    @pytest.fixture
    def train(self, tmp_path: Path) -> Path:
        return write_csv(tmp_path / "train.csv", make_rows(60))

    @pytest.mark.parametrize("force", [[], ["--force"]])
    def test_not_over_a_data_file(
        self, tunewright: Tunewright, train: Path, force: list[str]
    ) -> None:
        other = write_csv(train.with_name("other.csv"), make_rows(60))
        link = train.with_name("link.yaml")
        link.symlink_to(train)
        before = train.read_bytes()
        for out, test in ((train, []), (link, []), (other, ["--test", other]), (other, [])):
            ended = tunewright("init", train, *test, "--out", out, *force)
            assert ended.code == 2
            assert "field '--out'" in said(ended)[0]
            assert "name another place with --out" in said(ended)[-1]
        assert train.read_bytes() == before
        assert other.read_bytes().startswith(b"text,label")

    @pytest.mark.parametrize(
        "content",
        [
            "text: label\n",
            '{"text": "a", "label": "b"}\n',
            '{"data": [{"text": "a", "label": "b"}]}',
            "# only a remark\n",
            "data: [\n",
        ],
    )
    def test_not_over_what_is_no_project(
        self, tunewright: Tunewright, train: Path, content: str
    ) -> None:
        out = train.with_name("tunewright.yaml")
        out.write_text(content)
        ended = tunewright("init", train, "--out", out, "--force")
        assert ended.code == 2
        assert "it is not a project file" in said(ended)[0]
        assert out.read_text() == content

    def test_an_empty_file_and_an_unfinished_project_may_go(
        self, tunewright: Tunewright, train: Path
    ) -> None:
        out = train.with_name("tunewright.yaml")
        for content in ("", "data: {trian: x}\n", "base_model: x\n"):
            out.write_text(content)
            assert tunewright("init", train, "--out", out, "--force").code == 0
            assert Project.load(out).config.data.label == "label"

    def test_where_no_file_can_be(self, tunewright: Tunewright, train: Path) -> None:
        ended = tunewright("init", train, "--out", train / "tunewright.yaml")
        assert ended.code == 2
        assert "is a file, not a folder" in ended.err

    def test_a_folder_that_may_not_be_written(self, tunewright: Tunewright, train: Path) -> None:
        closed = train.parent / "closed"
        closed.mkdir()
        with read_only(closed):
            ended = tunewright("init", train, "--out", closed)
        assert ended.code == 5
        assert "or name another place with --out" in ended.err
        assert "study" not in ended.err
