"""One process of a group: `python -m tunewright.train.processes.rank STUDY RANK SIZE SHARDING`.

It gets where the group meets, and then its jobs, as JSON lines on standard input, and answers on
what was its standard output. It leaves when that input ends, wherever it is.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from contextlib import nullcontext
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core.errors import TunewrightError
from tunewright.core.events import Done, Event, Failed
from tunewright.study.lock import FileLock
from tunewright.workers.base import Context
from tunewright.workers.process_main import Sender, read_jobs

if TYPE_CHECKING:
    from tunewright.train.processes.ranks import Ranks

HOST = "127.0.0.1"
MEETING_SECONDS = 600.0
"""A group that has not met by then will not: importing takes long on a busy machine."""
WAITING_SECONDS = 1800.0
"""One process waits so long for what another does in the same step, then it fails."""
_PREDECESSOR_SECONDS = 30.0


class RankJob(ABC):
    """Does one kind of job in every process of a group at once."""

    @abstractmethod
    def run(self, context: Context, ranks: Ranks, payload: dict[str, Any]) -> dict[str, Any]:
        """Do this process's part. What the first process returns is what the job returns."""


def main() -> None:
    """Meet the others, and serve jobs until the input ends."""
    study, rank, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to the log
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=read_jobs, args=(lines,), daemon=True).start()
    # The first process writes the files; never have it and one of an earlier group at work.
    lock = FileLock(study / "rank.lock").hold(_PREDECESSOR_SECONDS) if rank == 0 else nullcontext()
    with lock:
        send = Sender(answers)
        try:
            ranks = _meet(rank, size, sharded=sys.argv[4] == "full", lines=lines, answers=answers)
        except Exception as problem:
            send(_failure(problem))
            raise
        warm: dict[str, Any] = {}
        context = Context(study, send if rank == 0 else _silent, warm)
        while True:
            job = json.loads(lines.get())
            send(_served(job, context, ranks))


def _meet(rank: int, size: int, *, sharded: bool, lines: queue.Queue[str], answers: Any) -> Ranks:
    """Join the group. The first process chooses a free port, so that none has to be guessed."""
    import torch
    import torch.distributed as dist
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    from tunewright.train.processes.ranks import TorchRanks

    limit = timedelta(seconds=MEETING_SECONDS)
    store = None
    if rank == 0:
        store = TCPStore(HOST, 0, size, True, timeout=limit, wait_for_workers=False)
        answers.write(json.dumps({"port": store.port}) + "\n")
    port = int(json.loads(lines.get())["port"])
    if store is None:
        store = TCPStore(HOST, port, size, False, timeout=limit)
    os.environ.update(  # Accelerate finds here that it is one of several
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(size),
        LOCAL_WORLD_SIZE=str(size),
        MASTER_ADDR=HOST,
        MASTER_PORT=str(port),
    )
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(rank)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        store=store,
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=WAITING_SECONDS),
    )
    return TorchRanks(rank=rank, size=size, sharded=sharded, store=store)


def _served(job: dict[str, Any], context: Context, ranks: Ranks) -> Event:
    from tunewright.core.usage import release_memory

    try:
        return Done(result=_load(job["handler"]).run(context, ranks, job["payload"]))
    except Exception as problem:
        return _failure(problem)
    finally:
        release_memory()


def _failure(problem: Exception) -> Failed:
    from tunewright.train.memory import ShortOfMemoryError

    if isinstance(problem, ShortOfMemoryError):
        return Failed(error=problem.as_dict())
    if isinstance(problem, TunewrightError):
        return Failed(error=problem.as_dict())
    text = traceback.format_exc()
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the log
    return Failed(error={"what": f"{type(problem).__name__}: {problem}"}, traceback=text)


def _silent(_: Event) -> None:
    """Of several processes that do the same, one tells what it does."""


def _load(path: str) -> RankJob:
    module, _, name = path.partition(":")
    kind = getattr(import_module(module), name)
    if not (isinstance(kind, type) and issubclass(kind, RankJob)):
        raise TypeError(f"{path} is not a job of a group")
    return kind()


if __name__ == "__main__":
    # As the module that others import: classes must not exist twice.
    from tunewright.train.processes.rank import main as _main

    _main()
