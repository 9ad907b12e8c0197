"""A handful of labelled examples of each class, and the most similar one decides."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tunewright.candidates.base import Candidate, Counts, Labelled, Setting, Texts
from tunewright.candidates.nearest import vote
from tunewright.candidates.zero_shot import unit
from tunewright.core.config import Config
from tunewright.core.seeds import derive_seed


class FewShotSettings(Config):
    """Settings of `few_shot`."""

    shots: Counts = Field(default=[1, 5, 10], min_length=1)
    """Examples of each class that are remembered; each number is a candidate of its own."""


class FewShot(Candidate):
    """Nearest neighbour among k drawn examples of each class.

    Relations: tells what a person would get who has labelled only that little. The draw is seeded.
    """

    kind = "few_shot"
    Settings = FewShotSettings
    settings: FewShotSettings

    @classmethod
    def variants(cls, settings: Config) -> list[tuple[str, Config]]:
        assert isinstance(settings, FewShotSettings)
        return [(f"-{shots}", FewShotSettings(shots=[shots])) for shots in settings.shots]

    def fit(self, examples: Labelled, setting: Setting) -> None:
        rng = np.random.default_rng(derive_seed(setting.seed, "few_shot"))
        # One shuffle for all numbers of shots, so that fewer shots are a subset of more.
        order = rng.permutation(len(examples))
        targets = examples.targets_n[order]
        drawn = np.concatenate(
            [order[targets == label][: self.settings.shots[0]] for label in np.unique(targets)]
        )
        self.state.arrays = {
            "memory_md": unit(examples.vectors[drawn]),
            "targets_m": examples.targets_n[drawn].astype(np.int32),
        }
        self.state.values = {"classes": len(setting.labels)}

    def probabilities(self, examples: Texts) -> np.ndarray:
        return vote(
            unit(examples.vectors),
            self.state.arrays["memory_md"],
            self.state.arrays["targets_m"],
            k=1,
            classes=int(self.state.values["classes"]),
        )
