from __future__ import annotations

from typing import Any

import pytest

from tunewright.report.check_page import render_check


def _audit(**values: Any) -> dict[str, Any]:
    audit = {
        "data": {
            "files": ["train.jsonl", "test.jsonl"],
            "row_schema": "messages",
            "task": "generate",
            "rows_read": 1210,
            "rows_used": 1200,
            "rejected": {"bad_json": 7, "missing_answer": 3},
            "splits": {"train": 1000, "test": 200},
        },
        "findings": [
            {
                "check": "answer_lost",
                "severity": "error",
                "count": 31,
                "message": "31 rows lose their answer at 512 tokens",
                "consequence": "they teach nothing",
                "fix": "set `max_length: 1024`",
                "repair": "tunewright clean DATA --apply drop:answer_lost",
                "rows": [
                    {"file": "train.jsonl", "row": 3, "line": 4, "id": None, "detail": "612 tokens"}
                ],
                "numbers": {"share": 0.031, "longest": 2048, "by_role": {"user": 30, "tool": 1}},
            },
            {
                "check": "language",
                "severity": "info",
                "count": 1000,
                "message": "1,000 rows are English",
                "consequence": "",
                "fix": "",
                "repair": "",
                "rows": [],
                "numbers": {},
            },
        ],
    }
    return {**audit, **values}


def test_the_page_tells_counts_cost_and_repair() -> None:
    page = render_check(_audit()).replace("\u00a0", " ")
    assert "1,200 of 1,210 rows can be used; 1 error." in page
    assert "<code>tunewright clean DATA --apply drop:answer_lost</code>" in page
    assert "7 (not JSON)" in page
    assert "30 more rows" in page
    assert "3.1 %" in page and "2,048" in page and "user 30, tool 1" in page


def test_parts_without_findings_have_no_heading() -> None:
    page = render_check(_audit(findings=[]))
    assert "nothing is wrong with them" in page
    assert "To look at" not in page


def test_what_was_measured_is_told_with_its_interval() -> None:
    measured = {
        "finding": "label_errors",
        "rows": 120,
        "difference": 0.012,
        "interval": [0.004, 0.02],
        "sentence": "removing them gains: clean",
    }
    page = render_check(_audit(measured=[measured]))
    assert "+1.2" in page and "+0.4" in page and "+2.0" in page


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "\u202e abc"])
def test_a_persons_data_is_text_and_nothing_else(hostile: str) -> None:
    audit = _audit()
    audit["findings"][0]["rows"][0]["detail"] = hostile
    audit["data"]["files"] = [hostile]
    page = render_check(audit)
    assert "<script>" not in page
    assert "> 49" not in page and ">49<" not in page


def test_the_page_is_the_same_for_the_same_input() -> None:
    assert render_check(_audit()) == render_check(_audit())
