"""One label for each text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tunewright.tasks.base import Task


class Classify(Task):
    """Single-label classification. Several text columns are joined by line breaks, in order."""

    name = "classify"
    version = 1

    def render(self, inputs: Mapping[str, str]) -> str:
        return "\n".join(value.strip() for value in inputs.values())


def describe_labels(labels: Sequence[str], descriptions: Mapping[str, str]) -> list[str]:
    """A phrase for each label: the person's own description, else its name in plain words.

    `card_arrival`, `cardArrival` and `card-arrival` all become `card arrival`.
    """
    return [descriptions.get(label) or _in_words(label) for label in labels]


def _in_words(label: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label)
    return " ".join(re.split(r"[\s_\-./:]+", spaced)).strip().lower() or label
