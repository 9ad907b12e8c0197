"""What is usual in training a model that writes, where a person leaves it open.

A base model that has learned a language needs small steps and few passes, and low-rank updates keep
most of what it knows; random weights need all of themselves trained, with large steps, often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tunewright.experiment.config import CurveConfig, FinalConfig, TrainingConfig
from tunewright.train.recipe import StrategySpec

SMALL_PARAMETERS = 200_000_000
"""Models below it are also tuned in full: their optimiser state fits beside them anywhere."""
_TINY_PARAMETERS = 20_000_000
"""Narrow layers want larger steps."""
_DEFAULT_BATCH = 16
_LORA = StrategySpec(name="lora")
_TRIALS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """The choices for one model and data set."""

    learning_rate: float
    """Taken where the sweep tells no other one apart from it."""
    learning_rates: list[float]
    epochs: list[int]


def usual_for(*, random_weights: bool, rows: int, parameters: int) -> Usual:
    """What is usual for a model and so many training rows.

    A base model sees its rows twice or three times, more often where there are few (the fourth root
    of the shortage, to five); random weights 20 times at 4,000 rows, and so that the number of
    steps falls with the root of the rows only, from 6 to 60 times.

    Args:
        random_weights: whether the model has learned nothing yet.
        rows: a trial of the search learns from.
        parameters: numbers in the model.
    """
    if random_weights:
        most = min(60, max(6, round(20 * (4000 / max(1, rows)) ** 0.5)))
        return Usual(learning_rate=1e-3, learning_rates=[5e-4, 1e-3, 2e-3], epochs=[most])
    most = min(5, max(2, round(3 * (2000 / max(1, rows)) ** 0.25)))
    return Usual(
        learning_rate=3e-4,
        learning_rates=[1e-4, 3e-4, 1e-3],
        epochs=sorted({max(1, most // 2), most}),
    )


def usual_training(
    given: TrainingConfig,
    *,
    random_weights: bool,
    rows: int,
    depth: int,
    parameters: int,
    quantized: bool = False,
) -> TrainingConfig:
    """A person's training configuration with the usual values where nothing is said.

    Args:
        given: as the project file says.
        random_weights: whether the model has learned nothing yet.
        rows: a trial of the search learns from.
        depth: blocks of the model.
        parameters: numbers in it.
        quantized: whether they are kept in 4 or 8 bits, so that none of them can move.
    """
    usual = usual_for(random_weights=random_weights, rows=rows, parameters=parameters)
    strategies = _strategies(random_weights, depth, parameters)
    if quantized:
        strategies = [spec for spec in strategies if not spec.moves_base] or [_LORA]
    wanted: dict[str, Any] = {
        "strategy": strategies,
        "learning_rate": usual.learning_rates,
        "per_device_train_batch_size": [_DEFAULT_BATCH],
        "dropout": [None],
        "trials": 1 if random_weights else _TRIALS,
    }
    taken = given.search.model_fields_set | given.fixed.model_fields_set
    search = _with(given.search, {n: v for n, v in wanted.items() if n not in taken})
    curve = _with(given.curve, _open(given.curve, {"seeds": 1}))
    final = _with(given.final, _open(given.final, {"seeds": 2, "soup": "never"}))
    assert isinstance(curve, CurveConfig)
    assert isinstance(final, FinalConfig)
    return given.model_copy(update={"search": search, "curve": curve, "final": final})


def _strategies(random_weights: bool, depth: int, parameters: int) -> list[StrategySpec]:
    """LoRA on all linear layers, on those of the top third, and full tuning of small models."""
    full = StrategySpec(name="full")
    if random_weights:
        return [full]
    third = max(1, depth // 3)
    found = [_LORA]
    if third < depth:
        found.append(StrategySpec(name="lora", settings={"layers": third}))
    return [*found, full] if parameters <= SMALL_PARAMETERS else found


def _open(part: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if name not in part.model_fields_set}


def _with(part: Any, changes: dict[str, Any]) -> Any:
    """A changed copy in which the changed fields count as given."""
    given = {name: getattr(part, name) for name in part.model_fields_set}
    return type(part)(**{**given, **changes})
