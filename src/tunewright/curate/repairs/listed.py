"""Repairs of rows that a list names by their place: rows of a finding, confirmed labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from tunewright.core.errors import ConfigError, DataError, nearest
from tunewright.core.files import read_json
from tunewright.core.units import format_count
from tunewright.curate.repairs.base import CurateRow, Dropped, Repair, RepairSetup
from tunewright.data.content import Content, Labelled, Tagged
from tunewright.data.example import example_id
from tunewright.data.values import shown

REJECTED = "rejected"
AUDIT_FILE = "audit.json"
_PRIVATE = {"email", "phone", "card", "iban", "ip_address", "national_id", "secret"}
"""Findings whose rows must not be written anywhere once they are dropped."""

_CHECK_AGAIN = "run `tunewright check` again, then this command"
_CHECK_FIRST = "run `tunewright check DATA --out FOLDER`, then add `--findings FOLDER` here"

Place = tuple[str, int]
"""File and row."""


class Drop(Repair):
    """`drop:FINDING` drops the rows that the last `check` listed under a finding.

    A row is known by its file, its number and, where the list has it, the hash of its content. A
    list of other contents, or one that is older than the file, is refused. `drop:rejected` drops
    the rows of the last run's `rejected.jsonl` (leaked ones among them); rows that cannot be read
    are never written anyway.
    """

    name: ClassVar[str] = "drop"
    about: ClassVar[str] = "drops the rows that the last `check` listed under a finding"
    when = "place"

    def __init__(self, setup: RepairSetup) -> None:
        super().__init__(setup)
        self.finding = setup.argument or ""
        self.secret = self.finding in _PRIVATE
        self._listed: dict[Place, dict[str, Any]] = {}
        self._elsewhere = 0
        self.path = self._take()

    def start(self) -> None:
        super().start()
        self._met: set[Place] = set()

    def repair(self, row: CurateRow) -> Content | Dropped:
        place = (row.source.file, row.source.row)
        line = self._listed.get(place)
        if line is None:
            return row.content
        self._met.add(place)
        expected = line.get("id")
        if isinstance(expected, str) and not _is_example(row, expected):
            raise DataError(
                f"this row is not the one that `check` listed under '{self.finding}'",
                file=row.source.file,
                row=row.source.row,
                found="another content than at that time",
                fix=_CHECK_AGAIN,
            )
        detail = line.get("detail") or line.get("message") or ""
        return Dropped(reason=f"{self.finding}: {detail}" if detail else self.finding)

    def finish(self) -> None:
        gone = len(self._listed) - len(self._met)
        if gone and self.finding != REJECTED:
            self.notes["a listed row could not be read, and is not written either"] += gone
        if self._elsewhere:
            self.notes["a listed row is in another file and was left there"] += self._elsewhere

    def described(self) -> dict[str, Any]:
        return {**super().described(), "list": None if self.path is None else self.path.name}

    def _take(self) -> Path | None:
        """Read the list of the finding; returns where it stands."""
        path, lines = self._list()
        if path is None:
            return None
        self._refuse_older(path)
        for line in lines:
            place = _place(line, path)
            if place[0] in self.setup.files:
                self._listed[place] = line
            else:
                self._elsewhere += 1
        return path

    def _list(self) -> tuple[Path | None, Iterable[dict[str, Any]]]:
        """The file with the rows of the finding, and its rows."""
        if not self.finding:
            raise ConfigError(
                "`drop` does not say which rows",
                field="--apply",
                expected="`drop:` and the name of a finding, as in `drop:empty_answer`",
                found=", ".join(self._known()) or None,
                fix="name a finding of the last `tunewright check`",
            )
        if Path(self.finding).suffix == ".jsonl" and Path(self.finding).is_file():
            return Path(self.finding), read_lines(Path(self.finding))
        for folder in self.setup.findings:
            for path in _places_of(folder, self.finding):
                if path.is_file():
                    return path, read_lines(path)
            audited = audited_rows(folder).get(self.finding)
            if audited is not None:
                return folder.parent / AUDIT_FILE, audited
        if self.finding == REJECTED:
            return None, ()
        known = self._known()
        near = nearest(self.finding, known)
        raise ConfigError(
            f"there is no list of rows for a finding called '{self.finding}'",
            field="--apply",
            found=", ".join(known) or "no lists: nothing has been checked here",
            fix=f"did you mean 'drop:{near}'?" if near else _CHECK_AGAIN if known else _CHECK_FIRST,
        )

    def _refuse_older(self, path: Path) -> None:
        listed = path.stat().st_mtime
        newer = next((f for f in self.setup.paths if f.stat().st_mtime > listed), None)
        if newer is not None:
            raise DataError(
                "the file was changed after it was checked, so its rows may be others now",
                file=newer,
                found=f"a list that is older: {path}",
                fix=_CHECK_AGAIN,
            )

    def _known(self) -> list[str]:
        folders = self.setup.findings
        listed = {path.stem for folder in folders for path in folder.glob("*.jsonl")}
        return sorted(listed.union(*map(audited_rows, folders)))


class Relabel(Repair):
    """Gives rows the labels that a person has confirmed, in a file named with `--confirm`.

    Each line has `file`, `row`, `from` and `to`. A row whose label is neither `from` nor `to` is
    not the row that was looked at, and ends the command.
    """

    name: ClassVar[str] = "relabel"
    about: ClassVar[str] = "changes the labels that you have confirmed in a file (--confirm)"
    when = "place"

    def __init__(self, setup: RepairSetup) -> None:
        super().__init__(setup)
        self._changes: dict[Place, tuple[str, str]] = {}
        self._elsewhere = 0
        if setup.confirm is None:
            raise ConfigError(
                "no label is changed without your word",
                field="--confirm",
                expected="a file with the changes that you have confirmed",
                fix="add `--confirm changes.jsonl`; each line is like "
                '{"file": "train.csv", "row": 7, "from": "refund", "to": "card"}',
            )
        for number, line in enumerate(read_lines(setup.confirm), start=1):
            self._take(line, number, setup.confirm)

    def unfit(self) -> str | None:
        if self.setup.schema in ("classification", "tokens"):
            return None
        return "its rows have no labels"

    def start(self) -> None:
        super().start()
        self._met: set[Place] = set()

    def repair(self, row: CurateRow) -> Content:
        place = (row.source.file, row.source.row)
        change = self._changes.get(place)
        if change is None:
            return row.content
        self._met.add(place)
        before, after = change
        label = row.content.answer
        if label == after:
            self.notes["the label is the confirmed one already"] += 1
            return row.content
        if label != before:
            raise DataError(
                "the row has another label than the one that was confirmed to be wrong",
                file=row.source.file,
                row=row.source.row,
                found=shown(label or ""),
                expected=shown(before),
                fix="make the list of changes anew: the data has changed since",
            )
        return self._relabelled(row, after)

    def finish(self) -> None:
        gone = sorted(self._changes.keys() - self._met)
        if gone:
            file, row = gone[0]
            raise DataError(
                f"{format_count(len(gone), 'confirmed change')} cannot be made: there is no such "
                "row, or it cannot be read",
                file=file,
                row=row,
                fix="take its line out of the confirmed changes, or make the list anew",
            )
        if self._elsewhere:
            self.notes["a confirmed change is about another file"] += self._elsewhere

    def _relabelled(self, row: CurateRow, label: str) -> Content:
        content = row.content
        if isinstance(content, Labelled):
            return replace(content, label=label)
        assert isinstance(content, Tagged)
        tags = tuple(label.split())
        if len(tags) != len(content.tokens):
            raise DataError(
                "a row must have one tag for each token",
                file=row.source.file,
                row=row.source.row,
                found=format_count(len(tags), "tag"),
                expected=format_count(len(content.tokens), "tag"),
                fix="correct `to` in the confirmed changes",
            )
        return replace(content, tags=tags)

    def _take(self, line: dict[str, Any], number: int, path: Path) -> None:
        missing = [name for name in ("file", "row", "from", "to") if line.get(name) in (None, "")]
        if missing or not isinstance(line["from"], str) or not isinstance(line["to"], str):
            raise DataError(
                "this line confirms no change",
                file=path,
                row=number,
                found=f"nothing under '{missing[0]}'" if missing else "labels that are no text",
                expected='{"file": ..., "row": ..., "from": ..., "to": ...}',
                fix="complete the line, or take it out",
            )
        place = _place(line, path)
        change = (line["from"], line["to"])
        if self._changes.get(place, change) != change:
            raise DataError(
                "two lines confirm different labels for one row",
                file=path,
                row=number,
                found=f"{place[0]}, row {place[1]}: {shown(self._changes[place][1])} and "
                f"{shown(change[1])}",
                fix="keep one of them",
            )
        if place[0] in self.setup.files:
            self._changes[place] = change
        else:
            self._elsewhere += 1


def _is_example(row: CurateRow, expected: str) -> bool:
    """Whether a row has the content of the example with this id; see `data/example.py`."""
    content = row.content
    if not isinstance(content, Labelled):
        return True
    label = None if content.label is None else content.label.strip()
    found = example_id(content.texts, label, row.group)
    return expected == found or expected.startswith(f"{found}-")


def _places_of(folder: Path, finding: str) -> Iterator[Path]:
    if "/" in finding or "\\" in finding:
        return
    yield folder / f"{finding}.jsonl"
    if finding == REJECTED:
        yield folder.parent / "rejected.jsonl"


def audited_rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each finding in the `audit.json` beside a folder of findings; none without it."""
    path = folder.parent / AUDIT_FILE
    if not path.is_file():
        return {}
    found = read_json(path).get("findings", [])
    return {finding["check"]: finding["rows"] for finding in found if finding.get("rows")}


def _place(line: dict[str, Any], path: Path) -> Place:
    file, row = line.get("file"), line.get("row")
    try:
        return str(file), int(row)  # type: ignore[arg-type]
    except (TypeError, ValueError) as problem:
        raise DataError(
            "a line of the list names no row",
            file=path,
            found=f"row {row!r}",
            expected="the number of a row",
            fix=_CHECK_AGAIN,
        ) from problem


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file that a person or a check has written.

    Raises:
        DataError: when it cannot be read, or a line is no object.
    """
    try:
        stream = path.open(encoding="utf-8", errors="backslashreplace")
    except OSError as problem:
        raise DataError(
            "the list cannot be read", file=path, found=problem.strerror, fix="check its name"
        ) from problem
    with stream:
        for number, text in enumerate(stream, start=1):
            if text.isspace():
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                value = None
            if not isinstance(value, dict):
                raise DataError(
                    "a line of the list is no JSON object",
                    file=path,
                    row=number,
                    fix="correct that line, or take it out",
                )
            yield value
