"""Rows that a list names: of a finding, of confirmed labels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.curate.helpers import cleaned, ledger, read_lines, write_lines
from tunewright.core.errors import ConfigError, DataError
from tunewright.curate.inputs import Inputs
from tunewright.curate.suspicions import propose_labels
from tunewright.data.config import DataConfig
from tunewright.data.example import example_id

ROWS = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(6)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "a.jsonl", ROWS)


def findings(source: Path, name: str, *rows: dict[str, Any], later: int = 10) -> tuple[Path, ...]:
    """A folder as `check` leaves it."""
    folder = source.parent / "findings"
    folder.mkdir(exist_ok=True)
    path = write_lines(folder / f"{name}.jsonl", [{"file": "a.jsonl", **row} for row in rows])
    when = source.stat().st_mtime + later
    os.utime(path, (when, when))
    return (folder,)


def test_listed_rows_are_dropped(source: Path) -> None:
    one, other = {"row": 2, "detail": "too odd"}, {"file": "b.jsonl", "row": 1}
    folder = findings(source, "odd", one, {"row": 5}, other)
    result, out = cleaned(source, "drop:odd", findings=folder)
    assert read_lines(out) == [ROWS[0], ROWS[2], ROWS[3], ROWS[5]]
    assert [line["dropped"] for line in ledger(out)[1]] == ["odd: too odd", "odd"]
    assert result.repairs["drop:odd"].notes == {
        "a listed row is in another file and was left there": 1
    }


def test_the_audit_of_a_study_lists_rows_too(source: Path) -> None:
    rows = [{"file": "a.jsonl", "row": 6, "line": 6, "id": None, "detail": "odd"}]
    audit = source.parent / "audit.json"
    audit.write_text(json.dumps({"findings": [{"check": "odd", "rows": rows}]}))
    later = source.stat().st_mtime + 9
    os.utime(audit, (later, later))
    _, out = cleaned(source, "drop:odd", findings=(source.parent / "findings",))
    assert read_lines(out) == ROWS[:5]


def test_a_list_of_other_contents_is_refused(source: Path) -> None:
    right = example_id({"text": "text 1"}, "b", None)
    folder = findings(source, "odd", {"row": 2, "id": right})
    result, _ = cleaned(source, "drop:odd", findings=folder)
    assert result.rows_dropped == 1
    folder = findings(source, "odd", {"row": 3, "id": right})
    with pytest.raises(DataError, match="not the one") as refused:
        cleaned(source, "drop:odd", findings=folder, out=source.with_name("o.jsonl"))
    assert refused.value.row == 3
    assert not source.with_name("o.jsonl").exists()


def test_a_list_that_is_older_than_the_file_is_refused(source: Path) -> None:
    folder = findings(source, "odd", {"row": 2}, later=-10)
    with pytest.raises(DataError, match="changed after it was checked"):
        cleaned(source, "drop:odd", findings=folder)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("drop", "does not say which rows"),
        ("drop:od", "did you mean 'drop:odd'"),
        ("drop:../../etc", "no list of rows"),
        ("dedup", "did you mean 'dedupe'"),
    ],
)
def test_a_wrong_name_is_told(source: Path, name: str, told: str) -> None:
    folder = findings(source, "odd", {"row": 2})
    with pytest.raises(ConfigError, match=told):
        cleaned(source, name, findings=folder)


def test_rejected_rows_of_a_study_are_dropped(source: Path) -> None:
    write_lines(source.parent / "rejected.jsonl", [{"file": "a.jsonl", "row": 1, "reason": "x"}])
    later = source.stat().st_mtime + 9
    os.utime(source.parent / "rejected.jsonl", (later, later))
    _, out = cleaned(source, "drop:rejected", findings=(source.parent / "findings",))
    assert read_lines(out) == ROWS[1:]


def test_rows_with_personal_data_leave_no_trace(source: Path) -> None:
    rows = [*ROWS, {"text": "mail ann.miller@mail-house.com", "label": "a"}]
    write_lines(source, rows)
    folder = findings(source, "email", {"row": 7})
    _, out = cleaned(source, "drop:email", findings=folder)
    (line,) = ledger(out)[1]
    assert line["before"]["text"] == "mail [EMAIL]"
    assert line["masked"] is True


# -- labels ---------------------------------------------------------------------------------------


def confirm(source: Path, *changes: dict[str, Any]) -> Path:
    return write_lines(source.with_name("c.jsonl"), [{"file": "a.jsonl", **c} for c in changes])


def test_confirmed_labels_are_changed(source: Path) -> None:
    path = confirm(source, {"row": 2, "from": "b", "to": "a"}, {"row": 1, "from": "x", "to": "a"})
    result, out = cleaned(source, "relabel", confirm=path)
    assert [row["label"] for row in read_lines(out)] == ["a", "a", "a", "b", "a", "b"]
    assert result.repairs["relabel"].notes == {"the label is the confirmed one already": 1}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([{"row": 2, "from": "c", "to": "a"}], "another label"),
        ([{"row": 9, "from": "b", "to": "a"}], "no such row"),
        ([{"row": 2, "from": "b"}], "nothing under 'to'"),
        ([{"row": "x", "from": "b", "to": "a"}], "names no row"),
        (
            [{"row": 2, "from": "b", "to": "a"}, {"row": 2, "from": "b", "to": "c"}],
            "different labels",
        ),
    ],
)
def test_a_confirmation_that_does_not_fit_ends_the_command(
    source: Path, changes: list[dict[str, Any]], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        cleaned(source, "relabel", confirm=confirm(source, *changes))
    assert not source.with_name("out.jsonl").exists()


def test_suspicions_become_a_proposal_that_can_be_confirmed(source: Path) -> None:
    detail = "labelled 'b', looks like 'it's (odd)' (87%)"
    rows = [*ROWS, {"text": "text 6", "label": "A"}]
    write_lines(source, rows)
    folder = findings(source, "label_errors", {"row": 4, "detail": detail})
    inputs = Inputs(DataConfig(train="a.jsonl", text="text", label="label"), source.parent)
    proposal = propose_labels(inputs, folder, source.with_name("out.jsonl"))
    first, second = read_lines(proposal.path)
    assert (first["row"], first["from"], first["to"]) == (4, "b", "it's (odd)")
    assert (second["row"], second["from"], second["to"]) == (7, "A", "a")
    _, out = cleaned(source, "relabel", confirm=proposal.path)
    assert [row["label"] for row in read_lines(out)] == ["a", "b", "a", "it's (odd)", "a", "b", "a"]
    with pytest.raises(ConfigError, match="may have worked on it"):
        propose_labels(inputs, folder, source.with_name("out.jsonl"))
