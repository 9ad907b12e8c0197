"""The label whose description is most similar to the text."""

from __future__ import annotations

import numpy as np

from tunewright.candidates.base import Candidate, Labelled, Setting, Texts
from tunewright.evaluate.calibration import softmax

SIMILARITY_SCALE = 20.0
"""Factor on cosine similarities before the softmax: the temperature 0.05 of such encoders."""


class ZeroShot(Candidate):
    """Cosine similarity between the text and each label's description. Learns from no example.

    Relations: tells how much the labels' names alone give away; describing the labels in
    `label_descriptions` is the cheapest way to raise it.
    """

    kind = "zero_shot"

    def fit(self, examples: Labelled, setting: Setting) -> None:
        assert setting.embed is not None
        self.state.arrays = {"labels_cd": unit(setting.embed(setting.label_descriptions))}

    def probabilities(self, examples: Texts) -> np.ndarray:
        similarity_nc = unit(examples.vectors) @ self.state.arrays["labels_cd"].T
        return softmax(SIMILARITY_SCALE * similarity_nc)

    @property
    def parameters(self) -> int:
        return 0


def unit(vectors_nd: np.ndarray) -> np.ndarray:
    """Vectors scaled to length one, float32 [n, d]."""
    lengths = np.linalg.norm(vectors_nd, axis=1, keepdims=True)
    result: np.ndarray = (vectors_nd / np.maximum(lengths, 1e-12)).astype(np.float32)
    return result
