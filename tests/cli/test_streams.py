"""Standard streams as they are found: full, closed, in another encoding; and odd lines in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import said
from tests.conftest import make_rows, write_csv
from tunewright.cli.streams import json_line

ASCII = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


def shell(
    line: str, folder: Path, *, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """A line of a shell in which `tunewright` is the command."""
    script = f'tunewright() {{ "{sys.executable}" -m tunewright "$@"; }}\n{line}'
    found = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
    )
    assert b"Traceback" not in found.stderr
    assert b"bug of ours" not in found.stderr
    return found


@posix
class TestEncoding:
    @pytest.mark.parametrize("environment", ASCII, ids=["stream", "locale"])
    def test_signs_are_replaced_and_json_is_whole(
        self, finished_project: Path, environment: dict[str, str]
    ) -> None:
        folder = finished_project.parent
        whole = shell("tunewright report", folder)
        for command in ("report", "status", "check", "config show"):
            found = shell(f"tunewright {command}", folder, **environment)
            assert (found.returncode, found.stdout.isascii()) == (0, True)
            if command == "report":
                assert len(found.stdout.splitlines()) == len(whole.stdout.splitlines())
        text = "wo ist die Münze 😀 card\n"
        found = shell("tunewright predict", folder, stdin=text.encode(), **environment)
        assert found.stdout.isascii()
        assert json.loads(found.stdout)["text"] == text.strip()

    @pytest.mark.parametrize("environment", ASCII, ids=["stream", "locale"])
    def test_init(self, tmp_path: Path, environment: dict[str, str]) -> None:
        rows = [(text, f"{label} ü") for text, label in make_rows(60)]
        write_csv(tmp_path / "train.csv", rows)
        assert shell("tunewright init train.csv", tmp_path, **environment).returncode == 0
        found = shell("tunewright init train.csv --force --json", tmp_path, **environment)
        assert found.returncode == 0
        assert all(label.endswith(" ü") for label in json.loads(found.stdout)["labels"])
        assert "ü" in (tmp_path / "tunewright.yaml").read_text(encoding="utf-8")

    def test_a_reader_that_goes_away_is_no_error(self, finished_project: Path) -> None:
        for command in ("report", "status", "config show"):
            line = f"tunewright {command} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
            assert shell(line, finished_project.parent).returncode == 0

    def test_half_a_character_is_valid_json(self) -> None:
        line = json_line({"label": "re\ud800"}, encoding="utf-8")
        assert line.encode("utf-8")
        assert json.loads(line) == {"label": "re\ud800"}


@full
@posix
class TestFull:
    @pytest.mark.parametrize(
        "command",
        ["report --json", "report", "status", "predict train.csv", "config show", "--help"],
    )
    def test_it_is_told_and_ends_with_5(self, finished_project: Path, command: str) -> None:
        found = shell(f"tunewright {command} > /dev/full", finished_project.parent)
        assert found.returncode == 5
        assert b"tunewright: standard output: the disk is full\n" in found.stderr
        assert b"bytes free" not in found.stderr

    def test_where_even_that_cannot_be_told(self, tmp_path: Path) -> None:
        assert shell("tunewright status 2> /dev/full", tmp_path).returncode == 2


@posix
class TestClosed:
    @pytest.mark.parametrize(
        "line",
        ["report >&-", "report 2>&-", "report >&- 2>&- <&-", "predict <&-", "predict <&- >&-"],
    )
    def test_it_ends_well(self, finished_project: Path, line: str) -> None:
        study = finished_project.parent / "study"
        before = sorted(path.stat().st_mtime_ns for path in study.rglob("*.json"))
        assert shell(f"tunewright {line}", finished_project.parent).returncode == 0
        assert sorted(path.stat().st_mtime_ns for path in study.rglob("*.json")) == before

    def test_errors_keep_their_code(self, tmp_path: Path) -> None:
        assert shell("tunewright status >&- 2>&- <&-", tmp_path).returncode == 2


@posix
def test_a_folder_that_is_not_there_any_more(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    found = shell(f"rmdir '{gone}'; tunewright status --json", gone)
    assert found.returncode == 2
    assert json.loads(found.stdout)["what"] == "the folder that you are in is not there any more"
    found = shell(f"mkdir -p '{gone}'; cd '{gone}'; rmdir '{gone}'; tunewright --version", tmp_path)
    assert found.returncode == 0


class TestOddLines:
    def test_a_byte_order_mark_is_no_text(
        self, tunewright: Tunewright, finished_project: Path
    ) -> None:
        text = '\ufeff{"text": "my card"}\nmy \ufeffcard\n'
        ended = tunewright("predict", "--project", finished_project, stdin=text)
        found = [json.loads(line)["text"] for line in ended.out.splitlines()]
        assert found == ["my card", "my \ufeffcard"]

    def test_json_that_cannot_be_parsed_is_one_row(
        self, tunewright: Tunewright, finished_project: Path
    ) -> None:
        text = '{"text":' * 100_000 + '\n{"text": ' + "9" * 5000 + "}\nmy card\n"
        ended = tunewright("predict", "--project", finished_project, stdin=text)
        assert ended.code == 0
        found = [json.loads(line) for line in ended.out.splitlines()]
        assert "line 1: the lists or objects are nested too deeply" in found[0]["error"]
        assert "line 2: a number is too long" in found[1]["error"]
        assert found[2]["text"] == "my card"


class TestNames:
    @pytest.fixture
    def odd(self, tmp_path: Path) -> Path:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/tr\xffain.csv"))
        try:
            write_csv(path, make_rows(60))
        except (OSError, ValueError):
            pytest.skip("this system has no such file names")
        return path

    def test_a_file_name_that_is_no_text(
        self, tunewright: Tunewright, finished_project: Path, odd: Path
    ) -> None:
        ended = tunewright("init", odd, "--out", odd.parent / "p.yaml")
        assert ended.code == 2
        assert "\\udcffain.csv: the name is not UTF-8" in said(ended)[0]
        ended = tunewright("predict", odd, "--project", finished_project)
        assert (ended.code, len(ended.out.splitlines())) == (0, 60)
        missing = odd.with_name(f"no{odd.name}")
        ended = tunewright("predict", missing, "--project", finished_project)
        assert ended.code == 3
        shutil.copy(finished_project, odd.with_suffix(".yaml"))
        assert tunewright("config", "show", odd.with_suffix(".yaml")).code == 0

    def test_a_name_that_is_too_long(self, tunewright: Tunewright) -> None:
        for command in ("check", "status", "run"):
            ended = tunewright(command, "x" * 5000)
            assert ended.code == 2
            assert "File name too long" in ended.err
            assert len(ended.err) < 2000
