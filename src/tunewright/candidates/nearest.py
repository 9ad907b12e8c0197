"""The labels of the most similar training examples."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tunewright.candidates.base import Candidate, Counts, Labelled, Setting, Texts
from tunewright.candidates.zero_shot import SIMILARITY_SCALE, unit
from tunewright.core.config import Config

_CHUNK = 1024


class NearestSettings(Config):
    """Settings of `nearest`."""

    k: Counts = Field(default=[1, 5, 10], min_length=1)
    """How many neighbours vote; each number is a candidate of its own."""


class Nearest(Candidate):
    """k nearest neighbours by cosine similarity, each vote weighted by exp(20 x similarity).

    Relations: new examples count at once, without fitting anything; every answer can be explained
    by the examples it came from. A probe is usually as good and does not keep the data.
    """

    kind = "nearest"
    Settings = NearestSettings
    settings: NearestSettings

    @classmethod
    def variants(cls, settings: Config) -> list[tuple[str, Config]]:
        assert isinstance(settings, NearestSettings)
        return [(f"-{k}", NearestSettings(k=[k])) for k in settings.k]

    def fit(self, examples: Labelled, setting: Setting) -> None:
        self.state.arrays = {
            "memory_md": unit(examples.vectors),
            "targets_m": examples.targets_n.astype(np.int32),
        }
        self.state.values = {"classes": len(setting.labels)}

    def probabilities(self, examples: Texts) -> np.ndarray:
        return vote(
            unit(examples.vectors),
            self.state.arrays["memory_md"],
            self.state.arrays["targets_m"],
            k=self.settings.k[0],
            classes=int(self.state.values["classes"]),
        )


def vote(
    vectors_nd: np.ndarray, memory_md: np.ndarray, targets_m: np.ndarray, *, k: int, classes: int
) -> np.ndarray:
    """Probabilities float32 [n, c] from the k most similar remembered examples.

    Half a vote is spread evenly over all classes, so that a single neighbour is not certainty.
    """
    k = min(k, len(memory_md))
    shares_nc = np.zeros((len(vectors_nd), classes), dtype=np.float32)
    for start in range(0, len(vectors_nd), _CHUNK):
        similarity = vectors_nd[start : start + _CHUNK] @ memory_md.T
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(similarity, nearest, axis=1)
        weights = np.exp(SIMILARITY_SCALE * (values - values.max(1, keepdims=True)))
        rows = np.arange(len(similarity))[:, None]
        np.add.at(shares_nc, (start + rows, targets_m[nearest]), weights)
    shares_nc += 0.5 / classes
    probabilities_nc: np.ndarray = shares_nc / shares_nc.sum(1, keepdims=True)
    return probabilities_nc
