"""What the base model's vectors tell of the rows: which stand alone, how much they cover.

The vectors are those that the candidates use, computed once a study.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunewright.audit.base import AuditInput, Check, Finding, row_of
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count, format_percent
from tunewright.data.dataset import FIT

_NEIGHBOURS = 5
_FEWEST_ROWS = 50
"""With fewer, being alone says nothing."""
_MOST_REFERENCES = 10_000
"""Rows that each row is compared with; more are drawn at random."""
_BLOCK_ROWS = 1024
_FAR = 4.0
"""Robust standard deviations above the median distance."""
_CLUSTER_ROWS = 20
"""Rows of an average cluster."""
_MOST_CLUSTERS = 100
_NARROW = 0.25
"""Below this share of the even spread, few clusters hold most rows."""


class Outliers(Check):
    """Texts far from all others: another topic, another language, a pasted log.

    The distance of a row is the mean cosine distance to its five nearest rows (Ramaswamy, Rastogi
    and Shim 2000, with the mean of the neighbours in place of the k-th); rows whose distance is
    more than four robust standard deviations (1.4826 MAD) above the median are told.
    """

    def run(self, data: AuditInput) -> list[Finding]:
        if len(data.fit) < _FEWEST_ROWS:
            return []
        rng = np.random.default_rng(derive_seed(data.seed, "outliers"))
        distances = neighbour_distances(data.workspace.vectors(FIT), rng)
        rows = far_rows(distances)
        if not len(rows):
            return []
        return [
            Finding(
                check="outliers",
                severity="info",
                count=len(rows),
                message=f"{format_count(len(rows), 'training row')} "
                f"{'is' if len(rows) == 1 else 'are'} unlike all others (by the base model's "
                "vectors), the farthest first",
                consequence="if they do not belong to the task they teach the wrong thing; if they "
                "do, the model has too few like them",
                fix="read them: remove what does not belong, collect more of what does",
                repair="tunewright clean DATA --apply drop:outliers",
                rows=[
                    row_of(
                        data.fit,
                        int(row),
                        f"distance {distances[row]:.2f}, where the median "
                        f"is {np.median(distances):.2f}",
                    )
                    for row in rows
                ],
                numbers={"median_distance": float(np.median(distances))},
            )
        ]


class Coverage(Check):
    """How different the texts are, and whether a few kinds make up most of them."""

    def run(self, data: AuditInput) -> list[Finding]:
        if len(data.fit) < _FEWEST_ROWS:
            return []
        vectors = data.workspace.vectors(FIT)
        spread = cluster_spread(vectors, derive_seed(data.seed, "coverage"))
        narrow = spread.even_share < _NARROW
        return [
            Finding(
                check="coverage",
                severity="warning" if narrow else "info",
                count=len(data.fit),
                message=f"{format_count(spread.clusters, 'cluster')} of texts by the base model's "
                f"vectors; the largest holds {format_percent(spread.largest_share)} of the rows, "
                f"and they are spread as {spread.effective:.0f} equal ones would be",
                consequence="most rows say nearly the same: more of them teach little, and rare "
                "requests are learned from few rows"
                if narrow
                else "",
                fix="collect rows of the rare kinds rather than more of the common ones"
                if narrow
                else "",
                numbers={
                    "clusters": spread.clusters,
                    "effective_clusters": spread.effective,
                    "largest_share": spread.largest_share,
                    "vendi_score": vendi_score(vectors),
                },
            )
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How evenly rows lie in clusters."""

    clusters: int
    largest_share: float
    effective: float
    """Exponential of the entropy of the clusters' shares."""

    @property
    def even_share(self) -> float:
        """`effective` as a share of what an even spread would have."""
        return self.effective / self.clusters


def neighbour_distances(vectors_nd: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean cosine distance of each row to its nearest other rows, float32 [n].

    Args:
        vectors_nd: one vector a row.
        rng: draws the rows that all are compared with, where there are very many.
    """
    unit = _unit(vectors_nd)
    count = len(unit)
    if count <= _MOST_REFERENCES:
        drawn = np.arange(count)
    else:
        drawn = np.sort(rng.choice(count, _MOST_REFERENCES, replace=False))
    references = unit[drawn]
    place_of = np.full(count, -1)
    place_of[drawn] = np.arange(len(drawn))
    neighbours = min(_NEIGHBOURS, len(drawn) - 1)
    distances = np.empty(count, dtype=np.float32)
    for start in range(0, count, _BLOCK_ROWS):
        block = slice(start, min(start + _BLOCK_ROWS, count))
        similar = unit[block] @ references.T
        own = place_of[block]
        similar[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        nearest = np.partition(similar, -neighbours, axis=1)[:, -neighbours:]
        distances[block] = 1 - nearest.mean(axis=1)
    return distances


def far_rows(distances: np.ndarray) -> np.ndarray:
    """Rows whose distance is far above the others', the farthest first."""
    middle = float(np.median(distances))
    spread = 1.4826 * float(np.median(np.abs(distances - middle)))
    if spread == 0:
        return np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(distances > middle + _FAR * spread)
    return rows[np.argsort(-distances[rows], kind="stable")]


def cluster_spread(vectors_nd: np.ndarray, seed: int) -> Spread:
    """How evenly the rows lie in k-means clusters of their directions."""
    from sklearn.cluster import MiniBatchKMeans

    unit = _unit(vectors_nd)
    clusters = int(np.clip(len(unit) // _CLUSTER_ROWS, 2, _MOST_CLUSTERS))
    fitted = MiniBatchKMeans(clusters, random_state=seed % 2**32, n_init=1, batch_size=4096)
    counts = np.bincount(fitted.fit_predict(unit), minlength=clusters)
    shares = counts[counts > 0] / len(unit)
    return Spread(
        clusters=clusters,
        largest_share=float(shares.max()),
        effective=float(np.exp(-(shares * np.log(shares)).sum())),
    )


def vendi_score(vectors_nd: np.ndarray) -> float:
    """Effective number of different rows, 1 to d: the exponential of the entropy of the
    eigenvalues of the rows' cosine similarities, divided by n (Friedman and Dieng 2023).

    By the d x d matrix, which has the same eigenvalues above zero as the n x n one.
    """
    unit = _unit(vectors_nd).astype(np.float64)
    values = np.linalg.eigvalsh(unit.T @ unit / len(unit))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _unit(vectors_nd: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors_nd, axis=1, keepdims=True)
    unit: np.ndarray = vectors_nd / np.maximum(lengths, 1e-12)
    return unit
