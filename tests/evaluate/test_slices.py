"""Against scipy, statsmodels and planted weaknesses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tunewright.evaluate.intervals import wilson
from tunewright.evaluate.resample import Settings
from tunewright.evaluate.slices import fisher_midp, length_slices, slice_report

rng = np.random.default_rng(9)
FAST = Settings(resamples=500)


def _slow_fisher_midp(right_in: int, n_in: int, right_out: int, n_out: int) -> float:
    table = stats.hypergeom(n_in + n_out, right_in + right_out, n_in)
    half = table.pmf(right_in) / 2
    return min(1.0, 2 * min(table.cdf(right_in - 1) + half, table.sf(right_in) + half))


@given(st.integers(1, 40), st.integers(1, 60), st.data())
def test_fisher_equals_scipy(n_in: int, n_out: int, data: st.DataObject) -> None:
    right_in, right_out = data.draw(st.integers(0, n_in)), data.draw(st.integers(0, n_out))
    found = fisher_midp(right_in, n_in, right_out, n_out)
    assert found == pytest.approx(_slow_fisher_midp(right_in, n_in, right_out, n_out), abs=1e-9)
    assert found == pytest.approx(fisher_midp(right_out, n_out, right_in, n_in), abs=1e-9)


def test_a_planted_weakness_is_found_and_named() -> None:
    labels = rng.choice(["arrival", "refund", "limit", "card"], 400)
    right = rng.random(400) < np.where(labels == "refund", 0.5, 0.95)
    report = slice_report(right, labels=labels, sources=["a.csv"] * 400)
    assert {item.name for item in report.slices} == {"label"}
    assert report.weakest is not None
    assert report.weakest == report.lowest
    assert (report.weakest.name, report.weakest.value) == ("label", "refund")
    inside = labels == "refund"
    assert report.weakest.score == pytest.approx(right[inside].mean())
    assert report.weakest.difference == pytest.approx(right[inside].mean() - right[~inside].mean())
    assert report.weakest.interval == wilson(right[inside].sum(), inside.sum())
    assert report.weakest.p_value == pytest.approx(
        _slow_fisher_midp(right[inside].sum(), inside.sum(), right[~inside].sum(), (~inside).sum())
    )
    assert report.sentence.startswith("The weakest slice is label 'refund' with ")


def test_nothing_stands_out_where_nothing_is_planted() -> None:
    report = slice_report(
        rng.random(300) < 0.8,
        labels=rng.integers(0, 30, 300).tolist(),
        lengths=rng.integers(3, 60, 300),
        columns={"channel": rng.choice(["mail", "chat"], 300).tolist()},
    )
    assert report.weakest is None
    assert report.lowest is not None
    assert report.lowest.n >= 20
    assert report.sentence.startswith("None stands out; the lowest is ")
    assert {item.name for item in report.slices} == {"label", "length", "channel"}
    small = [item for item in report.slices if item.small]
    assert small
    assert all(item.n < 20 for item in small)


def test_holm_runs_over_all_slices() -> None:
    report = slice_report(
        rng.random(200) < 0.7,
        labels=rng.integers(0, 5, 200).tolist(),
        sources=rng.choice(["x.csv", "y.csv"], 200).tolist(),
    )
    raw = [item.p_value for item in report.slices]
    expected = multipletests(raw, method="holm")[1]
    assert [item.p_corrected for item in report.slices] == pytest.approx(list(expected))


def test_small_slices_may_be_named_only_where_there_are_no_larger() -> None:
    right = [1] * 12 + [0] * 8
    report = slice_report(right, labels=["x"] * 12 + ["y"] * 5 + ["z"] * 3)
    assert report.lowest is not None
    assert report.lowest.value == "x"


def test_a_strong_slice_is_not_the_weakest() -> None:
    labels = ["good"] * 100 + ["bad"] * 100
    report = slice_report([1] * 100 + [0] * 100, labels=labels)
    assert report.weakest is not None
    assert report.weakest.value == "bad"


def test_length_quartiles_have_readable_names() -> None:
    codes, names = length_slices([5, 6, 7, 8, 9, 10, 11, 12])
    assert names == ["5 to 6 tokens", "7 to 8 tokens", "9 to 10 tokens", "11 to 12 tokens"]
    assert codes.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    _, tied = length_slices([1, 1, 1, 1, 4000])
    assert tied == ["1 token", "4,000 tokens"]
    _, equal = length_slices([7, 7, 7])
    assert equal == ["7 tokens"]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_length_slices_partition_and_keep_order(lengths: list[int]) -> None:
    codes, names = length_slices(lengths)
    assert 1 <= len(names) <= 4
    assert sorted(set(codes)) == list(range(len(names)))
    order = np.argsort(lengths, kind="stable")
    assert (np.diff(codes[order]) >= 0).all()


def test_columns_keep_the_most_frequent_values() -> None:
    values: list[object] = [f"v{i % 30:02d}" for i in range(300)]
    values += ["v00"] * 5 + [None, float("nan")] * 8
    report = slice_report(rng.random(len(values)) < 0.5, columns={"topic": values})
    names = [item.value for item in report.slices]
    assert len(names) == 21
    assert {"v00", "(missing)", "other"} <= set(names)
    assert sum(item.n for item in report.slices) == len(values)


def test_graded_scores_use_the_mean() -> None:
    labels = np.array(["x"] * 60 + ["y"] * 90)
    scores = np.concatenate([rng.beta(2, 2, 60), rng.beta(4, 1, 90)])
    report = slice_report(scores, labels=labels.tolist(), settings=Settings(resamples=500))
    weakest = report.weakest
    assert weakest is not None
    assert weakest.value == "x"
    assert weakest.score in weakest.interval
    oracle = stats.permutation_test(
        (scores[:60], scores[60:]),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        vectorized=True,
        n_resamples=2_000,
        rng=np.random.default_rng(0),
    )
    assert weakest.p_value == pytest.approx(oracle.pvalue, abs=0.01)


def test_graded_slices_are_tested_like_pooled_means() -> None:
    scores, labels = rng.random(150), ["x"] * 60 + ["y"] * 90
    found = slice_report(scores, labels=labels, settings=Settings(resamples=200)).slices[0]
    assert found.p_value == pytest.approx(
        stats.ttest_ind(scores[:60], scores[60:]).pvalue, abs=5e-3
    )


def _visits(seed: int, weak: float = 0.0) -> tuple[np.ndarray, list[str], list[int]]:
    """Right answers to items of 60 customers, who differ; half of the customers come by chat."""
    draws = np.random.default_rng(seed)
    customers = np.repeat(np.arange(60), draws.integers(1, 20, 60))
    channel = draws.permutation(np.arange(60) % 2)[customers]
    easy = draws.choice([0.55, 0.98], 60)[customers]
    right = draws.random(customers.size) < easy - weak * channel
    return right, ["chat" if c else "mail" for c in channel], customers.tolist()


def test_groups_are_not_taken_for_independent_items() -> None:
    """Nothing sets the channels apart but which customers happened to use them."""
    found = {"grouped": 0, "itemwise": 0}
    for seed in range(40):
        right, channel, customers = _visits(seed)
        for name, groups in (("grouped", customers), ("itemwise", None)):
            report = slice_report(right, columns={"channel": channel}, groups=groups, settings=FAST)
            found[name] += report.weakest is not None
    assert found["grouped"] <= 5  # 5 % of 40 is 2
    assert found["itemwise"] >= 9


def test_a_weakness_of_many_groups_is_found() -> None:
    right, channel, customers = _visits(seed=3, weak=0.5)
    report = slice_report(right, columns={"channel": channel}, groups=customers, settings=FAST)
    assert report.weakest is not None
    assert report.weakest.value == "chat"
    alone = slice_report(right, columns={"channel": channel}, settings=FAST).slices[0]
    grouped = report.slices[0]
    assert grouped.score == alone.score
    assert grouped.difference == alone.difference
    assert grouped.interval.method == "bca"
    width = alone.interval.high - alone.interval.low
    assert grouped.interval.high - grouped.interval.low > 1.3 * width


def test_groups_of_one_item_change_nothing() -> None:
    right, channel, _ = _visits(seed=4)
    alone = slice_report(right, columns={"channel": channel})
    named = slice_report(right, columns={"channel": channel}, groups=np.arange(right.size))
    assert named == alone


@pytest.mark.parametrize("scores", [[1.0] * 6, [0.0] * 6, [0.3] * 6])
def test_scores_without_variation(scores: list[float]) -> None:
    report = slice_report(scores, labels=list("aabbcc"), settings=Settings(resamples=200))
    assert report.weakest is None
    for item in report.slices:
        assert item.p_value == item.p_corrected == 1.0
        assert item.interval.low < item.interval.high


def test_nothing_to_slice_by() -> None:
    report = slice_report([1.0], labels=["x"], lengths=[3])
    assert (report.slices, report.lowest, report.weakest) == ((), None, None)
    assert report.sentence == "There is nothing to slice by."


def test_the_result_does_not_depend_on_the_order_of_items() -> None:
    labels, scores = rng.choice(["x", "y", "z"], 90), rng.random(90)
    order = rng.permutation(90)
    chosen = Settings(resamples=300)
    one = slice_report(scores, labels=labels.tolist(), settings=chosen)
    two = slice_report(scores[order], labels=labels[order].tolist(), settings=chosen)
    for a, b in zip(one.slices, two.slices, strict=True):
        assert (a.value, a.n) == (b.value, b.n)
        assert (a.interval.low, a.interval.high, a.p_value) == pytest.approx(
            (b.interval.low, b.interval.high, b.p_value)
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda: slice_report([], labels=[]),
        lambda: slice_report([1.0], labels=["x", "y"]),
        lambda: slice_report([1.0], columns={"c": ["x", "y"]}),
        lambda: slice_report([1.0], lengths=[1, 2]),
        lambda: slice_report([1.0], labels=["x"], groups=["g", "h"]),
        lambda: fisher_midp(3, 2, 0, 1),
        lambda: fisher_midp(0, 0, 0, 1),
    ],
)
def test_impossible_inputs_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()  # type: ignore[operator]
