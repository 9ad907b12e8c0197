"""All rows of all findings, written as they come: `findings/<finding>.jsonl`."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from tunewright.audit.base import Row
from tunewright.audit.desk.base import Marked, Tally
from tunewright.audit.desk.looking import Flag, Looked
from tunewright.core.files import draft_of, writing
from tunewright.data.example import Rejected

FINDINGS_FOLDER = "findings"
_MOST_OPEN = 64
"""Files that are open at one time; systems allow some hundred to a process."""

_NO_NAME = re.compile(r"[^\w.-]")


class MarkFiles:
    """Writes the rows of findings below a folder, and counts them.

    Args:
        folder: gets `findings/`, which replaces an older one when all is written.
        kept: rows of each finding that are kept in memory, for screen and report.
        ids: of rows by file and row, where they have some.
    """

    def __init__(
        self, folder: Path, kept: int, ids: Mapping[tuple[str, int], str] | None = None
    ) -> None:
        self._ids = ids or {}
        self.folder = folder / FINDINGS_FOLDER
        self._kept = kept
        self._open = ExitStack()
        self._streams: dict[str, TextIO] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._rows: dict[str, list[Row]] = {}
        self._draft = draft_of(self.folder)
        with writing(self.folder):
            self._draft.mkdir(parents=True)

    def add(self, flags: Iterable[Flag]) -> None:
        """Write some rows; a row comes once for each finding."""
        for flag in flags:
            row = Row(
                file=flag.source.file,
                row=flag.source.row,
                line=flag.source.line,
                id=self._ids.get((flag.source.file, flag.source.row)),
                detail=flag.detail,
            )
            self._counts.setdefault(flag.finding, Counter())[flag.split] += 1
            rows = self._rows.setdefault(flag.finding, [])
            if len(rows) < self._kept:
                rows.append(row)
            values: dict[str, Any] = {"file": row.file, "row": row.row, "line": row.line}
            if row.id is not None:
                values["id"] = row.id
            values |= {"split": flag.split, "detail": row.detail}
            with writing(self.folder):
                self._stream(flag.finding).write(json.dumps(values, ensure_ascii=False) + "\n")

    def _stream(self, finding: str) -> TextIO:
        stream = self._streams.get(finding)
        if stream is None:
            if len(self._streams) >= _MOST_OPEN:
                self._flush()
            path = self._draft / f"{_NO_NAME.sub('_', finding)}.jsonl"
            stream = path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n")
            self._streams[finding] = self._open.enter_context(stream)
        return stream

    def marked(self, finding: str) -> Marked | None:
        """What has been written for a finding; None when nothing has."""
        counts = self._counts.get(finding)
        if counts is None:
            return None
        return Marked(count=counts.total(), by_split=dict(counts), rows=self._rows[finding])

    def names(self) -> list[str]:
        """Findings with rows."""
        return list(self._counts)

    def keep(self) -> None:
        """Everything has been written: the lists may appear."""
        self._flush()
        with writing(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
            self._draft.replace(self.folder)

    def close(self) -> None:
        """Remove lists that are not whole."""
        try:
            self._flush()
        finally:
            shutil.rmtree(self._draft, ignore_errors=True)

    def _flush(self) -> None:
        with writing(self.folder):
            self._open.close()
        self._streams.clear()


class Tallies:
    """Sums of what the row checks counted and kept, over all blocks."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()
        """By split."""
        self.rejected: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self._counts: dict[str, Counter[str]] = {}
        self._samples: dict[str, list[Any]] = {}

    def add(self, split: str, found: Looked) -> None:
        """Add what came of a block."""
        self.used[split] += found.used
        self.rejected[split] += len(found.rejected)
        self.reasons.update(row.reason for _, row in found.rejected)
        self.kinds.update(found.kinds)
        for name, counts in found.counts.items():
            self._counts.setdefault(name, Counter()).update(counts)
        for name, samples in found.samples.items():
            self._samples.setdefault(name, []).extend(samples)

    def of(self, check: str, marks: MarkFiles) -> Tally:
        """What a check has counted and marked."""
        found = {name: marks.marked(name) for name in marks.names()}
        return Tally(
            rows=self.used.total(),
            counts=self._counts.get(check, Counter()),
            marked={name: marked for name, marked in found.items() if marked is not None},
            samples=self._samples.get(check, []),
        )


def rejected_line(row: Rejected) -> str:
    """A line of `rejected.jsonl`."""
    values = {
        "file": row.source.file,
        "row": row.source.row,
        "line": row.source.line,
        "reason": row.reason,
        "message": row.message,
    }
    return json.dumps(values, ensure_ascii=False) + "\n"
