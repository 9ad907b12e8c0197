"""The first screen: the verdict in one sentence, its interval, the margin, what would change it."""

from __future__ import annotations

import copy

import pytest

from tests.report.pages import drawn
from tests.report.reading import Element, read
from tunewright.report.render import render


def points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def places(plot: Element) -> dict[str, float]:
    """Where the parts of the gain plot stand, in percent of its width."""
    zero, dot, caps = plot.one(cls="zero"), plot.one(cls="dot"), plot.all(cls="cap")
    found = {
        "zero": zero.attributes["x1"],
        "gain": dot.attributes["cx"],
        "low": caps[0].attributes["x1"],
        "high": caps[1].attributes["x1"],
        "margin": plot.one(cls="margin-line").attributes["x1"],
    }
    return {name: float(place.removesuffix("%")) for name, place in found.items()}


@pytest.mark.parametrize(
    ("name", "badge", "tone"),
    [
        ("tune", "Fine-tune", "tone-tune"),
        ("cannot_tell", "Cannot tell yet", "tone-unsure"),
        ("no_tune", "Do not fine-tune: use a linear probe on the frozen model", "tone-keep"),
        ("untuned", "Use a linear probe on the frozen model", "tone-keep"),
    ],
)
def test_badge_and_sentence(name: str, badge: str, tone: str) -> None:
    found = drawn(name)
    first = found.section("verdict")
    assert first.one("p", "badge").text == badge
    assert tone in first.one("p", "badge").classes
    assert first.one("h1").text == " ".join(found.verdict["sentence"].split())
    title = found.tree.one("head").one("title")
    assert title.children == [f"{badge} – train.csv"]


@pytest.mark.parametrize("name", ["tune", "cannot_tell", "no_tune", "two_labels", "groups"])
def test_interval_is_drawn_to_scale(name: str) -> None:
    found = drawn(name)
    plot = found.section("verdict").one("svg", "gain")
    verdict, at = found.verdict, places(plot)
    interval = verdict["gain_interval"]
    known = {
        "zero": 0.0,
        "gain": verdict["gain"],
        "low": interval["low"],
        "high": interval["high"],
        "margin": verdict["margin"],
    }
    scale = (at["high"] - at["low"]) / (interval["high"] - interval["low"])
    for part, value in known.items():
        assert at[part] == pytest.approx(at["zero"] + scale * value, abs=0.03), part
        assert 0 < at[part] < 100
    assert [e.text for e in plot.all(cls="end-label")] == [
        points(interval["low"]),
        points(interval["high"]),
    ]
    assert plot.one(cls="gain-label").text.startswith(points(verdict["gain"]))
    assert plot.one(cls="margin-label").text == f"your margin {points(verdict['margin'])}"


@pytest.mark.parametrize("name", ["tune", "cannot_tell", "no_tune", "untuned"])
def test_figures_are_those_of_the_verdict(name: str) -> None:
    found = drawn(name)
    verdict, shown = found.verdict, found.section("verdict").one("dl", "figures").text
    interval = verdict["interval"]
    assert f"{100 * verdict['score']:.1f} %" in shown
    assert f"({100 * interval['low']:.1f} % to {100 * interval['high']:.1f} %)" in shown
    assert f"{verdict['test_items']:,}" in shown
    assert f"{100 * verdict['minimum_detectable_effect']:.1f} point" in shown
    assert f"your margin is {100 * verdict['margin']:.1f} point" in shown


@pytest.mark.parametrize("name", ["tune", "cannot_tell", "no_tune", "untuned", "one_candidate"])
def test_what_would_change_it(name: str) -> None:
    found = drawn(name)
    first = found.section("verdict").text.replace("( ", "(").replace(" )", ")")
    for line in [*found.verdict["would_change_it"], *found.verdict["warnings"]]:
        assert line.replace("`", "") in first


def test_one_candidate_has_nothing_to_be_compared_with() -> None:
    first = drawn("one_candidate").section("verdict")
    assert not first.all("svg", "gain")
    assert "Only one candidate was measured" in first.text


def test_without_a_margin_none_is_drawn() -> None:
    plot = drawn("no_margin").section("verdict").one("svg", "gain")
    assert not plot.all(cls="margin-line")
    assert not plot.all(cls="beyond")


def test_undecided_pair_is_drawn_where_the_verdict_names_it() -> None:
    found = drawn("cannot_tell")
    verdict = {**found.verdict, "rival": "tune", "undecided": "tfidf"}
    first = read(render(found.evidence, verdict)).by_id("verdict")
    pair = next(c for c in found.evidence["comparisons"] if {c["a"], c["b"]} == {"tune", "tfidf"})
    label = first.one("svg", "gain").one(cls="gain-label").text
    assert label.startswith(points(abs(pair["difference"])))
    assert "TF-IDF" in first.one("div", "gain-box").text


def test_no_tune_draws_the_interval_of_its_sentence() -> None:
    """The winner need not be the best without training: then the drawing must follow the winner."""
    found = drawn("no_tune")
    evidence, verdict = copy.deepcopy(found.evidence), copy.deepcopy(found.verdict)
    verdict["winner"], verdict["decision"] = "tfidf", "floor"
    first = read(render(evidence, verdict)).by_id("verdict")
    pair = next(c for c in evidence["comparisons"] if {c["a"], c["b"]} == {"tune", "tfidf"})
    label = first.one("svg", "gain").one(cls="gain-label").text
    assert label.startswith(points(abs(pair["difference"])))


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (-0.05, -0.01, "worse, not better"),
        (0.02, 0.05, "large enough to matter"),
        (0.005, 0.05, "may be too small to matter"),
        (0.001, 0.008, "too small to matter"),
        (-0.02, 0.008, "ends below your margin"),
        (-0.02, 0.05, "remain possible"),
    ],
)
def test_reading_of_the_interval(low: float, high: float, told: str) -> None:
    from tunewright.report.sections.verdict import reading

    assert told in reading("gain", low, high, 0.01)


@pytest.mark.parametrize("low", [-0.02, 0.001])
def test_an_interval_within_the_margin_where_nothing_is_settled(low: float) -> None:
    """The verdict is corrected for all comparisons; the interval is that of one."""
    from tunewright.report.sections.verdict import reading

    told = reading("gain", low, 0.008, 0.01, settled=False)
    assert "not yet sure" in told
    assert "Corrected for the number of comparisons" in told
