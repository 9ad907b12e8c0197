"""What a person may set about the decision."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tunewright.core.config import Config, check_settings
from tunewright.core.errors import ConfigError, nearest
from tunewright.core.registry import Registry
from tunewright.evaluate.generation import PERPLEXITY, TEXT_METRICS

CLASSIFY, GENERATE = "classify", "generate"
AUTO = "auto"
"""Of written answers: the metric that suits their length (`metric_for_words`)."""
DEFAULT_METRICS = {CLASSIFY: "accuracy", GENERATE: AUTO}
"""Task to the metric that counts where a project names none."""
_FEW_WORDS = 8
SHOWN_BESIDE = ("exact_match", "token_f1", "rougeL", "chrf")
"""Of written answers, unless the project names others."""


class MetricSpec(Config):
    """A metric of written answers by name, with its settings. A bare name has its defaults."""

    name: str
    """`exact_match`, `token_f1`, `rougeL`, `chrf`, or another one."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The metric's own settings."""

    @model_validator(mode="after")
    def _known(self, info: ValidationInfo) -> Self:
        fault = metric_fault(self.name, GENERATE)
        if fault is not None:
            raise ValueError("|".join(fault))
        check_settings(TEXT_METRICS.get(self.name).Settings, self.settings, info)
        return self


class DecisionConfig(Config):
    """How the winner is chosen. Written down before the test set is opened."""

    metric: str = "accuracy"
    """The score that counts. Of labels: `accuracy`, `macro_f1`, `weighted_f1` or
    `balanced_accuracy`. Of written answers: `auto` (there the default: `exact_match` where their
    median is under 8 words, else `rougeL`), `exact_match`, `token_f1`, `rouge1`, `rouge2`,
    `rougeL`, `bleu`, `chrf`, `sql_execution`, `json_valid`, `json_field_f1`, `numeric_match` or
    `function`, one of your own."""
    metric_settings: dict[str, Any] = Field(default_factory=dict)
    """The metric's own settings; those of labels have none."""
    secondary_metrics: list[MetricSpec] | None = None
    """What else is told of written answers; `exact_match`, `token_f1`, `rougeL` and `chrf` when not
    given. Decides nothing."""
    margin: float = Field(default=0.01, ge=0, lt=1)
    """How much worse than the best a cheaper candidate may be and still win: 0.01 is one point."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Probability of calling two equal candidates different, over all comparisons."""
    power: float = Field(default=0.8, gt=0.5, lt=1)
    """Power at which the minimum detectable effect and the items still needed are stated."""
    expected_requests: int = Field(default=100_000, ge=0)
    """Answers that the winner will give in its life; weighs running against making."""

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        faults = [metric_fault(name, task) for task in (CLASSIFY, GENERATE)]
        if all(faults):
            what, fix = _unknown(name)
            raise ValueError(f"{what}|{fix}")
        return name

    @field_validator("secondary_metrics", mode="before")
    @classmethod
    def _names(cls, values: object) -> object:
        if isinstance(values, list):
            return [{"name": v} if isinstance(v, str) else v for v in values]
        return values

    @field_validator("secondary_metrics")
    @classmethod
    def _once(cls, values: list[MetricSpec] | None) -> list[MetricSpec] | None:
        names = [value.name for value in values or []]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"metric '{twice}' is listed twice|name it once")
        return values

    @field_validator("metric_settings")
    @classmethod
    def _known_settings(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = str(info.data.get("metric", ""))  # empty where it was refused
        if name in TEXT_METRICS:
            check_settings(TEXT_METRICS.get(name).Settings, settings, info, inside=())
        elif name and settings:
            raise ValueError(f"`{name}` has no settings|remove the line")
        return settings

    @property
    def secondary(self) -> list[MetricSpec]:
        """What is told beside the metric that counts, of written answers."""
        found = self.secondary_metrics
        if found is None:
            found = [MetricSpec(name=name) for name in SHOWN_BESIDE]
        return [spec for spec in found if spec.name != self.metric]


def with_default_metric(values: Any) -> Any:
    """A project's values with the metric of its task, where it names none."""
    if not isinstance(values, dict) or values.get("task", CLASSIFY) not in DEFAULT_METRICS:
        return values
    decision = values.get("decision", {})
    if not isinstance(decision, dict) or "metric" in decision:
        return values
    metric = DEFAULT_METRICS[values.get("task", CLASSIFY)]
    return {**values, "decision": {"metric": metric, **decision}}


def metric_for_words(median_words: int) -> str:
    """The metric for answers of so many words: long ones are seldom equal to the letter."""
    return "exact_match" if median_words < _FEW_WORDS else "rougeL"


def metric_fault(name: str, task: str) -> tuple[str, str] | None:
    """What is wrong with this metric for this task, and the fix; None where nothing is."""
    if task not in DEFAULT_METRICS:
        return None
    known = _metrics(task)
    if name in known or (name == AUTO and task == GENERATE):
        return None
    other = next(t for t in DEFAULT_METRICS if t != task)
    if name in _metrics(other):
        return (
            f"`{name}` is a metric of `task: {other}`, and this project's is `{task}`",
            f"use one of {', '.join(known.names())}",
        )
    if name == PERPLEXITY:
        return (
            "perplexity cannot decide: it scores probabilities, which not every candidate has, "
            "and lower is better",
            "choose a metric of answers; the perplexity of models is shown beside it",
        )
    return _unknown(name, known.names())


def check_decision(config: DecisionConfig, task: str) -> None:
    """Refuse a decision that this task cannot be decided by.

    Raises:
        ConfigError: naming the field and the fix; the caller knows file and line.
    """
    fault = metric_fault(config.metric, task)
    if fault is not None:
        raise ConfigError(
            fault[0], field="decision.metric", found=repr(config.metric), fix=fault[1]
        )
    if task != GENERATE and config.secondary_metrics is not None:
        raise ConfigError(
            "only written answers have secondary metrics",
            field="decision.secondary_metrics",
            fix="remove the line, or say `task: generate`",
        )


def _metrics(task: str) -> Registry[Any]:
    if task == GENERATE:
        return TEXT_METRICS
    from tunewright.evaluate.metrics import METRICS

    return METRICS


def _unknown(name: str, known: list[str] | None = None) -> tuple[str, str]:
    if name == PERPLEXITY:
        fault = metric_fault(name, GENERATE)
        assert fault is not None
        return fault
    known = known or [n for task in DEFAULT_METRICS for n in _metrics(task).names()]
    near = nearest(name, known)
    what = f"there is no metric called '{name}'"
    return what, f"did you mean '{near}'?" if near else f"use one of {', '.join(known)}"
