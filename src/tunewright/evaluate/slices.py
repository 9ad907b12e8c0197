"""Where a candidate is weak: its score on parts of the test set, each against the rest.

Every slice is tested, so the p-values are corrected by Holm over all of them; the lowest score
among dozens of slices is low by luck more often than not. Items that come in groups are drawn and
permuted by whole groups.

Legend: n items, V values of one dimension (a column by which the items are sliced).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count, format_difference, format_percent
from tunewright.evaluate.arrays import Bools, Floats, Ints, check_length, group_codes, score_array
from tunewright.evaluate.intervals import Interval, mean_interval, wilson
from tunewright.evaluate.paired import holm
from tunewright.evaluate.permute import grouped_p_values
from tunewright.evaluate.resample import DEFAULTS, Settings

SMALL_ITEMS = 20
"""A slice below this is kept, but flagged and not named as the weakest while larger ones exist."""
_MOST_VALUES = 20
"""Of a named column the most frequent values are slices, the rest is `other`."""
_SIGNIFICANT = 0.05
_MOST_RESAMPLES = 2_000
"""Enough for one of a hundred intervals, and five times as fast as the default."""
_MISSING = "(missing)"
_OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """The items that share one value, against all others."""

    name: str
    """The dimension: `label`, `length`, `source` or a column."""
    value: str
    """For example `card_arrival` or `5 to 12 tokens`."""
    n: int
    score: float
    """Mean score of its items."""
    interval: Interval
    """Of `score`."""
    difference: float
    """Its score less that of the rest."""
    p_value: float
    """Two-sided, of H0: no different from the rest."""
    p_corrected: float
    """`p_value` after Holm's correction over all slices."""
    small: bool
    """Fewer than 20 items."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceReport:
    """All slices, and what may be said about the weakest."""

    slices: tuple[Slice, ...]
    lowest: Slice | None
    """The lowest score among slices that are large enough; None when there are no slices."""
    weakest: Slice | None
    """The lowest score among those that are significantly below the rest; None when none is."""

    @property
    def sentence(self) -> str:
        """What a report says about the weakest slice, with its numbers."""
        if self.lowest is None:
            return "There is nothing to slice by."
        if self.weakest is None:
            return f"None stands out; the lowest is {_described(self.lowest)}."
        return f"The weakest slice is {_described(self.weakest)}."


def slice_report(
    scores: npt.ArrayLike,
    *,
    labels: Sequence[object] | None = None,
    lengths: npt.ArrayLike | None = None,
    sources: Sequence[object] | None = None,
    columns: Mapping[str, Sequence[object]] | None = None,
    groups: npt.ArrayLike | None = None,
    settings: Settings = DEFAULTS,
) -> SliceReport:
    """Score each slice and compare it with the rest.

    Right/wrong scores get Wilson's interval and Fisher's exact test with mid-p; graded scores get
    the BCa interval of the mean and the normal approximation of the permutation test. With groups
    either gets the BCa interval that draws whole groups, and `grouped_p_values`.

    Args:
        scores: float [n] in 0 .. 1, the score of each item.
        labels: [n] names of the targets.
        lengths: [n] tokens of each input; sliced at the quartiles.
        sources: [n] names of the files.
        columns: name to [n] values; None and NaN are `(missing)`.
        groups: [n] integers or text, or None; items of one group resemble each other.
        settings: level, resamples and seed.

    Raises:
        ValueError: for empty, non-finite or unequally long arrays.
    """
    values = score_array(scores)
    owners = group_codes(groups, values.size)
    parts = [
        (name, value, codes == code)
        for name, codes, names in _dimensions(values.size, labels, lengths, sources, columns or {})
        if len(names) > 1
        for code, value in enumerate(names)
    ]
    if not parts:
        return SliceReport(slices=(), lowest=None, weakest=None)
    p_values = _p_values(values, [inside for _, _, inside in parts], owners, settings.seed)
    slices = tuple(
        _slice(values, name, value, inside, owners, settings, p=p, p_corrected=corrected)
        for (name, value, inside), p, corrected in zip(parts, p_values, holm(p_values), strict=True)
    )
    # Where all slices are small, only the largest of them may be named.
    enough = min(SMALL_ITEMS, max(item.n for item in slices))
    eligible = [item for item in slices if item.n >= enough]
    below = [i for i in eligible if i.p_corrected < _SIGNIFICANT and i.difference < 0]
    return SliceReport(
        slices=slices,
        lowest=min(eligible, key=_score_of),
        weakest=min(below, key=_score_of, default=None),
    )


def fisher_midp(right_in: int, n_in: int, right_out: int, n_out: int) -> float:
    """Two-sided mid-p of Fisher's exact test for two unpaired shares.

    Twice the one-sided mid-p, at most 1.

    Source: Lancaster, JASA 56, 1961; Hirji, Tan & Elashoff, Statistics in Medicine 10, 1991.

    Args:
        right_in: right items of the first sample.
        n_in: items of the first sample.
        right_out: right items of the second.
        n_out: items of the second.

    Raises:
        ValueError: when a sample has no items, or more right ones than items.
    """
    if not (0 <= right_in <= n_in and 0 <= right_out <= n_out and n_in and n_out):
        raise ValueError(f"{right_in} of {n_in} and {right_out} of {n_out} are not two samples")
    from scipy.special import gammaln

    right = right_in + right_out
    possible = np.arange(max(0, right - n_out), min(right, n_in) + 1)

    def log_choose(n: int, k: Ints) -> Floats:
        logs: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return logs

    logs = log_choose(n_in, possible) + log_choose(n_out, right - possible)
    weights = np.exp(logs - logs.max())
    under = float(weights[possible < right_in].sum())
    here = float(weights[possible == right_in].sum())
    fewer = (under + here / 2) / float(weights.sum())
    return min(1.0, 2 * min(fewer, 1 - fewer))


def length_slices(lengths: npt.ArrayLike) -> tuple[Ints, list[str]]:
    """Cut items at the quartiles of their length.

    Args:
        lengths: [n], tokens of each item.

    Returns:
        Codes int [n], and a readable name for each code, such as `5 to 12 tokens`, in order of
        length. Fewer than four where lengths are equal.

    Raises:
        ValueError: for an empty or non-finite array.
    """
    tokens = score_array(lengths, "lengths")
    edges = np.quantile(tokens, (0.25, 0.5, 0.75), method="inverted_cdf")
    _, codes = np.unique(np.searchsorted(edges, tokens, side="left"), return_inverse=True)
    parts = [tokens[codes == code] for code in range(int(codes.max()) + 1)]
    return codes.astype(np.int64), [_length_name(int(p.min()), int(p.max())) for p in parts]


def _dimensions(
    items: int,
    labels: Sequence[object] | None,
    lengths: npt.ArrayLike | None,
    sources: Sequence[object] | None,
    columns: Mapping[str, Sequence[object]],
) -> Iterator[tuple[str, Ints, list[str]]]:
    """Name, codes [n] and value names [V] of everything to slice by."""
    if labels is not None:
        yield "label", *_named_values("labels", labels, items, most=items)
    if lengths is not None:
        codes, names = length_slices(lengths)
        check_length(codes, items, "lengths")
        yield "length", codes, names
    if sources is not None:
        yield "source", *_named_values("sources", sources, items, most=items)
    for name, values in columns.items():
        yield name, *_named_values(f"column '{name}'", values, items, most=_MOST_VALUES)


def _named_values(
    name: str, values: Sequence[object], items: int, most: int
) -> tuple[Ints, list[str]]:
    """Codes [n] and names [V] of the `most` frequent values, the rest being `other`."""
    texts = np.array([_value_name(value) for value in values], dtype=object)
    check_length(texts, items, name)
    distinct, counts = np.unique(texts, return_counts=True)
    if distinct.size > most:
        frequent = distinct[np.argsort(-counts, kind="stable")[:most]]
        texts[~np.isin(texts, frequent)] = _OTHER
    names, codes = np.unique(texts, return_inverse=True)
    return codes.astype(np.int64), [str(text) for text in names]


def _value_name(value: object) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return _MISSING if missing else str(value)


def _p_values(values: Floats, parts: list[Bools], owners: Ints | None, seed: int) -> list[float]:
    """Two-sided p of each part against the rest."""
    if owners is not None:
        found = grouped_p_values(values, np.column_stack(parts), owners, seed)
        return [float(p) for p in found]
    if _right_wrong(values):
        right = round(float(values.sum()))
        counts = [(round(float(values[inside].sum())), int(inside.sum())) for inside in parts]
        return [fisher_midp(k, n, right - k, values.size - n) for k, n in counts]
    return [
        _permutation_p(values, int(inside.sum()), float(values[inside].mean())) for inside in parts
    ]


def _slice(
    values: Floats,
    name: str,
    value: str,
    inside: Bools,
    owners: Ints | None,
    settings: Settings,
    *,
    p: float,
    p_corrected: float,
) -> Slice:
    own, n = values[inside], int(inside.sum())
    if owners is None and _right_wrong(values):
        interval = wilson(round(float(own.sum())), n, settings.level)
    else:
        drawn = replace(
            settings,
            seed=derive_seed(settings.seed, name, value),
            resamples=min(settings.resamples, _MOST_RESAMPLES),
        )
        interval = mean_interval(own, None if owners is None else owners[inside], drawn)
    score = float(own.mean())
    return Slice(
        name=name,
        value=value,
        n=n,
        score=score,
        interval=interval,
        difference=score - float(values[~inside].mean()),
        p_value=p,
        p_corrected=p_corrected,
        small=n < SMALL_ITEMS,
    )


def _right_wrong(values: Floats) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _permutation_p(values: Floats, n: int, mean: float) -> float:
    """Two-sided p that n items drawn from `values` without replacement have a mean this far off."""
    size = values.size
    variance = float(values.var()) * (size - n) / (n * (size - 1))
    if variance <= 1e-18:
        return 1.0
    return math.erfc(abs(mean - float(values.mean())) / math.sqrt(2 * variance))


def _length_name(low: int, high: int) -> str:
    return format_count(low, "token") if low == high else f"{low:,} to {high:,} tokens"


def _score_of(item: Slice) -> tuple[float, str, str]:
    return item.score, item.name, item.value


def _described(item: Slice) -> str:
    return (
        f"{item.name} '{item.value}' with {format_percent(item.score)} on "
        f"{format_count(item.n, 'item')}, {format_difference(item.difference)} against the rest "
        f"(corrected p = {item.p_corrected:.2g})"
    )
