"""A logistic regression on the frozen vectors."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from tunewright.candidates.base import Candidate, Labelled, Setting, Texts
from tunewright.core.config import Config
from tunewright.evaluate.calibration import softmax
from tunewright.train.probe import PROBE_C, LinearProbe, fit_probe


class ProbeSettings(Config):
    """Settings of `probe`."""

    c: float = Field(default=PROBE_C, gt=0)
    """Inverse strength of the L2 penalty."""


class Probe(Candidate):
    """Linear probe: the base model stays as it is, only a linear layer is fitted on top.

    Relations: the strongest of the candidates that train no language model, and the start of the
    tuned model's head (Kumar et al. 2022).
    """

    kind = "probe"
    Settings = ProbeSettings
    settings: ProbeSettings

    def fit(self, examples: Labelled, setting: Setting) -> None:
        probe = fit_probe(
            examples.vectors, examples.targets_n, len(setting.labels), self.settings.c
        )
        self.state.arrays = {"weight_cd": probe.weight_cd, "bias_c": probe.bias_c}

    def probabilities(self, examples: Texts) -> np.ndarray:
        probe = LinearProbe(self.state.arrays["weight_cd"], self.state.arrays["bias_c"])
        return softmax(probe.logits(examples.vectors))
