"""Exit codes: 0 done, 2 usage, 3 data unusable, 4 a gate failed, 5 stopped, 1 a bug of ours."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tunewright.core.errors import TunewrightError


@contextmanager
def ending_with_code() -> Iterator[None]:
    """Turn whatever ends the program into a message and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except TunewrightError as problem:
        _end(problem)
    except KeyboardInterrupt:
        from tunewright.workflow.session import interrupted

        _end(interrupted())
    except BrokenPipeError:
        # The reader of our output has gone (`tunewright ... | head`).
        sys.stderr.close()
        sys.exit(0)
    except Exception:
        _bug()


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _end(problem: TunewrightError) -> NoReturn:
    if "--json" in sys.argv:
        print(json.dumps(problem.as_dict(), ensure_ascii=False))  # noqa: T201
    print(f"tunewright: {problem}", file=sys.stderr)  # noqa: T201
    sys.exit(problem.exit_code)


def _bug() -> NoReturn:
    """Keep the traceback in a file; what the person sees is one line."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="tunewright-", suffix=".log", delete=False, encoding="utf-8"
    ) as stream:
        stream.write(" ".join(sys.argv) + "\n" + traceback.format_exc())
    last = traceback.format_exc().strip().splitlines()[-1]
    print(  # noqa: T201
        f"tunewright: this is a bug of ours: {last}\n"
        f"  details:  {Path(stream.name)}\n"
        "  fix:      please report it with that file; nothing finished so far is lost",
        file=sys.stderr,
    )
    sys.exit(1)
