"""Every number of the page is the number of the evidence, rounded and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.pages import Drawn, drawn
from tests.report.reading import Element

WITH_RIVALS = pytest.mark.parametrize(
    "name", ["tune", "cannot_tell", "no_tune", "untuned", "two_labels", "many_labels", "groups"]
)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def signed(share: float) -> str:
    shown = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if shown in ("+0.0", "−0.0") else shown


def table(section: Element, cls: str = "", holding: str = "") -> list[list[str]]:
    """The rows of the first table of that class, or whose head holds some words."""
    found = (t for t in section.all("table", cls) if holding in t.text)
    return next(found).rows()


def candidates(found: Drawn) -> dict[str, dict[str, Any]]:
    return {c["id"]: c for c in found.evidence["candidates"]}


@WITH_RIVALS
def test_candidates_table(name: str) -> None:
    found = drawn(name)
    section = found.section("candidates")
    rows = {row[0]: row for row in table(section, "candidates-table")[1:]}
    tested = [c for c in found.evidence["candidates"] if c["test"]]
    for candidate in tested:
        title = candidate["title"][:1].upper() + candidate["title"][1:]
        row = next(row for first, row in rows.items() if first.startswith(title) and len(row) > 5)
        test, interval = candidate["test"], candidate["test"]["interval"]
        assert row[1:4] == [
            percent(candidate["dev"]["score"]),
            percent(test["score"]),
            f"{percent(interval['low'])} {percent(interval['high'])}",
        ]
        assert row[5:7] == [percent(test["macro"]["f1"]), percent(test["calibration_error"])]
    shown = [row[2] for row in rows.values() if len(row) > 5]
    assert shown == sorted(shown, key=lambda text: -float(text.split()[0]))


def test_candidates_left_behind_are_listed() -> None:
    found = drawn("tune")
    other = candidates(found)["probe-c1"]
    rows = found.section("candidates").one("tbody", "left-behind").rows()
    assert rows[1][1] == percent(other["dev"]["score"])


@WITH_RIVALS
def test_comparisons(name: str) -> None:
    found = drawn(name)
    rows = table(found.section("candidates"), holding="corrected p")[1:]
    assert len(rows) == len(found.evidence["comparisons"])
    titles = {c["id"]: c["title"].lower() for c in found.evidence["candidates"]}
    shown = {(row[0].lower(), row[1].lower()): row for row in rows}
    for entry in found.evidence["comparisons"]:
        low, high = entry["interval"]["low"], entry["interval"]["high"]
        a, b, sign = entry["a"], entry["b"], 1
        right = [entry["only_a_right"], entry["only_b_right"]]
        if entry["difference"] < 0:
            a, b, sign, low, high, right = b, a, -1, -high, -low, right[::-1]
        row = shown[titles[a], titles[b]]
        assert row[2] == signed(sign * entry["difference"])
        assert row[3] == f"{signed(low)} to {signed(high)}"
        p = entry["p_corrected"]
        assert row[5] == ("< 0.001" if p < 0.001 else f"{p:.3f}")
        assert row[6:] == [f"{number:,}" for number in right]


@WITH_RIVALS
def test_classes(name: str) -> None:
    found = drawn(name)
    shown = {}
    for part in found.section("errors").all("table", "class-table"):
        shown.update({row[0].replace(" ", ""): row for row in part.rows()[1:]})
    for row in found.evidence["details"]["classes"]:
        if row["support"]:
            assert shown[row["label"]][1:5] == [
                str(row["support"]),
                *(percent(row[name]) for name in ("precision", "recall", "f1")),
            ]
        else:
            assert shown[row["label"]][1:] == ["0", "not in the test set"]


@WITH_RIVALS
def test_slices(name: str) -> None:
    found = drawn(name)
    rows = table(found.section("errors"), holding="Against the rest")[1:]
    shown = {(row[0], row[1].replace(" ", "")): row for row in rows}
    slices = found.evidence["details"]["slices"]
    assert len(rows) == len(slices)
    for entry in slices:
        row = shown[entry["name"], entry["value"].replace(" ", "")]
        interval = entry["interval"]
        assert row[2:6] == [
            f"{entry['n']:,}",
            percent(entry["score"]),
            f"{percent(interval['low'])} to {percent(interval['high'])}",
            signed(entry["difference"]),
        ]


@WITH_RIVALS
def test_confusions(name: str) -> None:
    found = drawn(name)
    rows = [row for t in found.section("errors").all("table", "confusions") for row in t.rows()]
    shown = [(row[0], row[2], row[3]) for row in rows if row[1] == "→"]
    assert [(a.replace(" ", ""), b.replace(" ", ""), n) for a, b, n in shown] == [
        (row["target"], row["answer"], str(row["count"]))
        for row in found.evidence["details"]["confusions"]
    ]


@pytest.mark.parametrize("name", ["tune", "cannot_tell", "no_tune", "two_labels", "groups"])
def test_disagreements(name: str) -> None:
    found = drawn(name)
    section = found.section("disagreements")
    known = found.evidence["details"]["disagreements"]
    parts = [int(li.one("strong").text.replace(",", "")) for li in section.all("li")]
    won, lost, neither = (known[n] for n in ("won_count", "lost_count", "both_wrong"))
    assert parts == [found.evidence["test_items"] - won - lost - neither, won, lost, neither]
    cases = [row for t in section.all("table", "cases") for row in t.rows()[1:]]
    listed = [*known["lost"], *known["won"]]
    assert [row[0] for row in cases] == [item["text"] for item in listed]
    for row, item in zip(cases, listed, strict=True):
        assert row[1].replace(" ", "") == item["target"]
        assert row[2] == f"{item['baseline_answer']} {_mark(item, 'baseline')}"
        assert row[3].endswith(f"{100 * item['winner_confidence']:.0f} % sure")


def _mark(item: dict[str, Any], who: str) -> str:
    return "✓" if item[f"{who}_answer"] == item["target"] else "✗"


def test_who_has_no_rival_is_said_to_have_none() -> None:
    assert "only one candidate" in drawn("one_candidate").section("disagreements").text
    beside = drawn("untuned").section("disagreements").text
    assert "Against TF-IDF with logistic regression" in beside  # the best of the others


def test_curve() -> None:
    found = drawn("tune")
    section = found.section("curve")
    answer = found.evidence["curve_answer"]
    assert answer["sentence"] in section.text
    assert section.one("span", "answer-mark").text == "Yes"
    measured = {row[0]: row for row in table(section, holding="Measured")[1:]}
    for size in {point["size"] for point in found.evidence["curve"]}:
        scores = [p["score"] for p in found.evidence["curve"] if p["size"] == size]
        assert measured[str(size)][1] == percent(sum(scores) / len(scores))
        assert measured[str(size)][2] == ", ".join(percent(score) for score in scores)
    forecast = table(section, holding="Forecast")[1:]
    assert [row[2:] for row in forecast] == [
        [signed(p["gain"]), f"{signed(p['low'])} to {signed(p['high'])}"]
        for p in answer["predictions"]
    ]


def test_search() -> None:
    found = drawn("tune")
    rows = table(found.section("search"), holding="Learning rate")[1:]
    runs = found.evidence["search"]
    assert len(rows) == len(runs)
    for row, run in zip(rows, runs, strict=True):
        if run["failed"]:
            assert f"failed: {run['failed']}" in row
        else:
            assert percent(run["score"]) in row
    assert [row[0].endswith("chosen") for row in rows].count(True) == 1


def test_data_and_audit() -> None:
    found = drawn("tune")
    section, data = found.section("data"), found.evidence["data"]
    parts = [li.text.split()[0] for li in section.one("div", "stacked").all("li")]
    unused = sum(data["rejected"].values())
    assert parts == [str(data["train"]), str(data["dev"]), str(data["test"]), str(unused)]
    for finding in found.evidence["audit"]:
        assert finding["message"][1:] in section.text
    assert "train.csv row 7 (line 8)" in section.text.replace("( ", "(").replace(" )", ")")
    assert "29 more rows in data/audit.json" in section.text


def test_method() -> None:
    found = drawn("tune")
    shown = found.section("method").text
    for part in ("a processor", "25.3 GB", "2.4.6", "2.13.0", "3.11.7", "22,713,216"):
        assert part in shown
    assert found.evidence["data"]["test_hash"] in shown
    assert "opened once" in shown


def test_many_openings_and_incidents_are_told() -> None:
    from tests.report.builder import Study
    from tunewright.report.facts import Facts
    from tunewright.report.intake import taken_in
    from tunewright.report.sections.method import method_view

    incident = {"job": "tune", "reason": "out of memory", "happened_at": "today"}
    study = Study(changes={"test_openings": 3, "incidents": [incident] * 60})
    evidence, verdict = taken_in(*study.build())
    view = method_view(Facts(evidence=evidence, verdict=verdict))
    assert view["openings"] == 3
    assert view["incidents"][0] == incident
    assert len(view["incidents"]) + view["incidents_left_out"] == 60


def test_a_mixture_is_told_with_the_share_of_each_data_set() -> None:
    from tests.report.pages import STUDIES, drawn
    from tests.report.reading import read
    from tunewright.report.render import render

    found = drawn(next(iter(STUDIES)))
    parts = [
        {"name": "a.csv", "rows": 10, "drawn": 25, "share": 0.25, "not_drawn": 0, "epochs": 2.5},
        {"name": "<b>", "rows": 100, "drawn": 75, "share": 0.75, "not_drawn": 25, "epochs": 0.75},
    ]
    evidence = {**found.evidence, "data": {**found.evidence["data"], "mixture": parts}}
    text = read(render(evidence, found.verdict)).by_id("data").text.replace("\u202f", " ")
    assert "a.csv: 25 drawn of 10" in text
    assert "gone through 2.5 times" in text
    assert "<b>: 75 drawn of 100" in text
