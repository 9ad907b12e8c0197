"""What is refused of a study that writes before anything is trained, and the test set opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunewright.data.example import Example
from tunewright.data.prepare_contents import Asked, PrepareContents
from tunewright.decide.config import AUTO
from tunewright.evaluate.generation import TEXT_METRICS
from tunewright.evaluate.generation.base import Reference, text_metric
from tunewright.workflow.config import ProjectConfig


def refuse_unusable_files(config: ProjectConfig, folder: Path) -> None:
    """Read what the settings of answers and of their metric name: a schema, a function.

    Raises:
        ConfigError: for a file that is not there, or cannot be used.
    """
    config.generation.resolved(folder)
    decision = config.decision
    if decision.metric != AUTO and decision.metric in TEXT_METRICS:
        text_metric(decision.metric, decision.metric_settings, folder=folder).check([])


class PrepareScorable(PrepareContents):
    """The same, with `metrics` (name and settings of each): every reference is held against them
    while it is read. One that cannot be scored would end the run after the test set was opened.
    """

    def before_sealing(self, payload: dict[str, Any], rows: Sequence[Example]) -> None:
        """Refuse references that a metric of the project cannot score.

        Raises:
            DataError: naming the row of the first.
            ConfigError: for a file of a metric's settings that cannot be used.
        """
        references = [_reference(row) for row in rows if isinstance(row, Asked)]
        for told in payload["metrics"]:
            if told["name"] in TEXT_METRICS:  # what is found out, or is of running text, is not
                folder = Path(payload["folder"])
                text_metric(told["name"], told["settings"], folder=folder).check(references)


def _reference(row: Asked) -> Reference:
    return Reference(
        texts=(row.content.answer or "",),
        question=row.content.question,
        columns=row.columns,
        file=row.source.file,
        row=row.source.row,
    )
