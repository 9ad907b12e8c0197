"""No calibration: which arithmetic is fastest here is not what these tests are about."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.train import numerics
from tunewright.train.workspace import REFERENCE_NUMERICS


@pytest.fixture(autouse=True)
def reference_numerics(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(**_: Any) -> numerics.Numerics:
        return REFERENCE_NUMERICS

    monkeypatch.setattr(numerics, "calibrate", given)
