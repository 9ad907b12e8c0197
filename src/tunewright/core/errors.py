"""Every error a person can cause, with its exit code.

An error names the file, row and field, what was found, what was expected, and the fix. The
command line prints it without a traceback; anything that is not a `TunewrightError` is a bug of
ours and exits with 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tunewright.core.text import printable, shortened

if TYPE_CHECKING:  # the command line loads this before it can be interrupted in good order
    from pathlib import Path

_LONGEST_PLACE = 500
_LONGEST = 1_000
"""Characters of one part that a message shows; `as_dict` has all of them."""


class TunewrightError(Exception):
    """Base of all errors with a message meant for the person who runs the program."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        what: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        field: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what = what
        self.file = None if file is None else str(file)
        self.row = row
        self.field = field
        self.found = found
        self.expected = expected
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        place = [self.file] if self.file else []
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.field is not None:
            place.append(f"field '{self.field}'")
        where = ", ".join(shortened(part, _LONGEST_PLACE) for part in place)
        head = f"{where}: {self.what}" if place else self.what
        lines = [head]
        if self.found is not None:
            lines.append(f"  found:    {self.found}")
        if self.expected is not None:
            lines.append(f"  expected: {self.expected}")
        if self.fix is not None:
            lines.append(f"  fix:      {self.fix}")
        return "\n".join(printable(shortened(line, _LONGEST)) for line in lines)

    def as_dict(self) -> dict[str, object]:
        """The error as plain values, for `--json` and for the way from worker to supervisor."""
        return {
            "error": type(self).__name__,
            "exit_code": self.exit_code,
            "what": self.what,
            "file": self.file,
            "row": self.row,
            "field": self.field,
            "found": self.found,
            "expected": self.expected,
            "fix": self.fix,
        }


class ConfigError(TunewrightError):
    """A wrong command line, configuration file, or name."""

    exit_code = 2


class ModelError(ConfigError):
    """A model that cannot be found, or must not be opened."""


class DataError(TunewrightError):
    """Data that cannot be used."""

    exit_code = 3


class GateError(TunewrightError):
    """A limit or a check that was not met (`verify` found a difference, for one)."""

    exit_code = 4


class StoppedError(TunewrightError):
    """The run stopped before its end and can be resumed: interrupt, disk full, time limit."""

    exit_code = 5


class StudyError(StoppedError):
    """The study folder cannot be written, is locked, or belongs to another version."""


_KINDS: dict[str, type[TunewrightError]] = {
    kind.__name__: kind
    for kind in (ConfigError, ModelError, DataError, GateError, StoppedError, StudyError)
}


def error_from_dict(values: dict[str, object]) -> TunewrightError:
    """Rebuild an error that crossed a process boundary as `TunewrightError.as_dict()`."""
    kind = _KINDS.get(str(values.get("error")), TunewrightError)
    fields = ("file", "row", "field", "found", "expected", "fix")
    arguments = {name: values.get(name) for name in fields}
    return kind(str(values.get("what")), **arguments)  # type: ignore[arg-type]


def nearest(name: str, known: list[str] | tuple[str, ...], cutoff: float = 0.6) -> str | None:
    """The known name closest in spelling to `name`, or None when nothing is near."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return found[0] if found else None
