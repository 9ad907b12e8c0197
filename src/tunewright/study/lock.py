"""A lock on a file that the operating system releases when its holder dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tunewright.core.errors import StudyError
from tunewright.core.files import writing
from tunewright.study.layout import reading

_POLL_SECONDS = 0.05


class FileLock:
    """One holder at a time, over all processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def hold(self, wait_seconds: float = 0.0) -> Iterator[None]:
        """Hold the lock for the block.

        Raises:
            StudyError: when another process still holds it after `wait_seconds`.
        """
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            stream = self._path.open("a+")
        with stream:
            deadline = time.monotonic() + wait_seconds
            while not _try_lock(stream):
                if time.monotonic() >= deadline:
                    stream.seek(0)
                    raise StudyError(
                        "another run is at work on this study",
                        file=self._path.parent,
                        found=f"process {stream.read().strip() or 'unknown'}",
                        fix="wait for it (`tunewright status` shows it), or stop it first",
                    )
                time.sleep(_POLL_SECONDS)
            with writing(self._path):  # past the stream's buffer, which would fail once more
                os.ftruncate(stream.fileno(), 0)
                os.write(stream.fileno(), str(os.getpid()).encode())
            yield

    def holder(self) -> int | None:
        """Process id of the present holder, or None.

        Raises:
            StudyError: when the file cannot be read.
        """
        with reading(self._path):
            if not self._path.exists():
                return None
            writable = os.access(self._path, os.W_OK)
            with self._path.open("r+" if writable else "r") as stream:
                if _try_lock(stream):
                    return None
                text = stream.read().strip()
        return int(text) if text.isdigit() else -1


if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: IO[str]) -> bool:
        try:
            # Beyond the text, so that the holder's process id stays readable.
            os.lseek(stream.fileno(), 1 << 20, os.SEEK_SET)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(stream.fileno(), 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _try_lock(stream: IO[str]) -> bool:
        try:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
