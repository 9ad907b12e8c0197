"""Whether parts of a test set score differently from the rest, when items come in groups.

Under H0 it makes no difference which group's scores meet which group's items. Each permutation
therefore hands every group the scores of another one of about its size, all together and in a
random rotation, and looks at every part again. Scores that resemble each other within a group stay
together, and so do the items of a part; only what ties the one to the other is broken.

Groups of equal size change places exactly. Sizes within a factor of two (of one octave) change
places too, as otherwise a group of rare size would have none to change with; a larger group then
meets some of a smaller one's scores twice, which errs on the side of "no difference".

Legend: n items, G groups, S parts, R permutations, B permutations of one block.
"""

from __future__ import annotations

import numpy as np

from tunewright.evaluate.arrays import Bools, Floats, Ints

_PERMUTATIONS_PER_PART = 200
"""So that a part which no permutation reaches stays significant after Holm's correction over all
parts: its p is then 2 / (R + 1), and S times that is 0.01."""
_FEWEST, _MOST = 2_000, 20_000
_MOST_CELLS = 200_000_000
"""Permuted scores in all, R times n: some ten seconds of work."""
_BLOCK_CELLS = 2_000_000


def grouped_p_values(values: Floats, inside: Bools, groups: Ints, seed: int) -> Floats:
    """Two-sided p of H0 "no different from the rest" of each part, permuting whole groups.

    Twice the smaller tail, the observed order counted as one of the permutations (Phipson and Smyth
    2010).

    Args:
        values: float [n], the score of each item.
        inside: bool [n, S], the items of each part; none of them all items.
        groups: codes [n] from `group_codes`.
        seed: of the permutations.
    """
    order = np.argsort(groups, kind="stable")
    members = inside[order].astype(np.float64)
    observed = _lead(values[order][None, :], members)[0]
    permutations = _permutations(*inside.shape)
    lower, upper = np.ones(inside.shape[1]), np.ones(inside.shape[1])
    shuffle = _Shuffle(groups[order])
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK_CELLS // len(values))
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        leads = _lead(values[order][shuffle.draw(rng, rows)], members)
        lower += (leads <= observed + 1e-12).sum(axis=0)
        upper += (leads >= observed - 1e-12).sum(axis=0)
    p: Floats = np.minimum(1.0, 2 * np.minimum(lower, upper) / (permutations + 1))
    return p


class _Shuffle:
    """Draws which item's score each item gets; items ordered by group."""

    def __init__(self, owners: Ints) -> None:
        self._owners = owners
        self._sizes = np.bincount(owners)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._places = np.arange(owners.size) - self._starts[owners]
        self._octaves = np.floor(np.log2(self._sizes))
        self._takers = np.argsort(self._octaves, kind="stable")

    def draw(self, rng: np.random.Generator, rows: int) -> Ints:
        """[B, n]: places in the order of the items."""
        # Sorted by octave and, within it, at random: the givers for the takers in that order.
        givers = np.empty((rows, self._sizes.size), dtype=np.int64)
        lots = rng.random((rows, self._sizes.size))
        givers[:, self._takers] = np.argsort(self._octaves + lots, axis=1)
        sizes = self._sizes[givers]
        turns = (rng.random(sizes.shape) * sizes).astype(np.int64)
        places = (self._places + turns[:, self._owners]) % sizes[:, self._owners]
        found: Ints = self._starts[givers][:, self._owners] + places
        return found


def _lead(values: Floats, members: Floats) -> Floats:
    """[B, S]: mean of each part less that of the rest, from values [B, n] and members [n, S]."""
    n, sizes = members.shape[0], members.sum(axis=0)
    sums, totals = values @ members, values.sum(axis=1, keepdims=True)
    lead: Floats = sums / sizes - (totals - sums) / (n - sizes)
    return lead


def _permutations(items: int, parts: int) -> int:
    wanted = min(_MOST, _PERMUTATIONS_PER_PART * parts, _MOST_CELLS // items)
    return max(_FEWEST, wanted)
