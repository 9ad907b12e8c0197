"""What the tests of the command line share: what a command said, and what a study holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Ended
from tests.conftest import make_rows
from tunewright.core.hashing import hash_folder

GOOD = make_rows(60, seed=5)


def table(rows: list[tuple[str, str]]) -> bytes:
    return ("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)).encode()


def said(ended: Ended) -> list[str]:
    """The lines of the one message."""
    assert ended.err.count("tunewright: ") == 1, ended.err
    assert "bug" not in ended.err
    return ended.err[ended.err.index("tunewright: ") :].splitlines()


def results(project: Path) -> dict[str, str]:
    study = project.parent / "study"
    return {name: hash_folder(study / name) for name in ("model", "candidates")} | {
        name: (study / name).read_text() for name in ("verdict.json", "evidence.json")
    }


def tunewright_help(*command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "tunewright", *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    ).stdout


def imported(*arguments: str) -> set[str]:
    """Names of the packages that a command imports."""
    code = (
        "import sys\n"
        "from tunewright.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\n'.join({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(found.stderr.split())
