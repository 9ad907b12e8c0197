"""From the labels that a check doubts to a file of changes that a person can confirm."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import write_text
from tunewright.core.text import shortened
from tunewright.curate.inputs import Inputs
from tunewright.curate.output import ELSEWHERE
from tunewright.curate.repairs.base import CurateRow
from tunewright.curate.repairs.listed import AUDIT_FILE, audited_rows, read_lines
from tunewright.curate.repairs.personal import masked
from tunewright.data.content import Labelled
from tunewright.data.normalise import folded_label

FINDING = "label_errors"
_SHOWN_CHARACTERS = 300
_SUFFIX = ".changes.jsonl"
_LAST = 2**62
_BETTER = re.compile(r"', looks like '(?P<label>.*)' \((?P<percent>\d+)%\)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A file of changes that nobody has confirmed yet."""

    path: Path
    changes: int


def propose_labels(
    inputs: Inputs, findings: tuple[Path, ...], out: Path, *, force: bool = False
) -> Proposal:
    """Write the changes that the last check suggests, the most suspicious first, and then one
    spelling for labels that are spelled in several ways (the commonest of them).

    Each line has `file`, `row`, `line`, `from`, `to`, `why` and the beginning of the `text`, with
    personal data masked.

    Args:
        inputs: the files that are cleaned.
        findings: folders with the lists of the last check.
        out: the file that will be written once the changes are confirmed; the proposal goes
            beside it.
        force: overwrite an older proposal.

    Raises:
        ConfigError: when there is nothing to propose, or a proposal is there already.
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
    listed = _suspected(findings)
    suspected = {
        (str(row["file"]), int(row["row"])): (place, str(row.get("detail", "")))
        for place, row in enumerate(listed or ())
        if row.get("file") in names
    }
    better = _spellings(inputs)
    lines: list[tuple[int, dict[str, Any]]] = []
    for row in inputs.rows():
        if not isinstance(row, CurateRow):
            continue
        known = suspected.pop((row.source.file, row.source.row), None)
        label = row.content.answer or ""
        if known is not None:
            lines.append((known[0], _change(row, *_doubted(row, known[1]))))
        elif label in better:
            lines.append((_LAST, _change(row, better[label], "another spelling of this label")))
    if suspected:
        raise _changed(*next(iter(suspected)))
    if not lines and listed is None:
        raise ConfigError(
            "labels are proposed from what `check` found, and nothing has been checked here",
            field="--apply",
            fix="run `tunewright check` on a project with a model first, or name your own changes "
            "with --confirm",
        )
    lines.sort(key=lambda line: line[0])
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for _, line in lines)
    write_text(path, text, ELSEWHERE)
    return Proposal(path=path, changes=len(lines))


def _spellings(inputs: Inputs) -> dict[str, str]:
    """Spellings of labels, and the commoner one of the same label."""
    counts: Counter[str] = Counter()
    for row in inputs.rows():
        if isinstance(row, CurateRow) and isinstance(row.content, Labelled) and row.content.label:
            counts[row.content.label] += 1
    best: dict[str, str] = {}
    for label, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        best.setdefault(folded_label(label), label)
    return {
        label: best[folded_label(label)] for label in counts if best[folded_label(label)] != label
    }


def _suspected(findings: tuple[Path, ...]) -> list[dict[str, Any]] | None:
    """The rows of the finding, from its own list or from the audit of a study; None where nothing
    has been checked."""
    for folder in findings:
        listed = folder / f"{FINDING}.jsonl"
        if listed.is_file():
            return list(read_lines(listed))
        if (folder.parent / AUDIT_FILE).is_file():
            return audited_rows(folder).get(FINDING, [])
    return None


def _doubted(row: CurateRow, detail: str) -> tuple[str, str]:
    """The label that a check thinks better, and its reason."""
    start = f"labelled '{row.content.answer or ''}"
    found = _BETTER.fullmatch(detail[len(start) :]) if detail.startswith(start) else None
    if found is None:
        raise _changed(row.source.file, row.source.row)
    return found["label"], f"looks like it with {found['percent']} %"


def _change(row: CurateRow, label: str, why: str) -> dict[str, Any]:
    return {
        "file": row.source.file,
        "row": row.source.row,
        "line": row.source.line,
        "from": row.content.answer,
        "to": label,
        "why": why,
        "text": masked(shortened(row.content.question, _SHOWN_CHARACTERS)),
    }


def _changed(file: str, row: int) -> DataError:
    return DataError(
        "the row is not the one that was checked",
        file=file,
        row=row,
        fix="run `tunewright check` again, then this command",
    )
