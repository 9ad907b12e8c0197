"""What is refused of a study that writes before anything is trained, and the test set opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tunewright.data.contents import ContentDataset
from tunewright.decide.config import AUTO, DecisionConfig, MetricSpec
from tunewright.evaluate.generation import TEXT_METRICS
from tunewright.evaluate.generation.base import text_metric
from tunewright.workflow.config import ProjectConfig
from tunewright.workflow.generate.answers import references_of


def refuse_unusable_files(config: ProjectConfig, folder: Path) -> None:
    """Read what the settings of answers and of their metric name: a schema, a function.

    Raises:
        ConfigError: for a file that is not there, or cannot be used.
    """
    config.generation.resolved(folder)
    decision = config.decision
    if decision.metric != AUTO and decision.metric in TEXT_METRICS:
        text_metric(decision.metric, decision.metric_settings, folder=folder).check([])


def refuse_unscorable(
    decision: DecisionConfig, dataset: ContentDataset, targets: Mapping[str, str], folder: Path
) -> None:
    """Hold every reference against the metrics that the project names, while it is being sealed.

    One that cannot be scored would otherwise end the run after the test set was opened.

    Args:
        decision: with the metric that counts.
        dataset: as prepared.
        targets: answers of its test rows, by id.
        folder: the project's.

    Raises:
        DataError: naming the row of the first that cannot be scored.
        ConfigError: for a file of a metric's settings that cannot be used.
    """
    if not dataset.has_answers:
        return
    parts = [
        references_of(dataset.fit, dataset.scored_rows.tolist()),
        references_of(dataset.test, range(len(dataset.test)), targets),
    ]
    counts = MetricSpec(name=decision.metric, settings=decision.metric_settings)
    for spec in (counts, *(decision.secondary_metrics or ())):
        metric = text_metric(spec.name, spec.settings, folder=folder)
        for part in parts:
            metric.check(list(part.values()))
