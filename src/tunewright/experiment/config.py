"""What of the experiment a person may set."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tunewright.core.config import Config
from tunewright.train.recipe import (
    BatchSize,
    Dropout,
    Epochs,
    Hyperparameters,
    LearningRate,
    StrategySpec,
)


def _spec(name: str, **settings: object) -> StrategySpec:
    return StrategySpec(name=name, settings=settings)


class SearchConfig(Config):
    """The search over recipes: learning rate first, then everything else around it."""

    sampler: Literal["tpe", "random", "grid"] = "tpe"
    """How recipes are drawn after the learning-rate sweep: by Optuna's `tpe` or `random`, or the
    `grid` of all combinations in order, as many of them as `trials` allows."""
    trials: int = Field(default=6, ge=0)
    """Recipes drawn after the sweep; 0 stops after it."""
    eta: int = Field(default=3, ge=2)
    """Successive halving keeps one trial in `eta` at each rung, and trains it on."""
    learning_rate: list[LearningRate] = Field(default=[5e-5, 1e-4, 2e-4, 4e-4], min_length=1)
    """Learning rates of the sweep."""
    strategy: list[StrategySpec] = Field(
        default=[
            _spec("top_layers", layers=2),
            _spec("top_layers", layers=4),
            _spec("full", train_embeddings=False),
            _spec("lora"),
        ],
        min_length=1,
    )
    """Strategies to choose from; the first is used in the sweep."""
    num_train_epochs: list[Epochs] | None = Field(default=None, min_length=1)
    """Numbers of epochs to choose from; by the number of rows when not given."""
    per_device_train_batch_size: list[BatchSize] | None = Field(default=None, min_length=1)
    """Batch sizes to choose from; one by the number of rows when not given."""
    dropout: list[Dropout | None] = Field(default=[None, 0.0], min_length=1)
    """Dropout rates to choose from; null is the model's own."""

    @field_validator("strategy", mode="before")
    @classmethod
    def _names(cls, values: object) -> object:
        """A bare name stands for the strategy with its defaults."""
        if isinstance(values, list):
            return [{"name": v} if isinstance(v, str) else v for v in values]
        return values

    @field_validator("learning_rate")
    @classmethod
    def _rates(cls, values: list[float]) -> list[float]:
        return sorted(values)


class CurveConfig(Config):
    """The learning curve: the chosen recipe on nested subsets."""

    fractions: list[Annotated[float, Field(gt=0, lt=1)]] = Field(default=[0.125, 0.25, 0.5])
    """Shares of the training rows, besides all of them. An empty list leaves the curve out."""
    seeds: int = Field(default=2, ge=1)
    """Seeds (and nested orders) at each size."""

    @field_validator("fractions")
    @classmethod
    def _shares(cls, values: list[float]) -> list[float]:
        return sorted(set(values))


class FinalConfig(Config):
    """The final training of the chosen recipe."""

    seeds: int = Field(default=3, ge=1)
    """Seeds of the final recipe; their spread is in the verdict."""
    refit: bool = True
    """Whether they learn from the dev rows too; otherwise the first seed is the run that the search
    has made, and nothing is trained for it again. With folds all rows are learned from."""
    soup: Literal["auto", "always", "never"] = "auto"
    """Whether the weights of the seeds are averaged into one model: `auto` does so when the
    average is at least as good on dev as the mean of its parts."""


class TrainingConfig(Config):
    """What is trained: fixed values for every trial, and the search around them."""

    aliases: ClassVar[dict[str, str]] = {
        "hyperparameters": "fixed",
        "training_arguments": "fixed",
        "hpo": "search",
        "hyperopt": "search",
        "learning_curve": "curve",
    }

    fixed: Hyperparameters = Hyperparameters()
    """Hyper-parameters that the search does not vary."""
    search: SearchConfig = SearchConfig()
    """Which recipes are tried."""
    curve: CurveConfig = CurveConfig()
    """Which subset sizes are trained."""
    final: FinalConfig = FinalConfig()
    """How the chosen recipe is trained in the end."""

    @model_validator(mode="after")
    def _not_twice(self) -> Self:
        searched = set(SearchConfig.model_fields) & set(Hyperparameters.model_fields)
        both = searched & self.fixed.model_fields_set & self.search.model_fields_set
        if both:
            name = sorted(both)[0]
            raise ValueError(f"'{name}' stands under both `fixed` and `search`|keep one of them")
        return self

    def choices(self, name: str) -> list[object]:
        """The values of a hyper-parameter to choose from: fixed by the person, or searched."""
        if name in self.fixed.model_fields_set:
            return [getattr(self.fixed, name)]
        values: list[object] = list(getattr(self.search, name) or [])
        return values
