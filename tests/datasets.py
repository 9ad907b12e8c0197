"""Prepared data sets made in memory, for the tests of what works on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunewright.data.dataset import Dataset, Part
from tunewright.data.example import Source


def part(
    file: str,
    texts: Sequence[str],
    targets: Sequence[int],
    *,
    dev: Sequence[int] = (),
    folds: Sequence[int] | None = None,
) -> Part:
    """Rows of one file, in its order; `dev` are positions."""
    count = len(texts)
    return Part(
        ids=[f"{file}-{row}" for row in range(count)],
        inputs=[{"text": text} for text in texts],
        targets=np.array(targets, dtype=np.int64),
        groups=[None] * count,
        columns=[{}] * count,
        sources=[Source(file=file, row=row + 1, line=row + 2) for row in range(count)],
        is_dev=np.isin(np.arange(count), list(dev)),
        folds=np.full(count, -1) if folds is None else np.array(folds, dtype=np.int64),
    )


def dataset(
    rows: Sequence[tuple[str, str]],
    test: Sequence[str] = (),
    *,
    labels: Sequence[str] | None = None,
    dev: Sequence[int] = (),
    folds: Sequence[int] | None = None,
) -> Dataset:
    """A data set of (text, label) rows; the answers of the test texts are sealed."""
    known = sorted({label for _, label in rows}) if labels is None else list(labels)
    targets = [known.index(label) for _, label in rows]
    return Dataset(
        content_hash="data",
        labels=known,
        fit=part("train.csv", [text for text, _ in rows], targets, dev=dev, folds=folds),
        test=part("test.csv", list(test), [-1] * len(test)),
        seed=0,
    )
