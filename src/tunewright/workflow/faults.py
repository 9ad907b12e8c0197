"""What the system, or a damaged file of a study, ends a run with, in words that help."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError, GateError, StudyError, TunewrightError
from tunewright.study.layout import StudyLayout, read_error
from tunewright.study.ledger import DamagedError

_MAKES_IT_ANEW = "run `tunewright run`: it makes what is missing or damaged anew"

_HELD = {
    "data": ("content_hash", "test_hash", "has_groups", "made"),
    "calibrate": ("numerics", "model_hash", "max_length", "tokens", "encode_seconds_per_token"),
    "audit": ("findings", "file"),
    "plan": ("training", "steps", "seconds"),
    "candidates": ("candidates", "finalists"),
    "search": ("found", "entries"),
    "curve": ("measured",),
    "final": ("finalists", "seeds", "tuning", "folders"),
    "test": ("test_hash", "openings", "candidates"),
    "evidence": ("file", "verdict"),
    "verdict": ("file", "winner", "model"),
    "report": ("file",),
}
"""What later stages take from the result of each."""

_HELD_WHERE = {
    "search": ("found", ("recipe", "label")),
    "curve": ("measured", ("points", "full_size")),
}
"""What else, where something was found at all."""


def stage_fault(name: str, kept: dict[str, Any]) -> str | None:
    """What is wrong with what the ledger holds of a stage, or None."""
    result, warnings = kept.get("result"), kept.get("warnings")
    if not isinstance(result, dict) or not isinstance(warnings, list):
        return "no result and warnings"
    needed = _HELD.get(name, ())
    condition, more = _HELD_WHERE.get(name, ("", ()))
    if result.get(condition):
        needed += more
    missing = [field for field in needed if field not in result]
    return f"nothing under {', '.join(missing)}" if missing else None


@contextmanager
def explained(layout: StudyLayout, *, gate: bool = False) -> Iterator[None]:
    """Turn what goes wrong with the study's own files into a message with a fix.

    Stages read and hash many files of the study. That one of them cannot be read, or is gone, is
    neither a fault of the person's data nor a bug of ours.

    Args:
        layout: of the study, whose ledger is there when the block begins.
        gate: whether a missing or broken file means that a check has failed.
    """
    try:
        yield
    except (OSError, TunewrightError) as problem:
        if not _is_there(layout.ledger):
            raise StudyError(
                "the study was removed or moved while it was in use",
                file=layout.root,
                found=_said(problem),
                fix="run `tunewright run` again; what is missing is made anew",
            ) from problem
        explained_problem = _of_the_study(problem, layout.root, gate=gate)
        if explained_problem is None:
            raise
        raise explained_problem from problem


def _of_the_study(
    problem: OSError | TunewrightError, root: Path, *, gate: bool
) -> TunewrightError | None:
    """The message for a problem with a file of the study; None where it is another problem."""
    if isinstance(problem, OSError):
        if problem.filename is None or not _within(problem.filename, root):
            return None
        found = read_error(problem, root)
        lost = problem.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
        return _gate(found) if gate and lost else found
    if isinstance(problem, DamagedError) or _is_other_data(problem, root):
        return _gate(problem) if gate else None
    if isinstance(problem, DataError) and _within(problem.file, root):
        kind = GateError if gate else StudyError
        return kind(
            problem.what,
            file=problem.file,
            found=problem.found,
            expected=problem.expected or "what a run has written there",
            fix=problem.fix or _MAKES_IT_ANEW,
        )
    return None


def _gate(problem: TunewrightError) -> GateError:
    return GateError(
        problem.what,
        file=problem.file,
        found=problem.found,
        expected=problem.expected,
        fix=problem.fix,
    )


def _is_other_data(problem: TunewrightError, root: Path) -> bool:
    """Whether the prepared data is not that of the stage `data`."""
    return isinstance(problem, StudyError) and problem.file == str(StudyLayout(root).data)


def _within(path: str | bytes | int | None, root: Path) -> bool:
    if path is None or isinstance(path, int):
        return False
    place = Path(os.fsdecode(path))
    return root in (place, *place.parents)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # it may be there, but may not be looked at
        return True


def _said(problem: OSError | TunewrightError) -> str:
    return problem.what if isinstance(problem, TunewrightError) else str(problem)
