"""The linear probe, a logistic regression on frozen vectors: a candidate, and a head's start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PROBE_C = 20.0
"""Inverse regularisation for unit vectors. Unit vectors of similar texts lie close together, so the
default of 1 under-fits by several points; the measurement is in docs/LOG.md."""


@dataclass(frozen=True, slots=True)
class LinearProbe:
    """Weights of a fitted probe: `weight_cd` float32 [classes, dim], `bias_c` float32 [classes]."""

    weight_cd: np.ndarray
    bias_c: np.ndarray

    def logits(self, vectors_nd: np.ndarray) -> np.ndarray:
        """float32 [n, classes]."""
        return vectors_nd @ self.weight_cd.T + self.bias_c


def fit_probe(vectors_nd: np.ndarray, targets_n: np.ndarray, classes: int, c: float) -> LinearProbe:
    """Fit a multinomial logistic regression by L-BFGS; the same input gives the same bytes.

    Classes without a row get the lowest logit everywhere, so that they are never the answer.

    Args:
        vectors_nd: float32 [n, dim].
        targets_n: int [n], each below `classes`.
        classes: number of classes of the task.
        c: inverse strength of the L2 penalty.
    """
    from sklearn.linear_model import LogisticRegression

    present = np.unique(targets_n)
    weight_cd = np.zeros((classes, vectors_nd.shape[1]), dtype=np.float32)
    bias_c = np.full(classes, -1e4, dtype=np.float32)
    if len(present) == 1:
        bias_c[present] = 0.0
        return LinearProbe(weight_cd, bias_c)
    model = LogisticRegression(C=c, max_iter=500, tol=1e-4)
    model.fit(np.asarray(vectors_nd, dtype=np.float64), targets_n)
    weight, bias = model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one row for two classes
        weight, bias = np.vstack([-weight / 2, weight / 2]), np.hstack([-bias / 2, bias / 2])
    weight_cd[present] = weight
    bias_c[present] = bias
    return LinearProbe(weight_cd, bias_c)
