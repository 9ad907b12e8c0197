"""The last section: what the words of the page mean."""

from __future__ import annotations

from tunewright.report.facts import Facts
from tunewright.report.glossary import LABELS_ONLY, TERMS, TEXTS_ONLY


def words_view(facts: Facts) -> dict[str, tuple[str, str]]:
    """The terms that a page of this task may use."""
    unused = LABELS_ONLY if facts.writes else TEXTS_ONLY
    return {key: term for key, term in TERMS.items() if key not in unused}
