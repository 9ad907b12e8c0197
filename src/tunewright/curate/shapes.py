"""Files of ours that a person may have edited since: whether they are still what we write."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tunewright.core.files import unusable_name

Shape = type | tuple[type, ...] | Mapping[str, "Shape"] | list["Shape"]
"""A type or several, an object by its keys, or a list by what each of its items is."""


def fits(value: object, shape: Shape) -> bool:
    """Whether a JSON value has a shape; other keys of an object may be what they are."""
    if isinstance(shape, Mapping):
        return isinstance(value, dict) and all(
            name in value and fits(value[name], inner) for name, inner in shape.items()
        )
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    return isinstance(value, shape) and (shape is not int or not isinstance(value, bool))


def is_path(text: str) -> bool:
    """Whether a file could have this name."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return unusable_name(text) is None
