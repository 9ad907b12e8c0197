"""Answers on their way from files of the study to the ledger and to the metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunewright.core.files import read_json
from tunewright.data.content import Document
from tunewright.data.contents import ContentPart
from tunewright.evaluate.generation.base import Reference, TextMetric
from tunewright.study.ledger import Answers
from tunewright.workflow.session import Session


def read_answers(path: Path) -> list[dict[str, Any]]:
    """What a job has written: `text`, `confidence`, `cut_off` of each row.

    Raises:
        DataError: when the file is missing or no JSON.
    """
    found: list[dict[str, Any]] = read_json(path)
    return found


def to_ledger(
    said: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
    likelihoods: Sequence[float | None] | None = None,
) -> Answers:
    """Answers as the ledger keeps them.

    Args:
        said: of each row.
        ids: of the rows.
        likelihoods: probability of a token of the reference, the geometric mean; None where the
            candidate gives none.
    """
    return Answers(
        examples=list(ids),
        answers=[one["text"] for one in said],
        confidences=[one["confidence"] for one in said],
        target_probabilities=list(likelihoods) if likelihoods else [None] * len(said),
    )


def references_of(
    part: ContentPart, rows: Sequence[int], answers: Mapping[str, str] | None = None
) -> dict[str, Reference]:
    """What answers to some rows are held against, by id.

    Args:
        part: of the data set.
        rows: of the part.
        answers: by id; the rows' own when None.
    """
    found = {}
    for row in rows:
        content, source = part.contents[row], part.sources[row]
        id_ = part.ids[row]
        answer = (content.answer or "") if answers is None else answers[id_]
        answer = content.text if isinstance(content, Document) else answer
        found[id_] = Reference(
            texts=(answer,),
            question=content.question,
            columns=part.columns[row],
            file=source.file,
            row=source.row,
        )
    return found


def metric_of(session: Session) -> TextMetric:
    """The metric that counts."""
    from tunewright.evaluate.generation.base import text_metric

    decision = session.decision
    return text_metric(decision.metric, decision.metric_settings, folder=session.folder)


LIKELIHOOD = "tunewright.candidates.generate.likelihood:ScoreReferences"


def per_token(found: Mapping[str, Sequence[float]]) -> list[float | None]:
    """Probability of a token of each row, the geometric mean; None where there is none.

    Args:
        found: `losses` and `tokens` of each row.
    """
    pairs = zip(found["losses"], found["tokens"], strict=True)
    return [math.exp(-loss / tokens) if tokens else None for loss, tokens in pairs]


def as_answers(likely: Sequence[float | None]) -> list[dict[str, Any]]:
    """What is kept of running text in the place of answers: how probable each row is."""
    return [
        {"text": None if value is None else repr(value), "confidence": None} for value in likely
    ]
