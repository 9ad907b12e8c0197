"""The ledger beside a cleaned file: what was done, to which row, and what stood there before.

JSON Lines. The first line is the header: the program, the inputs with their hashes, how they were
read, the repairs with their settings, and the counts. Then comes one line for each change of a row
(`field`, `before`, `after`) and for each row that was dropped (`dropped`, with the whole row as
`before`), in the order in which they were done.

When values are redacted, the ledger must not give away what the cleaned file no longer holds. Then
every personal datum in it is masked (`"masked": true`), and of a redacted text it tells the
`places`: start, end and kind. No hash of a value is kept, since the hash of a telephone number can
be tried out. Only the original file, which is never touched and whose hash the header has, gives
such a text back.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tunewright.core.errors import DataError
from tunewright.core.files import draft_of, writing
from tunewright.core.hashing import hash_bytes
from tunewright.curate.merging import Path as RowPath
from tunewright.curate.merging import path_text
from tunewright.curate.output import ELSEWHERE, plain_text
from tunewright.curate.shapes import Shape, fits, is_path
from tunewright.data.example import Source
from tunewright.data.json_text import JsonProblemError, Number, parse_json, write_json_text

VERSION = 1
LEDGER_SUFFIX = ".ledger.jsonl"
REJECTED_SUFFIX = ".rejected.jsonl"
_HEADER: Shape = {
    "out": {"hash": str, "rows": int},
    "inputs": [{"file": str, "path": str, "hash": str, "rows": int}],
    "format": str,
    "columns": (list, type(None)),
    "details": dict,
    "counts": {"rows_rejected": int},
    "lines": {"count": int, "hash": str},
}
_CHANGED: Shape = {"file": str, "row": Number, "path": list, "before": object, "after": object}
_DROPPED: Shape = {"file": str, "row": Number, "dropped": str, "before": dict}


def ledger_of(out: Path) -> Path:
    """Where the ledger of a cleaned file is."""
    return out.with_name(out.name + LEDGER_SUFFIX)


def rejected_of(out: Path) -> Path:
    """Where the rows that could not be read are listed."""
    return out.with_name(out.name + REJECTED_SUFFIX)


class LedgerWriter:
    """Collects the lines of a ledger on disk until its header is known.

    Args:
        secret: whether personal data is masked in every line.
    """

    def __init__(self, *, secret: bool) -> None:
        self._secret = secret
        self._body: IO[bytes] = tempfile.TemporaryFile(prefix="tunewright-")  # noqa: SIM115
        self.lines = 0
        self._hash = ""

    def changed(
        self, source: Source, repair: str, path: RowPath, before: object, after: object
    ) -> None:
        """A place in a row holds another value now."""
        from tunewright.curate.repairs.personal import masked, places

        line: dict[str, Any] = {
            **_place(source),
            "repair": repair,
            "field": path_text(path),
            "path": list(path),
            "before": plain_text(before),
            "after": plain_text(after),
        }
        if self._secret:
            hidden = {name: masked(line[name]) for name in ("before", "after")}
            if any(hidden[name] != line[name] for name in hidden):
                told = {"places": places(before)} if isinstance(before, str) else {}
                line |= {**hidden, "masked": True, **told}
        self._add(line)

    def dropped(
        self, source: Source, repair: str, reason: str, values: Mapping[str, object]
    ) -> None:
        """A row was left out."""
        from tunewright.curate.repairs.personal import masked

        before = plain_text(values)
        line = {**_place(source), "repair": repair, "dropped": reason, "before": before}
        if self._secret and (hidden := masked(before)) != before:
            line |= {"before": hidden, "masked": True}
        self._add(line)

    def save(self, path: Path, header: Mapping[str, Any]) -> None:
        """Write the whole ledger in one step."""
        draft = draft_of(path)
        with writing(path, ELSEWHERE):
            try:
                with draft.open("wb") as stream:
                    lines = {"count": self.lines, "hash": self._hash}
                    first = {"ledger": VERSION, **header, "lines": lines}
                    text = json.dumps(first, ensure_ascii=False) + "\n"
                    stream.write(text.encode("utf-8", "backslashreplace"))
                    self._body.seek(0)
                    while block := self._body.read(1 << 20):
                        stream.write(block)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)

    def close(self) -> None:
        """Forget the lines."""
        with suppress(OSError):  # a full disk has been told of already
            self._body.close()

    def _add(self, line: Mapping[str, Any]) -> None:
        written = (write_json_text(line) + "\n").encode("utf-8", "backslashreplace")
        self._hash = _continued(self._hash, written)
        with writing(Path(tempfile.gettempdir()), "set TMPDIR to a folder on another disk"):
            self._body.write(written)
        self.lines += 1


def _continued(so_far: str, line: bytes) -> str:
    """The hash of lines, and one more."""
    return hash_bytes(so_far.encode(), line)


def _place(source: Source) -> dict[str, Any]:
    return {"file": source.file, "row": source.row, "line": source.line}


@contextmanager
def reading_ledger(out: Path) -> Iterator[tuple[dict[str, Any], Iterator[dict[str, Any]]]]:
    """The header of the ledger of a cleaned file, and its lines.

    Raises:
        DataError: when there is none, or it is not one of ours.
    """
    path = ledger_of(out)
    if not path.is_file():
        raise DataError(
            "there is no ledger, so nothing tells what was cleaned",
            file=path,
            expected=f"the ledger that `clean --out {out.name}` wrote beside its file",
            fix="name the cleaned file, with its ledger beside it",
        )
    with path.open(encoding="utf-8", errors="backslashreplace") as stream:
        first = next(stream, "")
        _parsed(first, path, 1)
        header = json.loads(first)
        if header.get("ledger") != VERSION or not _is_header(header):
            raise _damaged(path, 1, f"no header of version {VERSION}")
        yield header, _lines(stream, path, header["lines"]["hash"])


def _lines(stream: Iterable[str], path: Path, expected: str) -> Iterator[dict[str, Any]]:
    found = ""
    for at, text in enumerate(stream, start=2):
        found = _continued(found, text.encode())
        yield _line(text, path, at)
    if found != expected:
        raise _damaged(path, None, "not the lines that it was written with")


def _is_header(header: dict[str, Any]) -> bool:
    if not fits(header, _HEADER) or not header["inputs"]:
        return False
    columns, details = header["columns"] or [], header["details"]
    delimiter = details.get("delimiter")
    return (
        all(is_path(item["file"]) and is_path(item["path"]) for item in header["inputs"])
        and fits(columns, [str])
        and (delimiter is None or (fits(delimiter, str) and len(delimiter) == 1))
        and all(fits(details.get(name), (bool, type(None))) for name in ("header", "quoted"))
    )


def _line(text: str, path: Path, at: int) -> dict[str, Any]:
    line = _parsed(text, path, at)
    if not fits(line, _DROPPED if "dropped" in line else _CHANGED) or not line["row"].isdigit():
        raise _damaged(path, at, "neither a change nor a dropped row")
    return line


def _parsed(text: str, path: Path, line: int) -> dict[str, Any]:
    try:
        value = parse_json(text)
    except JsonProblemError as problem:
        raise _damaged(path, line, problem.what) from problem
    if not isinstance(value, dict):
        raise _damaged(path, line, "no object")
    return value


def _damaged(path: Path, line: int | None, found: str) -> DataError:
    return DataError(
        "the ledger is damaged",
        file=path,
        row=line,
        found=found,
        expected="a ledger as `tunewright clean` writes it",
        fix="put back a copy of it, or clean the original again",
    )
