"""The page about written answers: complete, small, readable, and safe with any text."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest

from tests.report.reading import Element, read
from tests.report.text_builder import Page, TextStudy
from tunewright.report.differences import differences
from tunewright.report.render import TEXT_SECTIONS, render

HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} `x` \x00 \u202e &amp; \ud83d\ude00 " + "W" * 400

STUDIES: dict[str, TextStudy] = {
    "actions": TextStudy(secondary=["json_field_f1", "json_valid"], items=90),
    "prose": TextStudy(prose=True, metric="rougeL", long=3_000, unreadable=0.06, items=90),
    "one candidate": TextStudy(skill={"nearest": 0.5}, items=40),
    "hostile": TextStudy(words=HOSTILE, prose=True, metric="token_f1", secondary=[], items=40),
    "another script": TextStudy(
        words="鲸鱼在海里游泳" * 400, prose=True, metric="exact_match", secondary=[], items=150
    ),
    "undecided": TextStudy(skill={"nearest": 0.80, "tune": 0.82}, items=90, secondary=[]),
}
EVERY = pytest.mark.parametrize("name", STUDIES)


@cache
def built(name: str) -> Page:
    return STUDIES[name].build()


@cache
def drawn(name: str) -> tuple[str, Element]:
    page = render(*copy.deepcopy(built(name)))
    return page, read(page)


@EVERY
def test_small_complete_and_without_scripts(name: str) -> None:
    page, tree = drawn(name)
    assert len(page.encode()) < 2_000_000
    assert [s.attributes["id"] for s in tree.all("section")] == [s.anchor for s in TEXT_SECTIONS]
    assert not tree.all("script")
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/", "")
    for link in tree.all("a"):
        tree.by_id(link.attributes["href"].removeprefix("#"))
    for nothing in ("Undefined", "nan", "49 `x`"):
        assert nothing not in tree.one("main").text
    assert not any(e.text == "None" for e in tree.all("td"))


def test_candidates_with_their_other_metrics() -> None:
    evidence, _ = built("actions")
    _, tree = drawn("actions")
    section = tree.by_id("candidates")
    tuned = next(c for c in evidence["candidates"] if c["id"] == "tune")
    rows = {row[0].split(" winner")[0]: row for row in section.all("table")[0].rows()[1:]}
    row = next(cells for title, cells in rows.items() if title.startswith("The tuned model"))
    assert f"{100 * tuned['test']['score']:.1f} %" in row
    assert f"{100 * tuned['test']['parse_failure_rate']:.1f} %" in row
    beside = section.one("table", "beside-table").rows()
    assert beside[0][:3] == ["Candidate", "JSON field F1", "valid JSON"]
    assert beside[1][1].startswith(
        f"{100 * tuned['test']['secondary']['json_field_f1']['score']:.1f}"
    )
    assert "5.4 M" in beside[1]
    assert "macro F1" not in section.text.lower()


def test_examples_show_inputs_references_and_both_answers() -> None:
    evidence, _ = built("actions")
    _, tree = drawn("actions")
    found = evidence["details"]["disagreements"]
    cards = tree.by_id("examples").all("li", "example")
    assert len(cards) == 8 + len(found["lost"]) + len(found["won"])
    case, card = found["lost"][0], cards[8]
    assert card.one("div", "asked").text.endswith(case["text"].strip())
    assert case["references"][0] in card.text
    assert [e.text for e in card.all("span", "score")] == ["✓ right", "✗ wrong"]
    marked = [e.text for card in cards for e in card.all("mark", "more")]
    struck = [e.text for card in cards for e in card.all("del", "less")]
    assert marked
    assert struck


def test_running_text_is_shown_once_with_how_probable_it_is() -> None:
    evidence, verdict = copy.deepcopy(built("actions"))
    evidence["metric"] = "token_probability"
    evidence["metric_info"]["right_wrong"] = False
    for case in evidence["details"]["drawn"]:
        case |= {"winner_score": 0.05, "baseline_score": 0.0025}
    page = read(render(evidence, verdict))
    card = page.by_id("examples").all("li", "example")[0]
    assert "Reference" not in card.text
    assert "perplexity 20.0" in card.text
    assert "perplexity 400.0" in card.text
    assert [e.text for e in card.all("span", "score")] == ["0.25 %", "5.00 %"]
    assert "characters an answer" not in page.by_id("candidates").text


def test_what_cannot_be_read_is_shown_and_counted() -> None:
    study = TextStudy(metric="json_field_f1", unreadable=0.3, items=80, secondary=[])
    evidence, verdict = study.build()
    tree = read(render(copy.deepcopy(evidence), verdict))
    winner = next(c for c in evidence["candidates"] if c["id"] == verdict["winner"])["test"]
    section = tree.by_id("failures")
    assert f"{winner['parse_failures']} answers could not be read" in section.text
    first = next(row for row in section.all("table", "bars")[0].rows())
    assert first == ["unreadable", "", str(winner["parse_failures"])]
    listed = section.all("li", "example")
    assert len(listed) == min(20, winner["parse_failures"])


def test_how_answers_were_written_and_the_hash_of_the_renderer() -> None:
    _, tree = drawn("actions")
    text = tree.by_id("method").text
    assert "max new tokens 64" in text
    assert "normalise whitespace" in text
    assert "5d41402abc4b2a76b9719d911017c592" in text


def test_parts_that_are_absent_do_not_cost_the_page() -> None:
    evidence, verdict = copy.deepcopy(built("prose"))
    missing = "secondary_metrics generation seeds plan details.drawn details.histogram"
    for name in missing.split():
        place: Any = evidence
        *path, last = name.split(".")
        for part in path:
            place = place[part]
        del place[last]
    tree = read(render(evidence, verdict))
    assert tree.by_id("examples").all("li", "example")
    assert "Other metrics" in tree.by_id("candidates").text


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        (
            "pay 12 now",
            "pay 13 now",
            [("same", "pay "), ("less", "13"), ("more", "12"), ("same", " now")],
        ),
        ("a b", "a b c", [("same", "a b"), ("less", "c")]),
        ("x y z", "a b c", None),
        ("w " * 400, "w " * 400, None),
    ],
)
def test_differences_word_by_word(
    answer: str, reference: str, expected: list[tuple[str, str]] | None
) -> None:
    found = differences(answer, reference)
    assert (found and [(part.kind, part.text) for part in found]) == expected


def test_nothing_of_the_answer_is_lost_in_its_stretches() -> None:
    for case in built("actions")[0]["details"]["disagreements"]["won"]:
        found = differences(case["baseline_answer"] or "", case["references"][0])
        if found:
            shown = "".join(part.text for part in found if part.kind != "less")
            assert shown == case["baseline_answer"]
