"""Rows made in a test as the set checks of the desk see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tunewright.audit.base import Finding
from tunewright.audit.desk import SET_CHECKS
from tunewright.audit.desk.base import DeskSetup
from tunewright.audit.desk.blocks import rows_in_blocks
from tunewright.audit.desk.fingerprints import Fingerprints
from tunewright.audit.desk.looking import Looker
from tunewright.audit.desk.marks import MarkFiles, Tallies
from tunewright.audit.desk.spool import Spool
from tunewright.data.content import Completion, Content, Labelled
from tunewright.data.example import Source
from tunewright.data.rows import DataRow

Contents = Mapping[str, Sequence[Content]]


def completions(*pairs: tuple[str, str]) -> list[Content]:
    """Prompts and what follows them."""
    return [Completion(prompt=prompt, completion=completion) for prompt, completion in pairs]


def labelled(*pairs: tuple[str, str]) -> list[Content]:
    """Texts and labels."""
    return [Labelled(texts={"text": text}, label=label) for text, label in pairs]


def rows_of(
    contents: Contents, groups: Mapping[str, Sequence[str]] | None = None
) -> dict[str, list[DataRow]]:
    """Rows of files `train`, `dev`, `test`."""
    return {
        split: [
            DataRow(
                source=Source(file=split, row=row),
                content=content,
                group=groups[split][row - 1] if groups else None,
            )
            for row, content in enumerate(found, start=1)
        ]
        for split, found in contents.items()
    }


@contextmanager
def fingerprints(
    contents: Contents, groups: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Fingerprints]:
    """The rows as a set check is given them."""
    setup = DeskSetup(schema="prompt_completion", task="generate", splits=tuple(contents))
    with TemporaryDirectory() as folder:
        spool, marks = Spool(Path(folder) / "spool"), MarkFiles(Path(folder), 1000)
        looker, tallies = Looker(setup, None, ()), Tallies()
        for block in rows_in_blocks(rows_of(contents, groups)):
            found = looker.look(block)
            tallies.add(block.split, found)
            spool.append(found.rows, found.files, found.sketches, found.texts)
        spool.finish()
        try:
            yield Fingerprints(
                spool,
                marks,
                setup,
                used=tallies.used,
                kinds=tallies.kinds,
                report=lambda activity, done, total: None,
            )
        finally:
            marks.close()
            spool.close()


def find(
    check: str, contents: Contents, groups: Mapping[str, Sequence[str]] | None = None
) -> list[Finding]:
    """The findings of one set check."""
    with fingerprints(contents, groups) as rows:
        return SET_CHECKS.get(check)(rows.setup).findings(rows)


def places(finding: Finding) -> list[tuple[str, int]]:
    """Split and row of every row that a finding lists."""
    return [(row.file, row.row) for row in finding.rows]
