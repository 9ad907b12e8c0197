"""The names of classes that a file holds as numbers, as the `datasets` library describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Names = Mapping[str, list[str]]
"""Column to the names of its classes, by number."""

_KEY = b"huggingface"


def stored_names(metadata: Mapping[bytes, bytes] | None) -> Names:
    """What the `datasets` library has noted in an Arrow schema; empty where it has not."""
    try:
        told = json.loads((metadata or {}).get(_KEY, b"{}"))
        features = told["info"]["features"]
        return {
            str(column): found
            for column, feature in features.items()
            if (found := _names(feature)) is not None
        }
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return {}


def _names(feature: Any) -> list[str] | None:
    """Of a class label, or of a list of them."""
    inner = feature[0] if isinstance(feature, list) and len(feature) == 1 else feature
    if isinstance(inner, Mapping) and isinstance(inner.get("feature"), Mapping):
        inner = inner["feature"]
    if not isinstance(inner, Mapping) or inner.get("_type") != "ClassLabel":
        return None
    names = inner.get("names")
    named = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if named and names else None


def with_names(values: list[object], names: list[str] | None) -> list[object]:
    """The values of a column with the names of classes in the place of their numbers."""
    return values if names is None else [named(value, names) for value in values]


def named(value: Any, names: list[str]) -> Any:
    """-1 stands for a label that is kept back, as in test sets."""
    if isinstance(value, list | tuple):
        return [named(item, names) for item in value]
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return names[value] if 0 <= value < len(names) else None
