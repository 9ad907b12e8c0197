"""Exit codes: 0 done, 2 usage, 3 data unusable, 4 a gate failed, 5 stopped, 1 a bug of ours.

Imports next to nothing: an interrupt must end a command in good order from the first moment on.
"""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, NoReturn

from tunewright.cli.streams import abandon, json_line, prepare
from tunewright.core.errors import ConfigError, StoppedError, TunewrightError
from tunewright.core.text import printable

_RESUME = "run the same command again: it continues where it stopped"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OF_THE_SYSTEM = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, *_FULL}
_OF_THE_PLACE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR),
}


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command so that whatever ends it becomes a message and an exit code.

    It stands inside typer, which would turn an interrupt into 130 without a word.
    """

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        with ending_with_code(as_json=bool(options.get("json"))):
            _refuse_missing_folder()
            command(*args, **options)

    return run


@contextmanager
def ending_with_code(*, as_json: bool = False) -> Iterator[None]:
    """Turn whatever ends the block into a message and an exit code."""
    interrupts = _Interrupts()
    try:
        with interrupts:
            prepare()
            yield
            sys.stdout.flush()  # here, where a reader who has gone can still be noticed
    except (Exception, KeyboardInterrupt) as problem:
        if interrupts.seen or isinstance(problem, KeyboardInterrupt):
            # An import that was interrupted may say so in words of its own.
            stopped = StoppedError("stopped; everything finished so far is kept", fix=_RESUME)
            end(stopped, as_json=as_json)
        if isinstance(problem, TunewrightError):
            end(problem, as_json=as_json)
        if isinstance(problem, BrokenPipeError):
            # The reader of our output has gone (`tunewright ... | head`).
            abandon(sys.stdout)
            sys.exit(0)
        refusal = _refusal(problem) if isinstance(problem, OSError) else None
        if refusal is not None:
            end(refusal, as_json=as_json)
        _bug(as_json=as_json)


class _Interrupts:
    """Within the block, SIGTERM interrupts as Ctrl-C does. Only a program's first thread may ask
    for that."""

    def __init__(self) -> None:
        self.seen = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a script
                self._before[number] = signal.signal(number, self._interrupt)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> NoReturn:
        self.seen = True
        raise KeyboardInterrupt


def keep_code(code: object) -> None:
    """An interrupt while the interpreter clears up comes too late to change how it ended."""
    number = code if isinstance(code, int) else 0 if code is None else 1
    for late in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(late) is not signal.SIG_IGN:
            signal.signal(late, lambda *_: os._exit(number))


def _refuse_missing_folder() -> None:
    try:
        os.getcwd()  # noqa: PTH109 - pathlib takes its time to load
    except OSError as problem:
        raise ConfigError(
            "the folder that you are in is not there any more",
            found=problem.strerror,
            fix="go to another one: `cd FOLDER`",
        ) from problem


def _refusal(problem: OSError) -> TunewrightError | None:
    """What the system refused us, or None when it can only be a mistake of ours."""
    told = problem.strerror or str(problem)
    if problem.filename is not None:
        place = os.fsdecode(problem.filename)
        if problem.errno in _OF_THE_PLACE:
            fix = "name another place, or make this one accessible"
            return ConfigError("this cannot be used", file=place, found=told, fix=fix)
        if problem.errno in _OF_THE_SYSTEM:
            return StoppedError("the system refused", file=place, found=told, fix=_RESUME)
        return None
    if problem.errno is None or isinstance(problem, FileNotFoundError):
        return None
    # A stream that was open: standard output on a full disk, a terminal that has gone.
    what = "the disk is full" if problem.errno in _FULL else "it cannot be written"
    fix = "free some space, or send it elsewhere, then run the same command again"
    return StoppedError(f"standard output: {what}", found=told, fix=fix)


def end(problem: TunewrightError, *, as_json: bool = False) -> NoReturn:
    """Say what the matter is, and end the program.

    Args:
        problem: what is said.
        as_json: also on standard output, which must be empty so far.
    """
    try:
        if as_json:
            print(json_line(problem.as_dict()))  # noqa: T201
        sys.stdout.flush()
    except (OSError, ValueError):
        abandon(sys.stdout)
    try:
        print(f"tunewright: {problem}", file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, ValueError):
        abandon(sys.stderr)
    sys.exit(problem.exit_code)


def _bug(*, as_json: bool) -> NoReturn:
    """Keep the traceback in a file; what the person sees is one line."""
    import tempfile
    import traceback

    told, place = traceback.format_exc(), None
    with (
        suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w",
            prefix="tunewright-",
            suffix=".log",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as stream,
    ):
        stream.write(" ".join(sys.argv) + "\n" + told)
        place = stream.name
    last = printable(told.strip().splitlines()[-1])
    end(
        TunewrightError(
            f"this is a bug of ours: {last}",
            found=f"details in {place}" if place else None,
            fix="please report it with that file; nothing finished so far is lost",
        ),
        as_json=as_json,
    )
