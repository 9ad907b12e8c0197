"""How many rows come from each of several data sets, and which.

Proportional sampling takes each set by its size; temperature sampling by size^(1/T), which gives
small sets more (Raffel et al. 2020, section 3.5.2, whose size limit is `limit`); fixed sampling by
given weights; alternating takes one row from each in turn. The numbers are not left to chance: each
set gets its share of the rows rounded to a whole row (largest remainder), in random order. A set is
drawn from without replacement; when it is exhausted it begins anew in another order, and that is
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewright.core.seeds import derive_seed
from tunewright.data.mix_config import MixConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """One row of a mixture."""

    source: int
    """Place of the data set."""

    row: int
    """Place in it, from 0."""

    epoch: int
    """How often the data set had been gone through before."""


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Which rows a mixture has, in its order."""

    draws: list[Draw]
    sizes: tuple[int, ...]

    def counts(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """For each data set: `rows` in it, `drawn`, `share` of the mixture, `not_drawn` (rows of it
        that the mixture lacks) and `epochs` (1.5: gone through once, then by half again)."""
        drawn = np.bincount([d.source for d in self.draws], minlength=len(self.sizes))
        return [
            {
                "name": name,
                "rows": size,
                "drawn": int(count),
                "share": int(count) / max(1, len(self.draws)),
                "not_drawn": max(0, size - int(count)),
                "epochs": int(count) / size,
            }
            for name, size, count in zip(names, self.sizes, drawn, strict=True)
        ]


def shares(sizes: Sequence[int], config: MixConfig) -> np.ndarray:
    """Share of each data set in the mixture, float64 [n], which sum to 1.

    Args:
        sizes: rows of each, all above 0.
        config: the kind of sampling.
    """
    if config.sampling == "fixed":
        parts = np.array(config.weights, dtype=np.float64)
    elif config.sampling == "alternating":
        parts = np.ones(len(sizes))
    else:
        exponent = 1 / config.temperature if config.sampling == "temperature" else 1.0
        parts = _counted(sizes, config).astype(np.float64) ** exponent
    found: np.ndarray = parts / parts.sum()
    return found


def mixture(sizes: Sequence[int], config: MixConfig, seed: int) -> Mixture:
    """Draw a mixture; the same one for the same seed.

    Args:
        sizes: rows of each data set, all above 0.
        config: the kind of sampling.
        seed: decides which rows are drawn, and their order.
    """
    rows = config.rows if config.rows is not None else int(_counted(sizes, config).sum())
    orders = [_Order(size, derive_seed(seed, "mix", place)) for place, size in enumerate(sizes)]
    return Mixture(
        draws=[orders[source].next(source) for source in _turns(sizes, rows, config, seed)],
        sizes=tuple(sizes),
    )


def _counted(sizes: Sequence[int], config: MixConfig) -> np.ndarray:
    counted = np.array(sizes, dtype=np.int64)
    return counted if config.limit is None else np.minimum(counted, config.limit)


def _turns(sizes: Sequence[int], rows: int, config: MixConfig, seed: int) -> list[int]:
    """From which data set each row of the mixture comes."""
    if config.sampling == "alternating":
        return [place % len(sizes) for place in range(rows)]
    wanted = shares(sizes, config) * rows
    counts = np.floor(wanted + 1e-9).astype(np.int64)
    by_remainder = np.argsort(-(wanted - counts), kind="stable")
    counts[by_remainder[: rows - int(counts.sum())]] += 1
    turns = np.repeat(np.arange(len(sizes)), counts)
    found: list[int] = np.random.default_rng(derive_seed(seed, "mix")).permutation(turns).tolist()
    return found


class _Order:
    """The rows of one data set in random order, in another one each time they are through."""

    def __init__(self, size: int, seed: int) -> None:
        self._size, self._seed = size, seed
        self._drawn = 0
        self._rows: list[int] = []

    def next(self, source: int) -> Draw:
        epoch, at = divmod(self._drawn, self._size)
        if at == 0:
            rng = np.random.default_rng(derive_seed(self._seed, epoch))
            self._rows = rng.permutation(self._size).tolist()
        self._drawn += 1
        return Draw(source=source, row=self._rows[at], epoch=epoch)
