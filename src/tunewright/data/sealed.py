"""The answers of the test set, kept apart until every choice has been made.

Workers never read this file: they are given the test inputs and return what they predict. The
workflow opens it once, and the ledger records for which choices.
"""

from __future__ import annotations

from pathlib import Path

from tunewright.core.errors import GateError
from tunewright.core.files import read_json, write_json
from tunewright.core.hashing import hash_value
from tunewright.study.ledger import Ledger

SEALED_FILE = "sealed_test.json"


def seal(folder: Path, targets: dict[str, str]) -> str:
    """Put the targets of the test rows away; returns their hash."""
    content_hash = hash_value(targets)
    write_json(folder / SEALED_FILE, {"content_hash": content_hash, "targets": targets})
    return content_hash


def open_test(folder: Path, ledger: Ledger, *, test_hash: str, choices: str) -> dict[str, str]:
    """The target of each test row by example id; records the opening first.

    Args:
        folder: the study's `data` folder.
        ledger: where the opening is recorded.
        test_hash: hash of the targets, as the data stage recorded it.
        choices: hash of everything that was chosen: recipes, finalists, decision rule.

    Raises:
        GateError: when the sealed file was changed after it was sealed.
    """
    ledger.record_opening(test_hash, choices)
    return read_sealed(folder, test_hash)


def read_sealed(folder: Path, test_hash: str) -> dict[str, str]:
    """The targets of a test set whose opening is already on record.

    Raises:
        GateError: when the sealed file was changed after it was sealed.
    """
    targets: dict[str, str] = read_json(folder / SEALED_FILE)["targets"]
    if hash_value(targets) != test_hash:
        raise GateError(
            "the sealed test answers were changed after they were sealed",
            file=folder / SEALED_FILE,
            found=hash_value(targets),
            expected=test_hash,
            fix="run `tunewright run --fresh` to read the data again",
        )
    return targets
