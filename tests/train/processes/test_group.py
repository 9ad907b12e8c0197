"""A group of processes: what they say to each other, and that none is waited for in vain."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tunewright.core.errors import ConfigError, DataError, TunewrightError
from tunewright.core.events import Event, Progress
from tunewright.train.processes.config import Parallel
from tunewright.train.processes.group import Group, GroupDiedError, check_processes
from tunewright.train.processes.shares import shares

MEET = "tests.train.processes.jobs:Meet"
MISBEHAVE = "tests.train.processes.jobs:Misbehave"


def _gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_shares_are_all_rows_once_and_about_equal() -> None:
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 7):
        lengths = rng.integers(1, 400, 90)
        batches = np.array_split(rng.permutation(90), 5)
        found = shares(batches, lengths, size)
        again = shares([rows.copy() for rows in batches], lengths, size)
        for mine, theirs in zip(found, again, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))
        everything = np.concatenate([rows for share in found for rows in share])
        assert sorted(everything) == list(range(90))
        tokens = [sum(lengths[rows].sum() for rows in share) for share in found]
        assert max(tokens) - min(tokens) <= lengths.max()


def test_fewer_rows_than_processes_leave_some_without() -> None:
    found = shares([np.array([4, 2])], np.array([9, 9, 5, 9, 8]), 3)
    assert [[rows.tolist() for rows in share] for share in found] == [[[4]], [[2]], []]


def test_too_many_processes_are_told_or_refused() -> None:
    assert check_processes(Parallel(processes=2), gpus=2) is None
    with pytest.raises(ConfigError, match="graphics card of its own"):
        check_processes(Parallel(processes=3), gpus=2)
    notice = check_processes(Parallel(processes=64), gpus=0)
    assert notice is not None
    assert "64 processes share" in notice.text


def test_a_group_meets_and_a_failing_process_ends_it_with_the_reason(tmp_path: Path) -> None:
    """Every failure of one process, in one group that is started anew where it has to be."""
    group = Group(tmp_path / "study", Parallel(processes=2))
    heard: list[Event] = []
    job = {"file": str(tmp_path / "built")}
    found = group.run(MEET, job, heard.append)
    assert found["sum"] == [2.0, 1.0]
    assert found["agree"] == [True, False]
    assert found["read"] == [2.0]  # both read what the first one had written
    assert (tmp_path / "built").read_text() == "x"
    assert heard == [Progress(activity="rank 0", done=1, total=1)]
    pids = group.pids
    assert group.run(MEET, job, heard.append)["pid"] == pids[0] == found["pid"]

    with pytest.raises(DataError, match="this row is wrong") as caught:
        group.run(MISBEHAVE, {"rank": 1, "how": "raise"}, heard.append)
    assert caught.value.row == 7
    assert group.pids == []
    assert _gone(pids)

    started = time.monotonic()
    with pytest.raises(GroupDiedError, match=r"process 2 of the 2 .* exit code 3"):
        group.run(MISBEHAVE, {"rank": 1, "how": "die"}, heard.append)
    assert time.monotonic() - started < 120
    assert group.pids == []


@pytest.mark.slow
def test_a_mistake_of_ours_and_a_kill_from_outside(tmp_path: Path) -> None:
    group = Group(tmp_path, Parallel(processes=2))
    with pytest.raises(TunewrightError, match=r"a bug in Tunewright, in process 1 of 2.*mistake"):
        group.run(MISBEHAVE, {"rank": 0, "how": "break"}, lambda event: None)
    assert "ZeroDivisionError" in (tmp_path / "ranks.log").read_text()

    def kill(event: Event) -> None:
        os.kill(group.pids[1], 9)

    group.run(MEET, {"file": str(tmp_path / "a")}, lambda event: None)
    os.kill(group.pids[1], 9)
    time.sleep(1.0)
    group.run(MEET, {"file": str(tmp_path / "a")}, lambda event: None)  # started anew
    with pytest.raises(GroupDiedError, match=r"process 2 of the 2 .* SIGKILL"):
        group.run("tests.train.processes.jobs:TellAndWait", {}, kill)
    assert group.pids == []
