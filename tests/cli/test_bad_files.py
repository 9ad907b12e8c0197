"""Files that cannot be used: one clear message, exit code 3, earlier results intact."""

from __future__ import annotations

import bz2
import pickle
from pathlib import Path

import pytest

from tests.cli.conftest import Tunewright
from tests.cli.helpers import GOOD, results, said, table
from tests.models.test_resolve import Canary
from tests.workflow.helpers import change

BAD_FILES: dict[str, tuple[bytes | None, list[str]]] = {
    "missing": (None, ["train.csv: the file does not exist", "found:    test.csv", "fix:"]),
    "empty": (b"", ["train.csv: the file is empty", "fix:      check that"]),
    "white space": (b"\n \n\n", ["train.csv: the file", "fix:"]),
    "header only": (b"text,label\n", ["has a header but no rows", "'text', 'label'"]),
    "one class": (
        table([(text, "card") for text, _ in GOOD]),
        ["field 'label': there is only one label", "'card' in every usable row (60 rows)"],
    ),
    "labels all null": (
        table([(text, "") for text, _ in GOOD]),
        ["train.csv, row 1: none of the 60 rows can be used", "missing_label: 60"],
    ),
    "texts all empty": (
        table([(" ", label) for _, label in GOOD]),
        ["none of the 60 rows can be used", "empty_text: 60"],
    ),
    "wrong column": (
        table(GOOD).replace(b"text,label", b"txt,label"),
        ["field 'text': there is no column called 'text'", "'txt', 'label'", "did you mean 'txt'?"],
    ),
    "column twice": (
        table(GOOD).replace(b"text,label", b"text,text"),
        ["field 'text': two columns are called 'text'", "columns 1, 2"],
    ),
    "random bytes": (
        bytes(range(256)) * 300,
        ["train.csv: the file is not text", "control characters", "CSV"],
    ),
    "bzip2": (bz2.compress(table(GOOD)), ["the file is not text", "a bzip2 archive", "unpack it"]),
    "spreadsheet": (
        b"PK\x03\x04" + b"\0" * 26 + b"xl/workbook.xml" + b"\0" * 99,
        ["the file is not text", "spreadsheet", "save it as CSV"],
    ),
    "pickle": (pickle.dumps(GOOD), ["the file is not text", "a pickle, which can run code"]),
    "every row ragged": (
        b"text,label\n" + b"a,card,late\n" * 60,
        ["none of the 60 rows can be used", "wrong_field_count: 60", "row 1"],
    ),
    "quote never closed": (
        b'text,label\n"' + b"my card,card\n" * 60,
        ["train.csv", "only one label"],
    ),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_cannot_be_used(
    tunewright: Tunewright, finished_project: Path, content: bytes | None, words: list[str]
) -> None:
    before = results(finished_project)
    train = finished_project.parent / "train.csv"
    good = train.read_bytes()
    train.unlink()
    if content is not None:
        train.write_bytes(content)
    for command in ("check", "run"):
        ended = tunewright(command, finished_project)
        assert (ended.code, ended.out) == (3, "")
        message = "\n".join(said(ended))
        for word in words:
            assert word in message
    error = tunewright("check", finished_project, "--json").json
    assert (error["exit_code"], error["file"]) == (3, "train.csv")
    assert error["fix"]
    assert results(finished_project) == before
    train.write_bytes(good)
    ended = tunewright("run", finished_project, "--json")
    assert ended.code == 0
    assert results(finished_project) == before


def test_a_pickle_by_its_name_is_not_opened(
    tunewright: Tunewright, small_project: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    (small_project.parent / "train.pkl").write_bytes(pickle.dumps(Canary(trace)))
    change(small_project, "train: train.csv", "train: train.pkl")
    ended = tunewright("check", small_project)
    assert ended.code == 3
    assert "train.pkl: the file is not text" in said(ended)[0]
    assert not trace.exists()


def test_a_file_of_300_megabytes_that_holds_nothing(
    tunewright: Tunewright, small_project: Path
) -> None:
    with (small_project.parent / "train.csv").open("wb") as stream:
        stream.truncate(300_000_000)
    ended = tunewright("check", small_project)
    assert ended.code == 3
    assert "NUL bytes" in ended.err


def test_a_file_of_more_rows_than_are_held_in_memory(
    tunewright: Tunewright, small_project: Path
) -> None:
    change(small_project, "label: label}", "label: label, max_rows: 500}")
    ended = tunewright("check", small_project)
    assert ended.code == 3
    message = "\n".join(said(ended))
    assert "train.csv, row 501: there are too many rows" in message
    assert "'train.csv#500', or raise `max_rows:`" in message
    change(small_project, "train: train.csv", "train: train.csv#500")
    assert tunewright("run", small_project, "--until", "data").code == 0
