"""Answers as question-answering data sets keep them: a text, or several with their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.data.schemas.base import UnusableRowError
from tunewright.data.schemas.cells import checked_text, text_of
from tunewright.data.schemas.matching import is_text, structure
from tunewright.data.values import shown

_TEXT = "text"


def are_answers(values: Sequence[object]) -> bool:
    """Whether these are texts, or several answers to choose from."""
    return all(is_text([value]) or are_several([value]) for value in values)


def are_several(values: Sequence[object]) -> bool:
    """Whether these are objects or lists of answers, as SQuAD and its successors have them."""
    return bool(values) and all(_listed(structure(value)) is not None for value in values)


def answer_of(values: Mapping[str, object], column: str) -> str:
    """The answer in a column: its text, or the first of several; '' where there is none (SQuAD 2).

    Raises:
        UnusableRowError: when it is missing, or holds something else.
    """
    found = _listed(values[column]) if isinstance(values.get(column), Mapping | list) else None
    if found is None and isinstance(values.get(column), str):
        held = structure(values[column])  # a cell of a table
        found = _listed(held) if isinstance(held, Mapping) else None
    if found is None:
        return text_of(values, column, required="missing_answer")
    place = f"the column {shown(column)}"
    if not found:
        return ""
    text = checked_text(found[0], place)
    if text is None:
        raise UnusableRowError("missing_answer", f"{place} holds an answer without text")
    return text


def _listed(found: object) -> list[object] | None:
    """The texts of `{"text": [...]}`, `[{"text": ...}]` or `[...]`; None for all else."""
    if isinstance(found, Mapping):
        texts = found.get(_TEXT)
        return [texts] if isinstance(texts, str) else texts if isinstance(texts, list) else None
    if not isinstance(found, list):
        return None
    if all(isinstance(item, Mapping) and _TEXT in item for item in found):
        return [item[_TEXT] for item in found]
    return found if all(isinstance(item, str) for item in found) else None
