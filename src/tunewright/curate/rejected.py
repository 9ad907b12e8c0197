"""The list of rows that could not be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from tunewright.core.files import draft_of, writing
from tunewright.curate.output import ELSEWHERE
from tunewright.data.example import Rejected


class RejectedWriter:
    """Lists rejected rows in a file that appears when the list is whole; none for an empty list.

    Args:
        path: of the file; an older list there is replaced or removed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = draft_of(path)
        self._finished = False
        self.count = 0

    def __enter__(self) -> Self:
        with writing(self._path, ELSEWHERE):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._draft.open("w", encoding="utf-8", errors="backslashreplace")
        return self

    def add(self, row: Rejected) -> None:
        """Put a row on the list."""
        line = {
            "file": row.source.file,
            "row": row.source.row,
            "line": row.source.line,
            "reason": row.reason,
            "message": row.message,
        }
        with writing(self._path, ELSEWHERE):
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.count += 1

    def finish(self) -> None:
        """Everything went well: the list may appear."""
        self._finished = True

    def __exit__(self, *exception: object) -> None:
        try:
            with writing(self._path, ELSEWHERE):
                self._stream.close()
                if self._finished and self.count:
                    self._draft.replace(self._path)
                elif self._finished:
                    self._path.unlink(missing_ok=True)
        finally:
            self._draft.unlink(missing_ok=True)
