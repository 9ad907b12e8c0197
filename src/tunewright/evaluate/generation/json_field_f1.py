"""How many fields of a JSON answer are those of the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tunewright.evaluate.generation.base import Reference
from tunewright.evaluate.generation.json_text import NOTHING
from tunewright.evaluate.generation.json_valid import JsonMetric, JsonSettings
from tunewright.evaluate.generation.token_f1 import bag_f1


class JsonFieldSettings(JsonSettings):
    """Of `json_field_f1`."""

    ordered_lists: bool = True
    """Whether the order of lists matters."""


class JsonFieldF1(JsonMetric):
    """F1 over pairs of path and value, `customer.address[0].city = "Ulm"`; of several references
    the best. An empty object or list is a field of its own. 1 and 1.0 are the same number."""

    name = "json_field_f1"
    title = "JSON field F1"
    meaning = "how many fields are the same as in the reference (F1 of paths with their values)"
    Settings = JsonFieldSettings

    def score_one(self, answer: str, reference: Reference) -> float | None:
        value = self.read(answer)
        if value is NOTHING:
            return None
        given = self._fields(value)
        return max(bag_f1(given, self._fields(wanted)) for wanted in self.wanted(reference))

    def _fields(self, value: Any) -> Counter[str]:
        return Counter(flattened(value, ordered=self.settings.ordered_lists))


def flattened(value: Any, *, ordered: bool, path: str = "") -> Iterator[str]:
    """Every leaf as its path and value in one text."""
    stack = [(path, value)]
    while stack:
        here, found = stack.pop()
        if isinstance(found, dict) and found:
            stack += [(f"{here}.{key!r}", part) for key, part in found.items()]
        elif isinstance(found, list) and found:
            stack += [
                (f"{here}[{place if ordered else ''}]", part) for place, part in enumerate(found)
            ]
        else:
            yield f"{here}={_leaf(found)}"


def _leaf(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return f"{type(value).__name__}:{value!r}"
