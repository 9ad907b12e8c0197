"""The search for a recipe: learning rate first, then the rest, by successive halving.

1. Sweep: the first strategy at each learning rate, judged after the first rung's epochs. Among
   rates within one paired standard error of the best, the one nearest the default is taken: so
   little training tells good rates from bad ones, not the best from the second best.
2. Recipes over strategy, learning rate around the sweep's, epochs, batch size and dropout are
   drawn by Optuna, or taken from the grid of all combinations one after the other. Each is judged
   at the first rung; the best in `eta` are trained on to the next, and so on to their last epoch
   (Jamieson and Talwalkar 2016). Trained on, not again: with the schedule `warmup_stable_decay` a
   trial goes back to where its learning rate began to fall.

Every draw follows from the seed and the outcomes so far, so a search that was killed and continued
makes the same choices; no state of Optuna's is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from tunewright.core.seeds import derive_seed
from tunewright.experiment.config import TrainingConfig
from tunewright.experiment.evaluator import Outcome, Run, RunEvaluator, TrialsAhead
from tunewright.strategies import STRATEGIES
from tunewright.train.recipe import Phase, Recipe, StrategySpec, Trial, fitting_strategies

if TYPE_CHECKING:
    import optuna

DEFAULT_LEARNING_RATE = 1e-4
_DRAWN_AT_ONCE = 2
_MANY_ROWS = 4000
RATE_FACTORS = (0.5, 1.0, 2.0)
"""Around the sweep's learning rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchSpace:
    """The choices that are open, with every default filled in."""

    config: TrainingConfig
    model: str
    """Content hash of the base model."""
    epochs: list[int]
    batch_sizes: list[int]
    depth: int
    """Blocks of the model; strategies that do not fit it are left out."""
    usual_rate: float = DEFAULT_LEARNING_RATE
    """Learning rate that is taken where the sweep tells no other one apart from it."""
    objective: Literal["supervised", "next_token"] = "supervised"
    """What is minimised."""

    def strategies(self) -> list[StrategySpec]:
        """The strategies that this model supports."""
        return fitting_strategies(self.config.search.strategy, self.depth)

    def recipe(self, **changes: Any) -> Recipe:
        """A recipe with these hyper-parameters over the fixed ones."""
        strategy = changes.pop("strategy")
        values = self.config.fixed.model_copy(update=changes)
        phase = Phase(objective=self.objective, strategy=strategy, hyperparameters=values)
        return Recipe(model=self.model, phase=phase)


@dataclass(slots=True)
class SearchResult:
    """What the search found."""

    best: Outcome
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Every run in order: phase, rung, outcome."""
    learning_rate: float = DEFAULT_LEARNING_RATE
    """The sweep's choice."""


class Search:
    """One search over a space."""

    def __init__(
        self,
        space: SearchSpace,
        evaluator: RunEvaluator,
        seed: int,
        on_step: Callable[[int, int], None] | None = None,
        ahead: Callable[[Recipe], Sequence[Trial]] = lambda recipe: (),
    ) -> None:
        self._space = space
        self._evaluator = evaluator
        self._seed = seed
        self._ahead = ahead
        self._on_step = on_step or (lambda done, total: None)
        self._entries: list[dict[str, Any]] = []
        self._expected = expected_runs(space)

    def run(self) -> SearchResult:
        """Sweep, draw, halve."""
        rate = self._sweep()
        recipes = self._draw(rate)
        best = self._halve(recipes)
        return SearchResult(best=best, entries=self._entries, learning_rate=rate)

    # -- 1. learning rate -----------------------------------------------------------------------

    def _sweep(self) -> float:
        rates = [float(str(rate)) for rate in self._space.config.choices("learning_rate")]
        if len(rates) == 1:
            return rates[0]
        outcomes = self._judge([self._base_recipe(rate) for rate in rates], 0, "sweep")
        best = max(outcomes, key=_rank)
        close = [
            rate
            for rate, outcome in zip(rates, outcomes, strict=True)
            if not outcome.failed
            and best.score - outcome.score <= self._evaluator.standard_error(best, outcome)
        ]
        return min(close or rates, key=lambda rate: abs(math.log(rate / self._space.usual_rate)))

    def _base_recipe(self, rate: float) -> Recipe:
        return self._space.recipe(
            strategy=self._space.strategies()[0],
            learning_rate=rate,
            num_train_epochs=self._space.epochs[0],
            per_device_train_batch_size=self._space.batch_sizes[0],
            dropout=self._space.config.choices("dropout")[0],
        )

    # -- 2. everything else ---------------------------------------------------------------------

    def _draw(self, rate: float) -> list[Recipe]:
        """The recipes of the first rung, without repetition, judged as they are drawn."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        choices = self._choices(rate)
        wanted = min(self._space.config.search.trials, math.prod(map(len, choices.values())))
        drawn: list[Recipe] = []
        told: list[tuple[dict[str, int], float]] = []
        attempt = 0
        while len(drawn) < wanted and attempt <= 50 * wanted:
            picks, fresh = [], []
            # Drawn a few at a time, so that they can be trained side by side. Always as many,
            # whatever the machine, so that the same seed gives the same search.
            for _ in range(min(_DRAWN_AT_ONCE, wanted - len(drawn))):
                picked = self._pick(choices, told, attempt)
                attempt += 1
                recipe = self._recipe_of(choices, picked, rate)
                picks.append((picked, recipe))
                if recipe not in drawn and recipe not in fresh:
                    fresh.append(recipe)
            self._judge(fresh, 0, "draw")
            drawn += fresh
            told += [(picked, self._score_of(recipe)) for picked, recipe in picks]
        return drawn or [self._base_recipe(rate)]

    def _choices(self, rate: float) -> dict[str, list[Any]]:
        config = self._space.config
        rates = (
            [rate * f for f in RATE_FACTORS] if len(config.choices("learning_rate")) > 1 else [rate]
        )
        return {
            "strategy": list(self._space.strategies()),
            "learning_rate": rates,
            "num_train_epochs": list(self._space.epochs),
            "per_device_train_batch_size": list(self._space.batch_sizes),
            "dropout": list(config.choices("dropout")),
        }

    def _pick(
        self,
        choices: dict[str, list[Any]],
        told: Sequence[tuple[dict[str, int], float]],
        attempt: int,
    ) -> dict[str, int]:
        """Index of the chosen value for each name; a function of the seed and what was told."""
        if self._space.config.search.sampler == "grid":
            return _cell(choices, attempt)
        import optuna

        space = {name: list(range(len(values))) for name, values in choices.items()}
        study = optuna.create_study(
            direction="maximize", sampler=self._sampler(len(told) + attempt)
        )
        distributions: dict[str, optuna.distributions.BaseDistribution] = {
            name: optuna.distributions.CategoricalDistribution(values)
            for name, values in space.items()
        }
        for picked, score in told:
            study.add_trial(
                optuna.trial.create_trial(params=picked, distributions=distributions, value=score)
            )
        # The strategies are tried one after the other first, so that none is left to chance.
        asked = study.ask(distributions)
        picked = {name: int(asked.params[name]) for name in choices}
        if attempt < len(choices["strategy"]):
            picked["strategy"] = attempt
            picked["learning_rate"] = len(choices["learning_rate"]) // 2
        return picked

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        import optuna

        seed = derive_seed(self._seed, "search", number) % (1 << 32)
        if self._space.config.search.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)

    def _recipe_of(
        self, choices: dict[str, list[Any]], picked: dict[str, int], rate: float
    ) -> Recipe:
        values = {name: choices[name][index] for name, index in picked.items()}
        fixed = len(self._space.config.choices("learning_rate")) == 1
        if not fixed:
            values["learning_rate"] *= _factor(values["strategy"]) / _factor(choices["strategy"][0])
        return self._space.recipe(**values)

    def _score_of(self, recipe: Recipe) -> float:
        return self._evaluator.score(self._run(recipe, rung=0)).score

    # -- 3. successive halving ------------------------------------------------------------------

    def _halve(self, recipes: list[Recipe]) -> Outcome:
        """Train the better ones on, rung by rung; returns the best at its last epoch."""
        judged = self._evaluator.score_all([self._run(recipe, rung=0) for recipe in recipes])
        last_rung = rungs(self._space.config.search.eta) - 1
        for rung in range(1, last_rung + 1):
            keep = max(1, math.ceil(len(recipes) / self._space.config.search.eta**rung))
            judged = self._promote(judged, keep, rung)
        return judged[0]

    def _promote(self, judged: list[Outcome], keep: int, rung: int) -> list[Outcome]:
        """Train the best `keep` on to a rung, best first; one that fails gives way to the next."""
        waiting = self._ranked(judged)
        promoted: list[Outcome] = []
        failed = [outcome.failed for outcome in waiting if outcome.failed]
        hopeful = [outcome.run.recipe for outcome in waiting if not outcome.failed]
        while hopeful and len(promoted) < keep:
            count = keep - len(promoted)
            next_, hopeful = hopeful[:count], hopeful[count:]
            # The last one left is the search's answer, unless it fails: what is to be trained of it
            # afterwards need not wait.
            ahead = partial(self._ahead, next_[0]) if keep == 1 else tuple
            for further in self._judge(next_, rung, "halving", ahead):
                if further.failed:
                    failed.append(further.failed)
                else:
                    promoted.append(further)
        if not promoted:
            raise AllFailedError(failed[0])
        return self._ranked(promoted)

    def _ranked(self, judged: Sequence[Outcome]) -> list[Outcome]:
        """Best first; by the loss those that one paired standard error does not tell apart.

        An answer is right or wrong, its loss is graded: on the same rows it tells close recipes
        apart that the number of right answers does not.
        """
        best = max(judged, key=_rank)

        def place(outcome: Outcome) -> tuple[bool, float, float]:
            error = 0.0 if outcome.failed else self._evaluator.standard_error(best, outcome)
            close = not outcome.failed and best.score - outcome.score <= error
            return close, -outcome.loss if close else outcome.score, -outcome.loss

        return sorted(judged, key=place, reverse=True)

    def _judge(
        self, recipes: Sequence[Recipe], rung: int, phase: str, ahead: TrialsAhead = tuple
    ) -> list[Outcome]:
        """Score recipes at a rung, side by side, and note each in the search's account."""
        runs = [self._run(recipe, rung) for recipe in recipes]
        outcomes = self._evaluator.score_all(runs, ahead)
        self._entries += [{"phase": phase, "rung": rung, **o.as_dict()} for o in outcomes]
        self._on_step(len(self._entries), max(self._expected, len(self._entries)))
        return outcomes

    def _run(self, recipe: Recipe, rung: int) -> Run:
        epochs = recipe.phase.hyperparameters.num_train_epochs
        horizon = rung_epochs(epochs, rung, self._space.config.search.eta)
        return Run(
            recipe=recipe,
            seed=derive_seed(self._seed, "trial", 0),
            horizon=None if horizon == epochs else horizon,
        )


class AllFailedError(Exception):
    """Every recipe failed; the message is the best one's reason."""


def rungs(eta: int) -> int:
    """Number of rungs: the last epoch, a share 1 / eta of it, and 1 / eta squared."""
    return 3 if eta <= 4 else 2


def rung_epochs(epochs: int, rung: int, eta: int) -> int:
    """Epochs after which a trial of `epochs` is judged at a rung; more at every rung, if it can."""
    last = rungs(eta) - 1
    shrink: int = eta ** (last - rung)
    share = max(1, round(epochs / shrink))
    return share if rung == last else min(epochs, max(share, rung + 1))


def expected_runs(space: SearchSpace) -> int:
    """How many runs the search will judge."""
    search = space.config.search
    rates = len(space.config.choices("learning_rate"))
    runs = rates if rates > 1 else 0
    runs += max(1, search.trials)
    for rung in range(1, rungs(search.eta)):
        runs += max(1, math.ceil(search.trials / search.eta**rung))
    return runs


def default_epochs(rows: int) -> list[int]:
    """Numbers of epochs to choose from: fewer rows need more passes.

    Starting from a probe, 8,000 rows are learned in four epochs; the number grows with the fourth
    root of the shortage, to at most 15 (docs/LOG.md).
    """
    most = min(15, max(3, round(4 * (8000 / max(1, rows)) ** 0.25)))
    return sorted({max(3, round(0.6 * most)), most})


def default_batch_size(rows: int) -> int:
    """Rows of a batch: 64 where they are many, for fewer and longer operations; else 32."""
    return 64 if rows >= _MANY_ROWS else 32


def _cell(choices: dict[str, list[Any]], number: int) -> dict[str, int]:
    """A cell of the grid of all combinations, as an index for each name.

    The first name (the strategy) changes fastest, so that a grid cut short by `trials` has seen
    every strategy.
    """
    picked = {}
    for name, values in choices.items():
        number, picked[name] = divmod(number, len(values))
    return picked


def _factor(strategy: StrategySpec) -> float:
    """What a strategy's learning rate is a multiple of."""
    return STRATEGIES.get(strategy.name).learning_rate_factor


def _rank(outcome: Outcome) -> tuple[float, float]:
    return (outcome.score, -outcome.loss)
