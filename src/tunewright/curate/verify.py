"""`split --verify`: checks a divided file again, from the files alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tunewright.core.errors import DataError, TunewrightError
from tunewright.core.files import read_json
from tunewright.core.hashing import hash_file, hash_value
from tunewright.core.units import format_count
from tunewright.curate.inputs import Inputs
from tunewright.curate.repairs.base import CurateRow
from tunewright.curate.shapes import Shape, fits, is_path
from tunewright.curate.split import SPLIT_FILE, group_of, question_of
from tunewright.data.config import DataConfig
from tunewright.data.proof import PartKeys, leakage_proof, leaks_told

_HELD: Shape = {
    "parts": dict,
    "proof": {"by": str, "seed": int, "parts": dict},
    "read_by": dict,
    "content_hash": str,
}
_PART: Shape = {"file": str, "hash": str, "rows": int}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is not as it was when the split was made."""

    file: str
    what: str


@dataclass(frozen=True, kw_only=True)
class VerifiedSplit:
    """What a check of a split found."""

    files: tuple[str, ...]
    """That were checked."""

    problems: tuple[Problem, ...]
    in_common: dict[str, dict[str, int]]
    """Questions and groups that two parts share, counted anew."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "files": list(self.files),
            "problems": [{"file": p.file, "what": p.what} for p in self.problems],
            "in_common": self.in_common,
        }


def verify_split(folder: Path) -> VerifiedSplit:
    """Compare the parts in a folder with the proof that was kept, and with each other.

    Raises:
        DataError: when there is no `split.json`, or it is none of ours.
    """
    path = folder / SPLIT_FILE
    held = read_json(path)
    if not _is_proof(held):
        raise DataError(
            "this is not the proof of a split",
            file=path,
            expected="what `tunewright split` writes",
            fix="name the folder that `tunewright split --out` has written",
        )
    problems: list[Problem] = []
    stated = {name: value for name, value in held.items() if name != "content_hash"}
    if hash_value(stated) != held["content_hash"]:
        problems.append(Problem(file=SPLIT_FILE, what="it was changed after the split"))
    found: dict[str, PartKeys] = {}
    for name, part in held["parts"].items():
        keys, problem = _part(folder, part, held["read_by"])
        if keys is not None:
            found[name] = keys
        if problem is not None:
            problems.append(Problem(file=part["file"], what=problem))
    proof = leakage_proof(found, by=held["proof"]["by"], seed=held["proof"]["seed"])
    problems += _differences(held, proof, {problem.file for problem in problems})
    problems += [Problem(file=_files_of(told, held), what=told) for told in leaks_told(proof)]
    return VerifiedSplit(
        files=tuple(part["file"] for part in held["parts"].values()),
        problems=tuple(problems),
        in_common=proof["in_common"],
    )


def _is_proof(held: object) -> bool:
    return (
        isinstance(held, dict)
        and fits(held, _HELD)
        and fits([*held["parts"].values()], [_PART])
        and all(is_path(part["file"]) for part in held["parts"].values())
        and fits([*held["proof"]["parts"].values()], [dict])
    )


def _part(
    folder: Path, part: Mapping[str, Any], read_by: Mapping[str, Any]
) -> tuple[PartKeys | None, str | None]:
    """What a part holds now, and what is wrong with its file."""
    path = folder / str(part["file"])
    if not path.is_file():
        return None, "it is missing"
    try:
        keys, rows = _keys(path, read_by)
    except TunewrightError as problem:
        return None, f"it cannot be read any more: {problem.what}"
    except ValidationError:
        return None, f"how it was read is not in {SPLIT_FILE} any more"
    if hash_file(path) == part["hash"]:
        return keys, None
    told = "it was changed after the split"
    if rows != part["rows"]:
        told += f": {format_count(rows, 'row')}, where there were {part['rows']:,}"
    return keys, told


def _keys(path: Path, read_by: Mapping[str, Any]) -> tuple[PartKeys, int]:
    config = DataConfig(**{**read_by, "train": path.name})
    inputs = Inputs(config, path.parent)
    keys, rows = PartKeys(), 0
    for row in inputs.rows():
        rows += 1
        if isinstance(row, CurateRow):
            keys.add(question_of(row), group_of(row, config), None)
    return keys, rows


def _differences(
    held: Mapping[str, Any], proof: Mapping[str, Any], known: set[str]
) -> list[Problem]:
    """Parts whose hashes are not those that were kept, where the file itself told of nothing."""
    problems = []
    for name, now in proof["parts"].items():
        file, before = held["parts"][name]["file"], held["proof"]["parts"].get(name, {})
        for what in ("questions", "groups"):
            if file not in known and now[f"{what}_hash"] != before.get(f"{what}_hash"):
                problems.append(Problem(file=file, what=f"its {what} are not those of the proof"))
    return problems


def _files_of(told: str, held: Mapping[str, Any]) -> str:
    return ", ".join(part["file"] for name, part in held["parts"].items() if name in told.split())
