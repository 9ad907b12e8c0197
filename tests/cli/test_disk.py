"""Disks that are full, folders that are read-only, files that are damaged or locked."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import results, said


@contextmanager
def files_no_larger_than(count: int) -> Iterator[None]:
    """What a full disk does to large files, for any user: the system refuses to let them grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestDisk:
    @pytest.mark.parametrize("limit", [1_000, 12_000, 80_000])
    def test_a_full_disk_stops_the_run_and_it_can_be_resumed(
        self, tunewright: Tunewright, finished_project: Path, limit: int
    ) -> None:
        before = results(finished_project)
        with files_no_larger_than(limit):
            ended = tunewright("run", finished_project, "--fresh")
        assert ended.code == 5
        message = "\n".join(said(ended))
        assert re.search(r"the disk is full|the ledger cannot be written", message)
        assert "run the same command again" in message
        assert str(finished_project.parent / "study") in message
        ended = tunewright("run", finished_project)
        assert ended.code == 0
        assert results(finished_project)["model"] == before["model"]
        assert results(finished_project)["verdict.json"] is not None

    def test_a_disk_too_small_for_the_store(
        self, tunewright: Tunewright, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tunewright.study.store.free_bytes", lambda path: 1_000_000)
        ended = tunewright("run", small_project)
        assert ended.code == 5
        assert "the disk is too small for the stored activations" in said(ended)[0]
        assert "set `store: false`" in ended.err

    def test_output_of_predict(self, tunewright: Tunewright, finished_project: Path) -> None:
        arguments = ("predict", "--project", finished_project, "--output", "/dev/full")
        ended = tunewright(*arguments, stdin="my card\n")
        assert ended.code == 5
        assert "/dev/full: the disk is full" in said(ended)[0]

    @pytest.mark.parametrize("limit", [100, 5_000, 100_000])
    def test_commands_about_data(
        self,
        tunewright: Tunewright,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        limit: int,
    ) -> None:
        """Each says which file it could not write, and leaves none."""
        monkeypatch.chdir(tmp_path)
        lines = (
            f'{{"prompt": "a caf\u00c3\u00a9 {n}", "completion": " to {n}"}}\n' for n in range(9000)
        )
        rows = Path("a.jsonl")
        rows.write_text("".join(lines) + "no JSON\n")
        Path("b.jsonl").write_text(rows.read_text())
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        for command in (
            ("convert", rows, "--force", "o.parquet"),
            ("convert", rows, "--force", "o.csv"),
            ("clean", rows, "--apply", "fix_encoding", "--out", "o.jsonl"),
            ("split", rows, "--out", "parts"),
            ("mix", rows, "b.jsonl", "--out", "o.jsonl"),
            ("check", rows),
        ):
            with files_no_larger_than(limit):
                ended = tunewright(*command)
            assert ended.code == 5, (command, ended.err)
            message = "\n".join(said(ended))
            assert "the disk is full" in message, command
            assert "standard output" not in message, command
            left = {path.name for path in tmp_path.rglob("*")}
            assert left <= {"a.jsonl", "b.jsonl", "parts"}, command

    def test_an_interrupted_check_keeps_the_lists_of_the_last_one(
        self, tunewright: Tunewright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Half a list would let `clean` drop some of the rows as if they were all."""
        monkeypatch.chdir(tmp_path)
        row = '{"prompt": "how many", "completion": " ten"}\n'
        Path("a.jsonl").write_text(row * 5)
        assert tunewright("check", "a.jsonl", "--out", "found").code == 0
        before = {path: path.read_bytes() for path in Path("found").rglob("*") if path.is_file()}
        assert Path("found/findings/duplicates.jsonl") in before
        Path("a.jsonl").write_text(row * 9)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        for place in ("Spool.finish", "Spool.rows"):
            monkeypatch.setattr(f"tunewright.audit.desk.spool.{place}", interrupted)
            assert tunewright("check", "a.jsonl", "--out", "found").code == 5
            after = {path: path.read_bytes() for path in Path("found").rglob("*") if path.is_file()}
            assert {k: v for k, v in after.items() if k.name != "rejected.jsonl"} == {
                k: v for k, v in before.items() if k.name != "rejected.jsonl"
            }
            monkeypatch.undo()
            monkeypatch.chdir(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_places_where_no_file_can_be(
        self, tunewright: Tunewright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A device is never replaced, by root neither: nothing would be what it was after that."""
        monkeypatch.chdir(tmp_path)
        row = '{"prompt": "how many", "completion": " ten"}\n'
        for name in ("a.jsonl", "b.jsonl"):
            Path(name).write_text(row.replace("ten", name) * 5)
        os.mkfifo("pipe.jsonl")
        Path("file").write_text("x")
        before = sorted(tmp_path.iterdir())
        for place, what in (
            ("pipe.jsonl", "a device or a pipe"),
            ("file/x.jsonl", "there can be no file here|there is no such folder"),
            ("file/x/y.jsonl", "there can be no file here|there is no such folder"),
        ):
            for command in (
                ("convert", "a.jsonl", place, "--force"),
                ("clean", "a.jsonl", "--apply", "dedupe", "--force", "--out", place),
                ("mix", "a.jsonl", "b.jsonl", "--force", "--out", place),
                ("split", "a.jsonl", "--out", place),
                ("check", "a.jsonl", "--out", place),
            ):
                ended = tunewright(*command)
                assert ended.code == 2, (command, ended.err)
                told = "there can be no file here" if command[0] in ("split", "check") else what
                assert re.search(told, "\n".join(said(ended))), command
        assert sorted(tmp_path.iterdir()) == before
        assert Path("pipe.jsonl").is_fifo()

    def test_a_read_only_study(self, tunewright: Tunewright, finished_project: Path) -> None:
        before = results(finished_project)
        with read_only(finished_project.parent / "study"):
            for command in (["run"], ["run", "--fresh"], ["check"], ["verify"]):
                ended = tunewright(*command, finished_project)
                assert ended.code == 5
                message = "\n".join(said(ended))
                assert "the folder cannot be written" in message
                assert "or set `study:` in tunewright.yaml to another folder" in message
            for command in (["status"], ["report"]):
                assert tunewright(*command, finished_project).code == 0
            predicted = tunewright("predict", "--project", finished_project, stdin="my card\n")
            assert predicted.code == 0
        assert results(finished_project) == before

    def test_a_study_where_no_folder_can_be(
        self, tunewright: Tunewright, small_project: Path
    ) -> None:
        small_project.write_text(small_project.read_text() + "study: train.csv/study\n")
        for command in ("run", "status"):
            ended = tunewright(command, small_project)
            assert ended.code == 2
            assert "field 'study': the study would be inside a file" in said(ended)[0]
            assert "train.csv" in ended.err

    def test_a_damaged_ledger(self, tunewright: Tunewright, finished_project: Path) -> None:
        ledger = finished_project.parent / "study" / "ledger.sqlite"
        ledger.write_bytes(b"no database at all, but long enough to look like one" * 100)
        for command in ("run", "status", "verify"):
            ended = tunewright(command, finished_project)
            assert ended.code == 5
            assert "the ledger is damaged" in said(ended)[0]
            assert "to a new folder" in ended.err

    def test_a_data_file_that_may_not_be_read(
        self, tunewright: Tunewright, small_project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Root may read everything, so the refusal is put in."""
        original = Path.open

        def refuse(path: Path, *args: Any, **options: Any) -> Any:
            if path.name == "train.csv":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return original(path, *args, **options)

        monkeypatch.setattr(Path, "open", refuse)
        ended = tunewright("check", small_project)
        assert ended.code == 3
        assert "train.csv: the file cannot be read" in said(ended)[0]
        assert "found:    Permission denied" in ended.err


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder nobody can write to: by its mode, or for root by the immutable flag."""
    root = os.geteuid() == 0
    lock, unlock = ("+i", "-i") if root else ("a-w", "u+w")
    tool = "chattr" if root else "chmod"
    if shutil.which(tool) is None or subprocess.run([tool, "-R", lock, folder]).returncode:
        subprocess.run([tool, "-R", unlock, folder])
        pytest.skip("this system gives root no way to make a folder read-only")
    try:
        yield
    finally:
        subprocess.run([tool, "-R", unlock, folder], check=True)
