"""From files to the `data:` part of a project: which schema, which columns, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.data.config import DataConfig
from tunewright.data.schemas.base import TaskName


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """How files are to be read, with every guess told."""

    data: DataConfig
    task: TaskName
    assumptions: tuple[str, ...]
    doubts: tuple[str, ...]
    """Sentences that a person should read before anything is built on the proposal."""


def propose(
    paths: str | Sequence[str],
    folder: Path = Path(),
    *,
    row_schema: str | None = None,
    columns: Mapping[str, str] | None = None,
    text: Sequence[str] = (),
    label: str | None = None,
) -> Proposal:
    """Look at the first rows of one or several files.

    Args:
        paths: as the person wrote them.
        folder: where relative paths start.
        row_schema: the schema, where the person named it.
        columns: fields whose column the person named.
        text: the text columns of a classification, where the person named them.
        label: its label column, where the person named it.

    Raises:
        ConfigError: when a named schema, field or column does not exist.
        DataError: when the files cannot be used as a whole, or fit no schema.
    """
    raise AssertionError("not written yet")
