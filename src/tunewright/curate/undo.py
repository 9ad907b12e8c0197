"""`clean --undo`: gives the original of a cleaned file back.

From the untouched inputs byte for byte, after their hash has been compared with the ledger's; from
the cleaned file and the ledger row by row when the inputs are gone. What neither can give back
(redacted values, rows that could not be read) is said, and nothing is written.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import draft_of, refuse_place, writing
from tunewright.core.hashing import hash_file
from tunewright.core.units import format_count
from tunewright.curate.ledger import ledger_of, reading_ledger, rejected_of
from tunewright.curate.merging import Path as RowPath
from tunewright.curate.merging import at, put
from tunewright.curate.output import ELSEWHERE, plain_text, row_writer
from tunewright.data.example import Rejected
from tunewright.data.formats import open_reader
from tunewright.data.json_text import Number
from tunewright.data.paths import DataFile
from tunewright.data.readers.base import ReadOptions

_FIELD = "--undo"
_FROM_TEXT = {"csv", "tsv", "json", "jsonl"}
"""Formats whose values the ledger holds as the file does."""


@dataclass(frozen=True, kw_only=True)
class UndoResult:
    """What was given back."""

    files: tuple[Path, ...]
    """Written files, in the order of the inputs."""

    exact: bool
    """Whether every byte is that of the original."""

    from_inputs: bool
    """Whether the untouched inputs were there; else the ledger gave the rows back."""

    rows: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "files": [str(file) for file in self.files],
            "exact": self.exact,
            "from_inputs": self.from_inputs,
            "rows": self.rows,
        }


def undo(cleaned: Path, out: Path | None = None, *, force: bool = False) -> UndoResult:
    """Give the original of a cleaned file back.

    Args:
        cleaned: the file that `clean` wrote, with its ledger beside it.
        out: where the original goes: a file, or a folder when there were several inputs. Without
            it the original of a single input takes the place of the cleaned file, and the ledger,
            which then says nothing true any more, is removed.
        force: overwrite what is there, and a cleaned file that was changed since.

    Raises:
        ConfigError: when the target cannot be used.
        DataError: when the original cannot be given back; says what is missing.
    """
    with reading_ledger(cleaned) as (header, _):
        inputs: list[dict[str, Any]] = header["inputs"]
        targets = _targets(cleaned, out, inputs, force=force)
        _refuse_changed(cleaned, header, replaced=out is None, force=force)
        sources = [_source(cleaned, item) for item in inputs]
        found = [_state(path, item["hash"]) for path, item in zip(sources, inputs, strict=True)]
    if all(state == "intact" for state in found):
        for source, target in zip(sources, targets, strict=True):
            _copy(source, target)
        result = UndoResult(
            files=tuple(targets),
            exact=True,
            from_inputs=True,
            rows=sum(int(item["rows"]) for item in inputs),
        )
    else:
        result = _from_ledger(cleaned, header, targets, found)
    if out is None:
        ledger_of(cleaned).unlink()
        rejected_of(cleaned).unlink(missing_ok=True)
    return result


def _source(cleaned: Path, item: Mapping[str, Any]) -> Path:
    """Where an input stood, seen from the cleaned file."""
    return (cleaned.resolve().parent / str(item["path"])).resolve()


def _state(path: Path, expected: str) -> str:
    """`intact`, `changed` or `gone`."""
    if not path.is_file():
        return "gone"
    return "intact" if hash_file(path) == expected else "changed"


def _targets(
    cleaned: Path, out: Path | None, inputs: list[dict[str, Any]], *, force: bool
) -> list[Path]:
    if out is None:
        if len(inputs) > 1:
            raise ConfigError(
                f"the file was made of {len(inputs)} files, which cannot all take its place",
                file=cleaned,
                field=_FIELD,
                found=", ".join(str(item["file"]) for item in inputs),
                fix="name a folder for them with --out",
            )
        return [cleaned]
    if len(inputs) == 1 and not out.is_dir():
        targets = [out]
    else:
        targets = [out / Path(str(item["file"])).name for item in inputs]
        if len(set(targets)) < len(targets):
            raise ConfigError(
                "two of the original files have the same name",
                file=cleaned,
                field=_FIELD,
                fix="the originals stand untouched where the ledger says; copy them from there",
            )
    for target in targets:
        refuse_place(target)
        if target.exists() and not force:
            raise ConfigError(
                "the file is there already",
                file=target,
                field="--out",
                fix="name another place, or add --force to overwrite it",
            )
    return targets


def _refuse_changed(
    cleaned: Path, header: Mapping[str, Any], *, replaced: bool, force: bool
) -> None:
    if not cleaned.is_file():
        raise DataError("the cleaned file does not exist", file=cleaned, fix="correct the name")
    if replaced and not force and hash_file(cleaned) != header["out"]["hash"]:
        raise DataError(
            "the file was changed after it was cleaned, and that would be lost",
            file=cleaned,
            fix="name another file for the original with --out, or add --force",
        )


def _copy(source: Path, target: Path) -> None:
    draft = draft_of(target)
    with writing(target, ELSEWHERE):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


# -- row by row -----------------------------------------------------------------------------------

Place = tuple[str, int]


def _from_ledger(
    cleaned: Path, header: Mapping[str, Any], targets: list[Path], found: list[str]
) -> UndoResult:
    """Write the rows as they were, from the cleaned file and the ledger."""
    why = _cannot(cleaned, header)
    lines: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    masked = 0
    with reading_ledger(cleaned) as (_, all_lines):
        for line in all_lines:
            lines[str(line["file"]), int(line["row"])].append(line)
            masked += bool(line.get("masked"))
    if masked:
        why.append(f"{format_count(masked, 'value')} of the ledger hide personal data")
    if why:
        states = ", ".join(
            f"{item['file']}: {state}"
            for item, state in zip(header["inputs"], found, strict=True)
            if state != "intact"
        )
        raise DataError(
            "the original cannot be given back: its file is needed, and "
            + ("is" if len(targets) == 1 else "not all of them are")
            + " not what it was",
            file=cleaned,
            found=f"{states}; from the ledger alone it cannot be made, because " + "; ".join(why),
            fix="put the original back where it was, then run the same command",
        )
    rows = _rows(cleaned, header)
    count = 0
    with ExitStack() as stack:  # the targets appear together, when all has been found to fit
        writers = [
            stack.enter_context(
                row_writer(target, header["format"], header["columns"], header["details"])
            )
            for target in targets
        ]
        for item, writer in zip(header["inputs"], writers, strict=True):
            for number in range(1, int(item["rows"]) + 1):
                writer.write(_original(rows, lines.pop((str(item["file"]), number), []), cleaned))
                count += 1
        if lines or next(rows, None) is not None:
            raise _unlike(cleaned)
    exact = all(
        hash_file(target) == item["hash"]
        for target, item in zip(targets, header["inputs"], strict=True)
    )
    return UndoResult(files=tuple(targets), exact=exact, from_inputs=False, rows=count)


def _cannot(cleaned: Path, header: Mapping[str, Any]) -> list[str]:
    """Why the ledger is not enough, as clauses."""
    why = []
    rejected = int(header["counts"]["rows_rejected"])
    if rejected:
        why.append(f"{format_count(rejected, 'row')} could not be read, and nothing of it was kept")
    if header["format"] not in _FROM_TEXT:
        why.append(f"the types of a {header['format']} file are only in that file")
    if hash_file(cleaned) != header["out"]["hash"]:
        why.append("the cleaned file was changed since")
    return why


def _rows(cleaned: Path, header: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    details = header["details"]
    options = ReadOptions(
        encoding="utf-8", delimiter=details.get("delimiter"), header=details.get("header")
    )
    file = DataFile(path=cleaned, name=cleaned.name)
    if int(header["out"]["rows"]) == 0:
        return
    for record in open_reader(file, header["format"], options).records():
        if isinstance(record, Rejected):
            raise _unlike(cleaned)
        yield dict(record.values)


def _original(
    rows: Iterator[dict[str, object]], lines: list[dict[str, Any]], cleaned: Path
) -> Mapping[str, object]:
    """The next row as it was."""
    if lines and "dropped" in lines[-1]:
        values: Any = lines[-1]["before"]
        lines = lines[:-1]
    else:
        values = next(rows, None)
        if values is None:
            raise _unlike(cleaned)
    for line in reversed(lines):
        path: RowPath = tuple(int(k) if isinstance(k, Number) else k for k in line["path"])
        try:
            if plain_text(at(values, path)) != line["after"]:
                raise _unlike(cleaned)
            values = put(values, path, line["before"])
        except (LookupError, TypeError) as problem:
            raise _unlike(cleaned) from problem
    if not isinstance(values, Mapping):
        raise _unlike(cleaned)
    return values


def _unlike(cleaned: Path) -> DataError:
    return DataError(
        "the ledger does not fit the cleaned file",
        file=cleaned,
        fix="put back the file and the ledger as `clean` wrote them",
    )
