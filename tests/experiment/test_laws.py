"""Laws of learning curves: known curves are recovered, and the interval is honest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from tests.experiment.helpers import curve_points
from tunewright.experiment.curve import answer_curve
from tunewright.experiment.laws import LEVEL, CurveFit, fit_curve

Curve = Callable[[float], float]

SIZES = [250, 500, 1000, 2000, 4000]
KNOWN: dict[str, Curve] = {
    "power": lambda n: 2.0 * n**-0.4,
    "steep power": lambda n: 20.0 * n**-0.9,
    "power with floor": lambda n: 3.0 * n**-0.6 + 0.05,
    "rectified power": lambda n: 4.0 / (8.0 + n**0.6),
    "logarithm": lambda n: 0.6 - 0.06 * math.log(n),
    "exponential": lambda n: 0.3 * math.exp(-n / 1500) + 0.08,
}
UNKNOWN: dict[str, Curve] = {
    "logistic in log n": lambda n: 0.08 + 0.3 / (1 + (n / 4000) ** 1.5),
    "steep logistic in log n": lambda n: 0.05 + 0.4 / (1 + (n / 2000) ** 2),
    "stretched exponential": lambda n: 0.06 + 0.35 * math.exp(-((n / 3000) ** 0.7)),
    "Gompertz": lambda n: 0.05 + 0.4 * (1 - math.exp(-2 * math.exp(-n / 4000))),
    "broken power": lambda n: 0.5 * n**-0.1 * (1 + (n / 6000) ** 2) ** -0.25,
}
"""Curves of none of the laws."""


def measured(
    curve: Curve, seed: int | None = None, sd: float = 0.0, seeds: int = 2, upto: int = 5
) -> tuple[list[int], list[float]]:
    """Sizes and errors as an experiment would give them."""
    rng = np.random.default_rng(seed)
    sizes = [size for size in SIZES[:upto] for _ in range(seeds)]
    return sizes, [curve(size) + sd * float(rng.normal()) for size in sizes]


def fitted(*args: object, **kwargs: object) -> CurveFit:
    found = fit_curve(*measured(*args, **kwargs))  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize("name", KNOWN)
def test_known_curves_are_recovered(name: str) -> None:
    curve = KNOWN[name]
    fit = fitted(curve)
    for size in SIZES:
        assert fit.error(size) == pytest.approx(curve(size), abs=0.002)
    assert fit.error(8000) == pytest.approx(curve(8000), abs=0.006)


@pytest.mark.parametrize("name", ["power", "rectified power", "logarithm"])
def test_the_law_that_made_the_curve_weighs_most(name: str) -> None:
    weights = {law: weight for law, _, weight in fitted(KNOWN[name]).laws}
    assert sum(weights.values()) == pytest.approx(1.0)
    close = max(weights.values())
    assert weights[name] > 0.5 * close  # a law with more parameters can imitate it


def test_parameters_are_those_of_the_curve() -> None:
    laws = {name: parameters for name, parameters, _ in fitted(KNOWN["power"]).laws}
    assert laws["power"] == pytest.approx([2.0, 0.4], rel=1e-3)
    laws = {name: parameters for name, parameters, _ in fitted(KNOWN["logarithm"]).laws}
    assert laws["logarithm"] == pytest.approx([0.6, 0.06], rel=1e-3)


def test_fewer_than_three_sizes_are_no_curve() -> None:
    assert fit_curve([100, 100, 200], [0.3, 0.3, 0.2]) is None
    assert fit_curve([], []) is None
    assert fit_curve([100, 200, 400], [0.3, 0.2, 0.15]) is not None


def test_no_law_has_more_parameters_than_there_are_sizes() -> None:
    names = {name for name, _, _ in fitted(KNOWN["power"], upto=3).laws}
    assert names == {"power", "power with floor", "rectified power", "logarithm", "exponential"}
    fit = fit_curve([100, 200, 400], [0.3, 0.2, 0.15])
    assert fit is not None
    assert all(len(parameters) <= 3 for _, parameters, _ in fit.laws)


def covered(curve: Curve, draws: int = 8, sd: float = 0.005) -> tuple[float, float]:
    """How often the interval at twice the rows holds the truth, and its median width.

    The shape of the default configuration: four sizes, two seeds each.
    """
    sizes = [size for size in (1000, 2000, 4000, 8000) for _ in range(2)]
    inside, widths = [], []
    for seed in range(draws):
        rng = np.random.default_rng([seed, 7])
        fit = fit_curve(sizes, [curve(size) + sd * float(rng.normal()) for size in sizes])
        assert fit is not None
        gain, low, high = fit.gain(16000)
        assert low < gain < high
        inside.append(low <= curve(8000) - curve(16000) <= high)
        widths.append(high - low)
    return float(np.mean(inside)), float(np.median(widths))


class TestInterval:
    @pytest.mark.parametrize("name", KNOWN)
    def test_it_covers_curves_of_its_own_laws(self, name: str) -> None:
        share, width = covered(KNOWN[name])
        assert share >= LEVEL - 0.03  # one of eight draws may be missed
        assert width < 0.1  # not by being endless

    @pytest.mark.parametrize("name", UNKNOWN)
    def test_it_covers_curves_of_no_law_that_it_knows(self, name: str) -> None:
        assert covered(UNKNOWN[name])[0] >= LEVEL - 0.03

    def test_two_sizes_are_held_out_where_there_are_enough(self) -> None:
        assert len(fitted(KNOWN["power"], upto=5).misses) == 2
        assert len(fitted(KNOWN["power"], upto=4).misses) == 2
        assert len(fitted(KNOWN["power"], upto=3).misses) == 1  # two sizes fit a law, one does not

    def test_it_is_as_wide_as_the_misses_at_the_held_out_sizes(self) -> None:
        """A curve that falls evenly and then stops: the laws did not see it coming."""
        sizes = [250, 500, 1000, 2000, 4000]
        errors = [0.40, 0.30, 0.225, 0.17, 0.17]
        kink, smooth = fit_curve(sizes, errors), fit_curve(sizes, [*errors[:4], 0.1275])
        assert kink is not None
        assert smooth is not None
        miss = 0.17 - 0.1275
        assert abs(kink.misses[0]) > 0.8 * miss
        assert abs(smooth.misses[0]) < 0.4 * miss
        widths = [high - low for _, low, high in (kink.gain(8000), smooth.gain(8000))]
        assert widths[0] > 1.5 * widths[1]

    def test_laws_that_disagree_beyond_the_last_size_widen_it(self) -> None:
        agree = CurveFit(
            laws=[("power", [2.0, 0.4], 0.5), ("power", [2.0, 0.4], 0.5)],
            last_size=4000,
            last_error=KNOWN["power"](4000),
            misses=(0.001, 0.001),
            noise=0.002,
        )
        stops = ("power with floor", [0.0, 1.0, KNOWN["power"](4000)], 0.5)
        disagree = replace(agree, laws=[agree.laws[0], stops])
        (_, low, high), (_, wide_low, wide_high) = agree.gain(8000), disagree.gain(8000)
        between = KNOWN["power"](4000) - KNOWN["power"](8000)
        assert wide_high - wide_low > max(high - low, between)

    def test_no_more_can_be_gained_than_is_wrong_today(self) -> None:
        fit = fitted(lambda n: 0.01 + 0.0 * n, seed=1, sd=0.004)
        assert fit.gain(16000)[2] <= max(fit.last_error, fit.gain(16000)[0])

    def test_it_grows_with_the_distance_and_with_the_noise(self) -> None:
        calm, noisy = (fitted(KNOWN["power"], seed=3, sd=sd) for sd in (0.001, 0.02))
        widths = [
            fit.gain(size)[2] - fit.gain(size)[1]
            for fit, size in ((calm, 5000), (calm, 8000), (calm, 16000), (noisy, 8000))
        ]
        assert widths[0] < widths[1] < widths[2]
        assert widths[3] > 3 * widths[1]

    def test_the_gain_at_the_present_size_is_nothing(self) -> None:
        gain, low, high = fitted(KNOWN["power"], seed=1, sd=0.004).gain(SIZES[-1])
        assert gain == pytest.approx(0.0)
        assert low < 0 < high


class TestAnswer:
    """`answer_curve`: is more labelled data worth it?"""

    def answer(
        self, curve: Curve, margin: float, seed: int = 0, sd: float = 0.0
    ) -> dict[str, object]:
        sizes, errors = measured(curve, seed, sd, seeds=3)
        return answer_curve(curve_points(sizes, [1.0 - error for error in errors]), margin)

    def test_yes_with_the_rows_that_it_takes(self) -> None:
        found = self.answer(KNOWN["power"], margin=0.01)
        assert found["answer"] == "yes"
        gain = KNOWN["power"](4000) - KNOWN["power"](8000)
        told = "twice the labelled rows (8,000 instead of 4,000) would change the score by"
        assert f"{told} {100 * gain:+.1f}" in str(found["sentence"])
        # The interval at 6,000 rows does not reach one point yet.
        low = {p["size"]: p["low"] for p in cast(list[Any], found["predictions"])}
        assert low[6000] < 0.01 <= low[8000]
        assert re.search(r"about 4,000 more rows should bring \W?1\W", str(found["sentence"]))

    def test_no_when_the_curve_is_flat(self) -> None:
        found = self.answer(lambda n: 0.1, margin=0.02)
        assert found["answer"] == "no"
        assert "hardly worth it" in str(found["sentence"])

    def test_no_when_the_gain_is_below_the_margin(self) -> None:
        assert self.answer(KNOWN["logarithm"], margin=0.08)["answer"] == "no"
        assert self.answer(KNOWN["logarithm"], margin=0.02)["answer"] == "yes"

    def test_pure_noise_is_no_answer(self) -> None:
        """Scores that do not depend on the size at all, and vary by more than the margin."""
        answers = [self.answer(lambda n: 0.2, 0.01, seed, sd=0.03)["answer"] for seed in range(15)]
        assert answers.count("cannot tell") >= 14
        assert "yes" not in answers

    def test_too_few_sizes(self) -> None:
        found = answer_curve(curve_points([100, 200], [0.5, 0.6]), 0.01)
        assert found["answer"] == "cannot tell"
        assert "too few different subset sizes" in found["sentence"]
        assert found["predictions"] == []
        assert [point["size"] for point in found["points"]] == [100, 200]

    def test_failed_runs_are_left_out(self) -> None:
        sizes, errors = measured(KNOWN["power"])
        points = curve_points(sizes, [1 - error for error in errors])
        broken = curve_points([4000], [-1.0], failed="it diverged")
        assert answer_curve([*points, *broken], 0.01) == answer_curve(points, 0.01)

    def test_the_numbers_of_the_report(self) -> None:
        found = self.answer(KNOWN["power"], margin=0.01)
        predictions = found["predictions"]
        assert isinstance(predictions, list)
        assert [p["multiple"] for p in predictions] == [1.25, 1.5, 2.0, 3.0, 4.0]
        assert [p["size"] for p in predictions] == [5000, 6000, 8000, 12000, 16000]
        assert all(p["low"] < p["gain"] < p["high"] and p["level"] == 0.9 for p in predictions)
        curve = found["fitted"]
        assert isinstance(curve, list)
        assert (curve[0]["size"], curve[-1]["size"]) == (250, 16000)
        scores = [point["score"] for point in curve]
        assert scores == sorted(scores)
