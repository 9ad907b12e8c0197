"""What is trained and how: hyper-parameters, phase, recipe, trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tunewright.core.config import Config, check_settings
from tunewright.core.hashing import hash_value

LearningRate = Annotated[float, Field(gt=0, le=1)]
Epochs = Annotated[int, Field(ge=1)]
BatchSize = Annotated[int, Field(ge=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
"""What a hyper-parameter may be, for one fixed value as for each of those that are searched."""


_SAME_NAMES = {
    "adamw": "adamw_torch_fused",
    "adamw_torch": "adamw_torch_fused",
    "adamw_bnb_8bit": "adamw_8bit",
    "constant_with_warmup": "constant",
    "wsd": "warmup_stable_decay",
}


class StrategySpec(Config):
    """A strategy by name, with its settings. In YAML a bare name stands for its defaults."""

    name: str
    """`full`, `top_layers`, `lora`, or another registered strategy."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The strategy's own settings; see `tunewright config schema`."""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        from tunewright.core.errors import ConfigError
        from tunewright.strategies import STRATEGIES

        try:
            STRATEGIES.get(name)
        except ConfigError as problem:
            raise ValueError(f"{problem.what}|{problem.fix or problem.expected}") from problem
        return name

    @model_validator(mode="after")
    def _known_settings(self, info: ValidationInfo) -> Self:
        from tunewright.strategies import STRATEGIES

        check_settings(STRATEGIES.get(self.name).Settings, self.settings, info)
        return self

    def misfit(self, depth: int) -> str | None:
        """Why a model of `depth` blocks cannot be trained this way, or None when it can."""
        from tunewright.strategies.base import build_strategy

        return build_strategy(self.name, self.settings).supports(depth)

    @property
    def moves_base(self) -> bool:
        """Whether weights of the base model move themselves."""
        from tunewright.strategies import STRATEGIES

        return bool(STRATEGIES.get(self.name).moves_base)

    @property
    def label(self) -> str:
        """`top_layers(layers=2)`."""
        inner = ", ".join(f"{key}={value}" for key, value in sorted(self.settings.items()))
        return f"{self.name}({inner})" if inner else self.name


class Hyperparameters(Config):
    """Hyper-parameters of supervised training, in the spelling of Hugging Face."""

    aliases: ClassVar[dict[str, str]] = {
        "lr": "learning_rate",
        "epochs": "num_train_epochs",
        "num_epochs": "num_train_epochs",
        "batch_size": "per_device_train_batch_size",
        "micro_batch_size": "per_device_train_batch_size",
        "train_batch_size": "per_device_train_batch_size",
        "gradient_accumulation": "gradient_accumulation_steps",
        "grad_accumulation": "gradient_accumulation_steps",
        "lr_scheduler": "lr_scheduler_type",
        "scheduler": "lr_scheduler_type",
        "optimizer": "optim",
        "num_warmup_steps": "warmup_steps",
        "lr_warmup_steps": "warmup_steps",
        "warmup_fraction": "warmup_ratio",
        "lr_warmup_fraction": "warmup_ratio",
        "cosine_min_lr_ratio": "min_lr_rate",
        "noisy_embedding_alpha": "neftune_noise_alpha",
        "label_smoothing": "label_smoothing_factor",
        "max_gradient_norm": "max_grad_norm",
        "gradient_clipping": "max_grad_norm",
        "sample_packing": "packing",
        "early_stopping_steps": "early_stopping_patience",
        "early_stop_interval": "early_stopping_patience",
    }

    learning_rate: LearningRate = 1e-4
    """Peak learning rate. Small encoders want more than large ones; it is searched first."""
    num_train_epochs: Epochs = 5
    """Passes over the training rows."""
    per_device_train_batch_size: BatchSize = 32
    """Rows of a micro-batch."""
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    """Micro-batches of one optimiser step; exactly equal to one larger batch."""
    tokens_per_step: int | None = Field(default=None, ge=1)
    """Tokens of a micro-batch, padding included, in place of a number of rows. For models that
    write."""
    packing: bool | None = None
    """Whether rows stand one behind the other instead of side by side; chosen by the device when
    not given. For models that write."""
    optim: Literal["adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "adafactor"] = (
        "adamw_torch_fused"
    )
    """The optimiser. Those in eight bits need an NVIDIA GPU and the package bitsandbytes; adafactor
    needs the least memory (Shazeer and Stern 2018)."""
    lr_scheduler_type: Literal[
        "warmup_stable_decay",
        "linear",
        "cosine",
        "cosine_with_min_lr",
        "inverse_sqrt",
        "constant",
    ] = "warmup_stable_decay"
    """How the learning rate falls after the warm-up. `warmup_stable_decay` stays at the peak and
    falls over the second half; a trial with it can be judged early and trained on later."""
    warmup_ratio: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps of all epochs over which the learning rate rises from zero."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Optimiser steps over which it rises, in place of `warmup_ratio`."""
    min_lr_rate: float = Field(default=0.1, ge=0, le=1)
    """Share of the peak at which `cosine_with_min_lr` ends."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled weight decay (AdamW); biases and norms are left out."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the gradient's running mean."""
    adam_beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the squared gradient's running mean."""
    adam_epsilon: float = Field(default=1e-8, gt=0)
    """Added to the root of the squared gradient."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Gradients are scaled down to this norm over all weights; 0 leaves them."""
    dropout: Dropout | None = None
    """Dropout in the trained blocks, inside attention too; the model's own when it is not given,
    none at all at 0."""
    neftune_noise_alpha: float | None = Field(default=None, gt=0)
    """Uniform noise on the input embeddings in training, of at most alpha / sqrt(tokens x width)
    (Jain et al. 2023, NEFTune; 5 is usual); none when it is not given."""
    label_smoothing_factor: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that is spread evenly over all classes."""
    early_stopping_patience: int | None = Field(default=None, ge=1)
    """Stop after so many epochs without a better dev score; never when it is not given."""
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    """Judge and keep the exponential moving average of the weights, with this decay for each step;
    the weights themselves when it is not given."""
    spike_rollback: bool | None = None
    """Whether a training that goes wrong goes back to its last good step. It takes the memory of
    the trained weights and their optimiser once more. When it is not given: where the trained
    weights are at most a quarter of the model's, or four million."""
    head_init: Literal["probe", "random"] = "probe"
    """Start of the head: the linear probe (Kumar et al. 2022, LP-FT) or random numbers."""

    @field_validator("optim", "lr_scheduler_type", mode="before")
    @classmethod
    def _respelled(cls, name: Any) -> Any:
        """Hugging Face has several names for one thing; each has one here."""
        return _SAME_NAMES.get(name, name) if isinstance(name, str) else name


class Phase(Config):
    """Objective x strategy x hyper-parameters."""

    objective: Literal["supervised", "next_token"] = "supervised"
    """What is minimised: the cross-entropy of a label, or of each token that is learned."""
    strategy: StrategySpec
    """Which weights move."""
    hyperparameters: Hyperparameters = Hyperparameters()
    """How they move."""


class Recipe(Config):
    """A model and the phase that tunes it."""

    model: str
    """Content hash of the resolved model."""
    phase: Phase
    """What is done to it."""

    @property
    def stops_early(self) -> bool:
        """Whether a trial may end before its last epoch, when dev no longer gets better."""
        return self.phase.hyperparameters.early_stopping_patience is not None

    @property
    def label(self) -> str:
        """A short line for tables."""
        values = self.phase.hyperparameters
        return (
            f"{self.phase.strategy.label}, lr {values.learning_rate:.3g}, "
            f"{values.num_train_epochs} epochs, batch {values.per_device_train_batch_size}"
        )


def fitting_strategies(specs: Sequence[StrategySpec], depth: int) -> list[StrategySpec]:
    """Those by which a model of `depth` blocks can be trained; `full` where none of them fits."""
    fitting = [spec for spec in specs if spec.misfit(depth) is None]
    return fitting if fitting or not specs else [StrategySpec(name="full")]


class Selection(Config):
    """Which examples a trial learns from and which it is scored on."""

    fit: Literal["train", "train+dev"] = "train"
    """The rows to learn from. `train+dev` leaves nothing to score on."""
    fold: int | None = None
    """Learn from the other folds, score on this one; None uses the dev rows."""
    size: int | None = None
    """Only the first so many rows of the nested order; all when it is not given."""
    order: int = 0
    """Which of the nested orders is cut at `size`."""


class Trial(Config):
    """One recipe on one selection with one seed. Its id is the hash of all its fields."""

    recipe: Recipe
    """What to do."""
    selection: Selection
    """What to do it on."""
    seed: int
    """Root of every random stream of the trial."""
    data: str
    """Content hash of the data stage, so that changed data means another trial."""
    numerics: str
    """Name of the arithmetic in use; another one rounds differently."""
    reading: str | None = None
    """Hash of how rows become tokens, and of what the base model is kept in; None where nothing of
    that can be chosen."""
    stops_by: str | None = None
    """The metric by which it stops early; None where it is trained to its end."""

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits."""
        return hash_value(self.model_dump(mode="json"))[:12]
