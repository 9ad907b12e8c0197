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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tunewright.core.errors import DataError
from tunewright.core.files import draft_of, writing
from tunewright.curate.merging import Path as RowPath
from tunewright.curate.merging import path_text
from tunewright.curate.output import ELSEWHERE, plain_text
from tunewright.data.example import Source
from tunewright.data.json_text import JsonProblemError, parse_json, write_json_text

VERSION = 1
LEDGER_SUFFIX = ".ledger.jsonl"
REJECTED_SUFFIX = ".rejected.jsonl"


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
                    first = {"ledger": VERSION, **header}
                    stream.write((json.dumps(first, ensure_ascii=False) + "\n").encode())
                    self._body.seek(0)
                    while block := self._body.read(1 << 20):
                        stream.write(block)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)

    def close(self) -> None:
        """Forget the lines."""
        self._body.close()

    def _add(self, line: Mapping[str, Any]) -> None:
        self._body.write((write_json_text(line) + "\n").encode("utf-8", "surrogatepass"))
        self.lines += 1


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
    with path.open(encoding="utf-8") as stream:
        first = next(stream, "")
        _parsed(first, path, 1)
        header = json.loads(first)
        if header.get("ledger") != VERSION or "inputs" not in header:
            raise _damaged(path, 1, f"no header of version {VERSION}")
        yield header, (_parsed(text, path, at) for at, text in enumerate(stream, start=2))


def _parsed(text: str, path: Path, line: int) -> dict[str, Any]:
    try:
        value = parse_json(text)
    except JsonProblemError as problem:
        raise _damaged(path, line, problem.what) from problem
    if not isinstance(value, dict):
        raise _damaged(path, line, "no object")
    return value


def _damaged(path: Path, line: int, found: str) -> DataError:
    return DataError(
        "the ledger is damaged",
        file=path,
        row=line,
        found=found,
        expected="a ledger as `tunewright clean` writes it",
        fix="put back a copy of it, or clean the original again",
    )
