"""Rows that a model has written: how they are marked, and where they may not go."""

from __future__ import annotations

from collections.abc import Mapping

SYNTHETIC = "_synthetic"
"""The column; a true value marks the row."""

_TRUE = {"true", "1", "yes", "1.0"}


def is_synthetic(values: Mapping[str, object]) -> bool:
    """Whether a row is marked as written by a model, in whatever file format it stands."""
    value = values.get(SYNTHETIC)
    return value is not None and (value is True or str(value).strip().lower() in _TRUE)
