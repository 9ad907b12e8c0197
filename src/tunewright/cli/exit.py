"""Exit codes: 0 done, 2 usage, 3 data unusable, 4 a gate failed, 5 stopped, 1 a bug of ours."""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tunewright.core.errors import StoppedError, TunewrightError

_RESUME = "run the same command again: it continues where it stopped"


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command so that whatever ends it becomes a message and an exit code.

    It stands inside typer, which would turn an interrupt into 130 without a word.
    """

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        with ending_with_code(as_json=bool(options.get("json"))):
            command(*args, **options)

    return run


@contextmanager
def ending_with_code(*, as_json: bool = False) -> Iterator[None]:
    """Turn whatever ends the block into a message and an exit code."""
    try:
        with _terminated_like_interrupted():
            yield
            sys.stdout.flush()  # here, where a reader who has gone can still be noticed
    except TunewrightError as problem:
        end(problem, as_json=as_json)
    except KeyboardInterrupt:
        stopped = StoppedError("stopped; everything finished so far is kept", fix=_RESUME)
        end(stopped, as_json=as_json)
    except BrokenPipeError:
        # The reader of our output has gone (`tunewright ... | head`). Nothing more can be said to
        # it, and the interpreter must not try to when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception:
        _bug(as_json=as_json)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does. Only a program's first thread may ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def end(problem: TunewrightError, *, as_json: bool = False) -> NoReturn:
    """Say what the matter is, and end the program.

    Args:
        problem: what is said.
        as_json: also on standard output, which must be empty so far.
    """
    if as_json:
        print(json.dumps(problem.as_dict(), ensure_ascii=False))  # noqa: T201
    print(f"tunewright: {problem}", file=sys.stderr)  # noqa: T201
    sys.exit(problem.exit_code)


def _bug(*, as_json: bool) -> NoReturn:
    """Keep the traceback in a file; what the person sees is one line."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="tunewright-", suffix=".log", delete=False, encoding="utf-8"
    ) as stream:
        stream.write(" ".join(sys.argv) + "\n" + traceback.format_exc())
    last = traceback.format_exc().strip().splitlines()[-1]
    end(
        TunewrightError(
            f"this is a bug of ours: {last}",
            found=f"details in {Path(stream.name)}",
            fix="please report it with that file; nothing finished so far is lost",
        ),
        as_json=as_json,
    )
