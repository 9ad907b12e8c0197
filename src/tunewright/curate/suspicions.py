"""From the labels that a check doubts to a file of changes that a person can confirm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import read_json, write_text
from tunewright.core.text import shortened
from tunewright.curate.inputs import Inputs
from tunewright.curate.output import ELSEWHERE
from tunewright.curate.repairs.base import CurateRow
from tunewright.curate.repairs.listed import read_lines
from tunewright.curate.repairs.personal import masked

FINDING = "label_errors"
_SHOWN_CHARACTERS = 300
_SUFFIX = ".changes.jsonl"
_BETTER = re.compile(r"', looks like '(?P<label>.*)' \((?P<percent>\d+)%\)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A file of changes that nobody has confirmed yet."""

    path: Path
    changes: int


def propose_labels(
    inputs: Inputs, findings: tuple[Path, ...], out: Path, *, force: bool = False
) -> Proposal:
    """Write the changes that the last check suggests, the most suspicious first.

    Each line has `file`, `row`, `line`, `from`, `to`, `probability` (that the checked model gives
    to `to`) and the beginning of the `text`, with personal data masked.

    Args:
        inputs: the files that are cleaned.
        findings: folders with the lists of the last check.
        out: the file that will be written once the changes are confirmed; the proposal goes
            beside it.
        force: overwrite an older proposal.

    Raises:
        ConfigError: when nothing was checked, or a proposal is there already.
        DataError: when the data has changed since.
    """
    path = out.with_name(out.name + _SUFFIX)
    if path.exists() and not force:
        raise ConfigError(
            "a file of proposed changes is there already, and you may have worked on it",
            file=path,
            field="--out",
            fix=f"confirm it with `--confirm {path}`, or add --force to make it anew",
        )
    names = {file.name for file in inputs.files}
    suspected = {
        (str(row["file"]), int(row["row"])): (place, str(row.get("detail", "")))
        for place, row in enumerate(_suspected(findings))
        if row.get("file") in names
    }
    lines: list[tuple[int, dict[str, Any]]] = []
    for row in inputs.rows():
        if isinstance(row, CurateRow):
            known = suspected.pop((row.source.file, row.source.row), None)
            if known is not None:
                lines.append((known[0], _change(row, known[1])))
    if suspected:
        file, number = next(iter(suspected))
        raise _changed(file, number)
    lines.sort(key=lambda line: line[0])
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for _, line in lines)
    write_text(path, text, ELSEWHERE)
    return Proposal(path=path, changes=len(lines))


def _suspected(findings: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    """The rows of the finding, from its own list or from the audit of a study."""
    for folder in findings:
        listed, audit = folder / f"{FINDING}.jsonl", folder.parent / "audit.json"
        if listed.is_file():
            yield from read_lines(listed)
            return
        if audit.is_file():
            for finding in read_json(audit)["findings"]:
                if finding["check"] == FINDING:
                    yield from finding["rows"]
            return
    raise ConfigError(
        "labels are proposed from what `check` found, and nothing has been checked here",
        field="--apply",
        fix="run `tunewright check` on a project with a model first, or name your own changes "
        "with --confirm",
    )


def _change(row: CurateRow, detail: str) -> dict[str, Any]:
    label = row.content.answer or ""
    start = f"labelled '{label}"
    found = _BETTER.fullmatch(detail[len(start) :]) if detail.startswith(start) else None
    if found is None:
        raise _changed(row.source.file, row.source.row)
    return {
        "file": row.source.file,
        "row": row.source.row,
        "line": row.source.line,
        "from": label,
        "to": found["label"],
        "probability": int(found["percent"]) / 100,
        "text": masked(shortened(row.content.question, _SHOWN_CHARACTERS)),
    }


def _changed(file: str, row: int) -> DataError:
    return DataError(
        "the row is not the one that was checked",
        file=file,
        row=row,
        fix="run `tunewright check` again, then this command",
    )
