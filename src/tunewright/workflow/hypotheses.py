"""What questions about the data have in common: the way to the study, and to the worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from tunewright.core.errors import ConfigError
from tunewright.core.seeds import derive_seed
from tunewright.experiment.hypothesis import Answered, Arm, ArmRecipe
from tunewright.experiment.search import default_batch_size, default_epochs
from tunewright.train.recipe import (
    Hyperparameters,
    Phase,
    Recipe,
    StrategySpec,
    fitting_strategies,
)
from tunewright.workflow.project import Project
from tunewright.workflow.session import Listener, Session, run_stage
from tunewright.workflow.stages.audit import AUDIT
from tunewright.workflow.stages.calibrate import CALIBRATE
from tunewright.workflow.stages.data import DATA
from tunewright.workflow.stages.search import smallest_training

SEEDS = 5
"""Trainings of each set of rows."""
MOST_SECONDS = 15 * 60
"""Beyond this estimate the quick recipe is taken, unless the person has named another one."""
_LEARNING_RATE = 2e-4
_TRAIN_ARMS = "tunewright.experiment.arms:TrainArms"

RecipeName = Literal["auto", "top_layers", "probe"]
RECIPES: tuple[RecipeName, ...] = ("auto", "top_layers", "probe")


@contextmanager
def question_of(
    project: Project, listener: Listener | None, *, in_process: bool, audit: bool = False
) -> Iterator[Session]:
    """A session with the data prepared and the machine measured.

    Args:
        project: of which something is asked.
        listener: is told what happens.
        in_process: work in this process instead of a worker of its own.
        audit: whether the findings are needed too.

    Raises:
        ConfigError: for a task of which nothing can be trained yet.
    """
    if project.config.task != "classify":
        raise ConfigError(
            "this needs trainings, which are possible for `task: classify` alone",
            file=project.file,
            field="task",
            found=project.config.task,
            expected="classify",
            fix="check and repair the data with `tunewright check` and `tunewright clean`",
        )
    with project._session(in_process=in_process, listener=listener) as session:
        for stage in (DATA, CALIBRATE, *((AUDIT,) if audit else ())):
            run_stage(session, stage)
        yield session


def cheap_recipe(session: Session, repeat: int = 1) -> Recipe:
    """A few epochs of the top layers, from the store: the first such strategy of the search.

    Args:
        session: with data and calibration.
        repeat: how often each row stands in the set; there are so many fewer epochs.
    """
    rows = smallest_training(session)
    calibrated = session.results["calibrate"]
    training = session.config.training
    wanted = [
        *(spec for spec in training.search.strategy if spec.name == "top_layers"),
        StrategySpec(name="top_layers", settings={"layers": 2}),
        StrategySpec(name="top_layers", settings={"layers": 1}),
    ]
    values = {
        "learning_rate": _LEARNING_RATE,
        "num_train_epochs": default_epochs(rows)[0],
        "per_device_train_batch_size": default_batch_size(rows),
        **training.fixed.model_dump(exclude_unset=True),  # what the person has decided stays so
        "early_stopping_patience": None,
    }
    epochs = -(-int(values["num_train_epochs"]) // repeat)
    return Recipe(
        model=calibrated["model_hash"],
        phase=Phase(
            strategy=fitting_strategies(wanted, calibrated["depth"])[0],
            hyperparameters=Hyperparameters(**{**values, "num_train_epochs": epochs}),
        ),
    )


def choose_recipe(
    session: Session, name: RecipeName, arms: Sequence[Arm], seeds: int = SEEDS
) -> tuple[ArmRecipe, str]:
    """How arms are trained, and why, as a sentence ('' where the person has said it).

    Args:
        session: with data and calibration.
        name: of the recipe; `auto` takes the top layers where that is a matter of minutes.
        arms: what is to be trained.
        seeds: trainings of each arm.
    """
    roots = [derive_seed(session.config.seed, "hypothesis", number) for number in range(seeds)]
    quick = ArmRecipe(recipe=None, seeds=roots)
    if name == "probe":
        return quick, ""
    recipe = cheap_recipe(session, max(arm.repeat for arm in arms))
    chosen = ArmRecipe(recipe=recipe, seeds=roots)
    if name == "top_layers":
        return chosen, ""
    seconds = estimated_seconds(session, recipe, arms, seeds)
    if seconds is None:
        return quick, "linear probes were trained: how long the top layers take was not measured"
    if seconds > MOST_SECONDS:
        return quick, (
            f"linear probes were trained: the top layers would have taken about "
            f"{seconds / 60:.0f} minutes"
        )
    return chosen, ""


def estimated_seconds(
    session: Session, recipe: Recipe, arms: Sequence[Arm], seeds: int
) -> float | None:
    """Wall seconds that training arms takes; None where the strategy's speed is not known."""
    spec = recipe.phase.strategy
    calibrated = session.results["calibrate"]
    rates = [
        rate["seconds_per_token"]
        for rate in calibrated["training"]
        if rate["strategy"] == spec.model_dump(mode="json")
    ]
    if not rates:
        return None
    rows = sum(
        len(fit) * arm.repeat - len(set(arm.without) & set(fit.tolist()))
        for arm in arms
        for _, fit, _ in session.dataset.holdouts
    )
    tokens = rows * calibrated["tokens"]["mean"]
    epochs = recipe.phase.hyperparameters.num_train_epochs
    return float(rates[0] * tokens * epochs * seeds)


def train_arms(
    session: Session, recipe: ArmRecipe, arms: Sequence[Arm], title: str
) -> list[Answered]:
    """Train arms in the worker; what it has trained before is taken from the store."""
    found = session.job(
        _TRAIN_ARMS,
        {
            "workspace": session.workspace(),
            "recipe": recipe.model_dump(mode="json"),
            "arms": [arm.model_dump(mode="json") for arm in arms],
        },
        title,
    )
    return [_answered(entry) for entry in found["arms"]]


def _answered(entry: dict[str, Any]) -> Answered:
    return Answered(**{**entry, "answers": np.array(entry["answers"], dtype=np.int64)})
