"""Absent parts and numbers that are none cost the page no more than themselves."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.report.builder import Study
from tests.report.reading import read
from tunewright.report.charts import theme
from tunewright.report.intake import taken_in
from tunewright.report.render import render

NAN = float("nan")
_KEPT = {"margin", "alpha", "power", "expected_requests", "test_items", "rung"}
"""Set by the person or by counting: never absent."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are built as always; only their drawing is skipped."""
    blank = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
    monkeypatch.setattr(theme.vl_convert, "vegalite_to_svg", lambda *a, **k: blank)


def numbers(value: Any, key: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Holder, place and name of every number."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for place, item in pairs:
        name = place if isinstance(place, str) else key
        if isinstance(item, dict | list):
            yield from numbers(item, name)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield value, place, name


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("quick")
def test_numbers_that_are_none(seed: int) -> None:
    evidence, verdict = Study(items=40).build()
    names = sorted({name for part in (evidence, verdict) for _, _, name in numbers(part)} - _KEPT)
    gone = set(random.Random(seed).sample(names, len(names) // 3)) - {"score"}
    for part in (evidence, verdict):
        for holder, place, name in list(numbers(part)):
            if name in gone:
                holder[place] = NAN
    page = render(evidence, verdict)
    assert "nan" not in read(page).one("main").text.split()


@pytest.mark.usefixtures("quick")
def test_optional_parts_that_are_absent() -> None:
    evidence, verdict = Study(items=40).build()
    for name in (
        "audit", "plan", "calibration", "tokens", "search", "tuning", "curve", "curve_answer",
        "seeds", "incidents", "warnings", "environment", "test_openings", "power", "comparisons",
        "data", "project", "details",
    ):  # fmt: skip
        del evidence[name]
    for name in ("gain", "gain_interval", "p_value", "cost", "reasons", "would_change_it"):
        del verdict[name]
    page = read(render(evidence, verdict))
    assert page.by_id("verdict").one("h1").text == " ".join(verdict["sentence"].split())


@pytest.mark.usefixtures("quick")
def test_costs_that_were_not_measured() -> None:
    evidence, verdict = Study(items=40).build()
    for candidate in evidence["candidates"]:
        candidate["cost"] = None
    page = read(render(evidence, {**verdict, "cost": None}))
    assert "Score against cost" not in page.by_id("candidates").text
    assert "Cost in time" not in page.by_id("verdict").text


def test_one_unmeasured_score_leaves_the_others() -> None:
    evidence, verdict = Study(items=40).build()
    broken = copy.deepcopy(evidence)
    broken["candidates"][0]["test"]["score"] = NAN
    broken["curve"][0]["score"] = None
    broken["details"]["slices"][0]["interval"]["low"] = None
    found, _ = taken_in(broken, verdict)
    assert [c["test"] is None for c in found["candidates"]] == [True, False, False, False]
    assert len(found["curve"]) == len(evidence["curve"]) - 1
    assert len(found["details"]["slices"]) == len(evidence["details"]["slices"]) - 1


def test_nothing_is_changed_where_nothing_is_missing() -> None:
    evidence, verdict = Study(items=40).build()
    found, decided = taken_in(evidence, verdict)
    assert _within(evidence, found)
    assert _within(verdict, decided)


def _within(part: Any, whole: Any) -> bool:
    """Whether everything in `part` stands unchanged in `whole`, which may hold more."""
    if isinstance(part, dict):
        return all(_within(v, whole.get(k)) for k, v in part.items() if v is not None)
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(_within, part, whole))
    return bool(part == whole)
