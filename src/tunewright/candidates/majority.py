"""Always the most frequent label."""

from __future__ import annotations

import numpy as np

from tunewright.candidates.base import Candidate, Labelled, Setting, Texts


class Majority(Candidate):
    """The score that needs no reading at all; whatever is not better than this is broken."""

    kind = "floor"
    needs_vectors = False

    def fit(self, examples: Labelled, setting: Setting) -> None:
        counts = np.bincount(examples.targets_n, minlength=len(setting.labels))
        self.state.arrays = {"shares_c": (counts / counts.sum()).astype(np.float32)}

    def probabilities(self, examples: Texts) -> np.ndarray:
        shares_c = self.state.arrays["shares_c"]
        return np.broadcast_to(shares_c, (len(examples), len(shares_c)))
