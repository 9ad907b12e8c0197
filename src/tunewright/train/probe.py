"""The linear probe, a logistic regression on frozen vectors: a candidate, and a head's start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

PROBE_C = 20.0
"""Inverse regularisation for unit vectors. Unit vectors of similar texts lie close together, so the
default of 1 under-fits by several points; the measurement is in docs/LOG.md."""
_UNSEEN = 20.0
"""How far below every class's bias that of a class without a row lies. Not further: the loss of a
fold that lacks a class would be nothing but the loss of its rows."""


@dataclass(frozen=True, slots=True)
class LinearProbe:
    """Weights of a fitted probe: `weight_cd` float32 [classes, dim], `bias_c` float32 [classes]."""

    weight_cd: np.ndarray
    bias_c: np.ndarray

    def logits(self, vectors_nd: np.ndarray) -> np.ndarray:
        """float32 [n, classes]."""
        logits_nc: np.ndarray = vectors_nd @ self.weight_cd.T + self.bias_c
        return logits_nc


def fit_probe(
    features: np.ndarray | csr_matrix, targets_n: np.ndarray, classes: int, c: float
) -> LinearProbe:
    """Fit a multinomial logistic regression by L-BFGS; the same input gives the same bytes.

    Classes without a row get a logit so low that they are hardly ever the answer.

    Args:
        features: float [n, dim], dense or sparse; computed with in float32.
        targets_n: int [n], each below `classes`.
        classes: number of classes of the task.
        c: inverse strength of the L2 penalty.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    present = np.unique(targets_n)
    weight_cd = np.zeros((classes, features.shape[1]), dtype=np.float32)
    bias_c = np.full(classes, -_UNSEEN, dtype=np.float32)
    if len(present) == 1:
        bias_c[present] = 0.0
        return LinearProbe(weight_cd, bias_c)
    model = LogisticRegression(C=c, max_iter=1000, tol=1e-4)
    # One thread: the products are small, so threads mostly wait for each other (twice the seconds
    # or more, docs/LOG.md), and the bytes would depend on their number.
    with threadpool_limits(1, user_api="blas"):
        model.fit(features.astype(np.float32), targets_n)
    weight, bias = model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one row for two classes
        weight, bias = np.vstack([-weight / 2, weight / 2]), np.hstack([-bias / 2, bias / 2])
    weight_cd[present] = weight
    bias_c += bias.min()
    bias_c[present] = bias
    return LinearProbe(weight_cd, bias_c)
