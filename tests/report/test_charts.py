"""The drawings: inline, in the page's colours, to scale, and readable at any number of labels."""

from __future__ import annotations

import re
from importlib import resources
from itertools import pairwise

import pytest

from tests.report.pages import drawn
from tests.report.reading import Element, read
from tunewright.report.charts import palette
from tunewright.report.charts.confusion import confusion_chart
from tunewright.report.charts.labels import label_chart
from tunewright.report.charts.reliability import reliability_chart
from tunewright.report.charts.search import search_panels, styles_of
from tunewright.report.charts.svg import inline

_PLACE = re.compile(r"translate\((-?[\d.]+),\s*(-?[\d.]+)\)")


def drawing(section: Element, name: str) -> Element:
    return section.one("svg", name)


def places(svg: Element, fill: str, mark: str = "path") -> list[tuple[float, float]]:
    """Where the marks of one colour stand."""
    found = []
    for element in svg.all(mark):
        match = _PLACE.search(element.attributes.get("transform", ""))
        if match and element.attributes.get("fill") == f"var(--{fill})":
            found.append((float(match[1]), float(match[2])))
    return found


def texts(svg: Element) -> list[str]:
    return [element.text for element in svg.all("text")]


def test_colours_are_those_of_the_style_sheet() -> None:
    sheet = resources.files("tunewright.report") / "templates" / "style.css"
    light, dark = sheet.read_text(encoding="utf-8").split("@media (prefers-color-scheme: dark)")[:2]
    for value, name in palette.NAMES.items():
        assert f"--{name}: {value};" in light
        assert f"--{name}: #" in dark[:1500]


def test_no_colour_is_fixed() -> None:
    for svg in drawn("tune").tree.all("svg", "drawing"):
        for element in svg.all():
            for key in ("fill", "stroke"):
                value = element.attributes.get(key, "none")
                assert value.startswith("var(--") or value in ("none", "transparent"), value


def test_cost_chart_is_to_scale() -> None:
    found = drawn("tune")
    svg = drawing(found.section("candidates"), "cost-wide")
    tested = {c["id"]: c for c in found.evidence["candidates"] if c["test"]}
    (tuned,), (probe,), (floor,) = (
        places(svg, colour) for colour in ("winner", "baseline", "other")
    )
    scores = [tested[name]["test"]["score"] for name in ("tune", "probe", "tfidf")]
    steps = [floor[1] - probe[1], probe[1] - tuned[1]]
    expected = [scores[1] - scores[2], scores[0] - scores[1]]
    assert steps[0] / expected[0] == pytest.approx(steps[1] / expected[1], rel=0.02)
    assert tuned[0] > probe[0] == floor[0]
    assert "Below the drawing: Always the most frequent label" in found.section("candidates").text


def test_curve_has_every_point() -> None:
    found = drawn("tune")
    svg = drawing(found.section("curve"), "curve-wide")
    points = sorted((p["size"], p["score"]) for p in found.evidence["curve"])
    dots = sorted((x, -y) for x, y in places(svg, "ink"))
    assert len(dots) == len(points)
    assert [a[0] == b[0] for a, b in pairwise(dots)] == [a[0] == b[0] for a, b in pairwise(points)]
    doubled = next(p for p in found.evidence["curve_answer"]["predictions"] if p["multiple"] == 2)
    assert any(f"twice the rows: {100 * doubled['gain']:+.1f}" in text for text in texts(svg))


def test_without_a_curve_it_is_said() -> None:
    section = drawn("no_curve").section("curve")
    assert not section.all("svg")
    assert "No learning curve was measured" in section.text
    assert "No model was tuned" in drawn("untuned").section("curve").text


@pytest.mark.parametrize(("labels", "is_drawn"), [(2, True), (40, True), (41, False), (150, False)])
def test_matrix_up_to_forty_labels(labels: int, is_drawn: bool) -> None:
    from tunewright.report.sections.errors import matrix_of

    details = {
        "confusion_matrix": [[int(a == b) for a in range(labels)] for b in range(labels)],
        "classes": [{"label": f"label {n}"} for n in range(labels)],
    }
    found = matrix_of(details)
    assert (found is not None) == is_drawn
    if found is not None:
        shown = texts(read(str(found)).all("svg")[0])
        assert shown.count("1") >= labels
        assert any(text.startswith(f"{labels} label") for text in shown)


def test_many_labels_have_lists_instead_of_a_matrix() -> None:
    found = drawn("many_labels")
    errors, data = found.section("errors"), found.section("data")
    assert "With 150 labels a matrix of all of them could not be read" in errors.text
    assert "140 more labels" in errors.text
    assert len(drawing(data, "labels-wide").all("path")) >= 150
    assert "All 150 labels" in data.text


def test_matrix_counts_and_shades() -> None:
    svg = read(str(confusion_chart([[8, 2], [0, 5]], ["yes", "no"]))).all("svg")[0]
    shown = texts(svg)
    assert [shown.count(number) for number in ("8", "5")] == [1, 1]
    assert "0" not in shown
    squares = [e.attributes["fill"] for e in svg.all("path") if "fill-opacity" in e.attributes]
    assert squares.count("var(--bad)") == 1
    assert squares.count("var(--other)") == 2


def test_reliability_of_few_bins() -> None:
    bins = [{"items": 3, "confidence": 0.5, "accuracy": 1.0, "low": 0.4, "high": 0.6}]
    svg = read(str(reliability_chart(bins, 0.5))).one("svg")
    assert len(places(svg, "winner")) == 1
    assert "off by 50.0 %" in str(svg.one("desc").children[0]).replace("\xa0", " ")


def test_label_chart_of_thousands() -> None:
    counts = [(f"label {n}", 3_000 - n) for n in range(2_000)]
    found = str(label_chart(counts))
    assert len(found) < 600_000
    assert any("label 0" in text for text in texts(read(found).all("svg")[0]))


def test_search_panels_ring_the_chosen_one() -> None:
    runs = drawn("tune").evidence["search"]
    done = [run for run in runs if run["score"] is not None]
    panels = search_panels(done, done[-1]["trials"])
    assert [panel.runs for panel in panels] == [3, 1, 1]
    assert [("chosen" in panel.drawing) for panel in panels] == [False, False, True]
    assert search_panels([], None) == []


def test_strategies_beyond_the_palette_share_a_style() -> None:
    styles = styles_of([f"s{n}" for n in range(9)])
    assert len(set(styles.values())) == len(palette.SERIES) + 1


def test_inline_keeps_only_what_is_seen() -> None:
    drawn_by_vega = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'class="marks" version="1.1"><defs><clipPath id="clip7"><path d="M0.123456,1"/></clipPath>'
        '</defs><g clip-path="url(#clip7)" aria-hidden="true"><path fill="#1b1f24" d="M0,0"/>'
        '<path fill="none" d="M1,1"/><g></g></g></svg>'
    )
    found = str(inline(drawn_by_vega, name="x", title="<b>", description="a & b"))
    assert "xmlns" not in found
    assert "clip7" not in found
    assert 'clip-path="url(#x-1)"' in found
    assert "var(--ink)" in found
    assert "M1,1" not in found
    assert "&lt;b&gt;" in found
    assert "a &amp; b" in found
    assert "M0.12,1" in found


def test_a_rung_that_repeats_another_is_drawn_once() -> None:
    """With few epochs two rungs fall on the same one; the second trains nothing."""
    from tests.report.builder import run
    from tunewright.report.facts import Facts
    from tunewright.report.intake import taken_in
    from tunewright.report.sections.search import search_view

    found = drawn("tune")
    runs = [run(0, 1e-4, 0.88), run(1, 1e-4, 0.88, epochs=1), run(2, 1e-4, 0.93, epochs=3)]
    evidence, verdict = taken_in({**found.evidence, "search": runs}, found.verdict)
    view = search_view(Facts(evidence=evidence, verdict=verdict))
    assert [panel.epochs for panel in view["panels"]] == ["1 epoch", "3 epochs"]
    assert len(view["runs"]) == 3
