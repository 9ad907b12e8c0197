"""The scan: rows are all accounted for, whatever the number of processes, and it ends well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from benchmarks.check_rows import write_data

from tunewright.audit.desk.base import DeskSetup
from tunewright.audit.desk.scan import ScanOptions, ScanResult, scan_files
from tunewright.core.errors import DataError, StoppedError
from tunewright.data.config import DataConfig

SPLITS = {"train": "train.jsonl", "test": "test.jsonl"}


def scan(
    folder: Path, out: Path, processes: int = 1, splits: dict[str, Any] = SPLITS, **data: Any
) -> ScanResult:
    config = DataConfig(**{"train": "train.jsonl", "row_schema": "messages", **data})
    setup = DeskSetup(schema=config.row_schema, task="generate", splits=tuple(splits))
    return scan_files(config, folder, splits, setup, ScanOptions(folder=out, processes=processes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    write_data(folder, 2_500, seed=1, share=0.004)
    return folder


def everything(out: Path) -> dict[str, bytes]:
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def test_the_number_of_processes_changes_nothing(folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first, second = scan(folder, one), scan(folder, two, processes=2)
    assert first.findings == second.findings
    assert everything(one) == everything(two)
    assert not [path for path in one.iterdir() if path.name.startswith(".")], "the spool is gone"


def test_every_row_is_used_or_rejected(folder: Path, tmp_path: Path) -> None:
    found = scan(folder, tmp_path)
    lines = sum(len((folder / name).read_bytes().splitlines()) for name in SPLITS.values())
    assert found.rows_read == found.rows_used + found.rows_rejected == lines
    rejected = (tmp_path / "rejected.jsonl").read_text().splitlines()
    assert len(rejected) == found.rows_rejected == sum(found.reasons.values()) > 0
    kept = json.loads((tmp_path / "audit.json").read_text())
    assert kept["rows"]["read"] == lines
    for finding in kept["findings"]:
        path = tmp_path / "findings" / f"{finding['check']}.jsonl"
        if path.is_file() and finding["check"] not in found.reasons:
            assert len(path.read_text().splitlines()) == finding["count"]


def test_what_was_planted_is_found(tmp_path: Path) -> None:
    truth = write_data(tmp_path, 2_000, seed=2, share=0.006).rows
    scan(tmp_path, tmp_path / "out")
    for kind, finding in (
        ("duplicate", "duplicates"),
        ("contradiction", "contradictions"),
        ("leak", "leaks"),
        ("boilerplate", "boilerplate"),
    ):
        lines = (tmp_path / "out" / "findings" / f"{finding}.jsonl").read_text().splitlines()
        found = {row["row"] for row in map(json.loads, lines) if row["file"] == "train.jsonl"}
        assert set(truth[kind]["train.jsonl"]) <= found, kind


def test_other_formats_and_samples_are_counted_too(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": f"q {n}"}]} for n in range(40)]
    (tmp_path / "train.json").write_text(json.dumps([*rows, 3, {"messages": None}]))
    (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n\n" for row in rows) + "{\n")
    splits = {"train": ["train.json", "more.jsonl"], "test": "more.jsonl#10"}
    found = scan(tmp_path, tmp_path / "out", splits=splits)
    assert found.rows_read == 42 + 41 + 10
    assert found.rejected["train"] == 3
    assert found.samples[0]["rows_not_drawn"] == 31
    line = json.loads((tmp_path / "out" / "rejected.jsonl").read_text().splitlines()[-1])
    assert (line["file"], line["row"]) == ("more.jsonl", 41)
    last = (tmp_path / "out" / "findings" / "missing_answer.jsonl").read_text().splitlines()
    places = {(row["file"], row["row"], row["line"]) for row in map(json.loads, last)}
    assert ("more.jsonl", 2, 3) in places, "blank lines are counted as lines and not as rows"


def test_a_file_without_the_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"turns": []}\n' * 3)
    with pytest.raises(DataError, match="there is no column called 'messages'"):
        scan(tmp_path, tmp_path / "out", splits={"train": "train.jsonl"})


def test_rows_of_which_none_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"messages": 3}\n' * 3)
    with pytest.raises(DataError, match="none of the 3 rows can be used") as raised:
        scan(tmp_path, tmp_path / "out", splits={"train": "train.jsonl"})
    assert raised.value.exit_code == 3
    assert len((tmp_path / "out" / "rejected.jsonl").read_text().splitlines()) == 3


def test_half_a_pair_of_surrogates_anywhere(tmp_path: Path) -> None:
    row = '{"messages": [{"role": "user", "content": "\\ud800"}], "other": "\\udc00"}\n'
    good = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]}'
    (tmp_path / "train.jsonl").write_text(row + good + "\n")
    found = scan(tmp_path, tmp_path / "out", splits={"train": "train.jsonl"})
    assert (found.rows_used, found.reasons) == (1, {"bad_encoding": 1})


_SCRIPT = """
import sys
from pathlib import Path
from tests.audit.desk.test_scan import scan
if __name__ == "__main__":
    scan(Path(sys.argv[1]), Path(sys.argv[2]), processes=2)
"""


def started(folder: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """A scan in a process of its own, once its children are at work."""
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    root = Path(__file__).parents[3]
    places = os.pathsep.join([str(root), str(root / "src")])
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": places},
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 30
    while len(lookers(process)) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    return process


def lookers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.Error:
        return []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_child_ends_the_scan_with_a_message(folder: Path, tmp_path: Path) -> None:
    process = started(folder, tmp_path)
    lookers(process)[0].kill()
    _, told = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "a process that looked at the rows has ended before its time" in told
    assert StoppedError.exit_code == 5
    assert not list((tmp_path / "out").glob(".spool*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_and_a_killed_parent_leave_no_process(folder: Path, tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        process = started(folder, tmp_path)
        children = lookers(process)
        assert children
        process.send_signal(number)
        process.communicate(timeout=30)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
