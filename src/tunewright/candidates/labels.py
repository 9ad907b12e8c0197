"""What a person has said about the labels, held against the labels that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.errors import ConfigError, nearest
from tunewright.core.text import shortened

_LABELS_SHOWN = 30
_CHARACTERS = 60


def refuse_unknown_labels(descriptions: Mapping[str, str], labels: Sequence[str]) -> None:
    """Refuse a description of a label that no row has: it would silently describe nothing.

    Raises:
        ConfigError: with the nearest label.
    """
    known = set(labels)
    for name in descriptions:
        if name in known:
            continue
        near = nearest(name, list(labels))
        shown = ", ".join(shortened(label, _CHARACTERS) for label in labels[:_LABELS_SHOWN])
        raise ConfigError(
            f"no row has the label '{name}'",
            field=f"label_descriptions.{name}",
            expected=shown + (", ..." if len(labels) > _LABELS_SHOWN else ""),
            fix=f"did you mean '{near}'?" if near else "remove the line, or correct the label",
        )
