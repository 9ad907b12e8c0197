"""What a person may say about a synthesis."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewright.core.config import Config


class SynthesisConfig(Config):
    """How rows are asked for, and what they must pass."""

    method: str = "self_instruct"
    """One of `METHODS`."""

    count: int = Field(default=100, ge=1)
    """Rows wanted after filtering."""

    seed: int = Field(default=0, ge=0)

    temperature: float = Field(default=0.8, ge=0, le=2)
    """Of new questions and texts."""

    answer_temperature: float = Field(default=0.2, ge=0, le=2)
    """Of their answers."""

    max_new_tokens: int = Field(default=512, ge=8)
    """The most tokens of one answer."""

    prompts_per_batch: int = Field(default=8, ge=1)
    """Prompts that are asked before their rows are judged."""

    rows_per_prompt: int = Field(default=4, ge=1)
    """Rows that one prompt asks for."""

    demonstrations: int = Field(default=6, ge=1)
    """Rows of the person's that a prompt shows."""

    generated_demonstrations: int = Field(default=2, ge=0)
    """New rows that it shows beside them."""

    balance: Literal["even", "scarce"] = "even"
    """Whether every label gets as many new rows, or the scarce ones are filled up first."""

    novelty: float = Field(default=0.7, gt=0, le=1)
    """A text whose ROUGE-L to any other reaches this is not new (Wang et al. 2022)."""

    overlap: float = Field(default=0.7, gt=0, le=1)
    """A text that shares this much of its character runs with a test or dev text is left out."""

    consistency_samples: int = Field(default=3, ge=0)
    """How often the model answers a new question once more; 0 leaves that filter out."""

    consistency_agree: int = Field(default=2, ge=1)
    """How many of these answers must agree with the row's own."""

    consistency_f1: float = Field(default=0.5, gt=0, le=1)
    """Token F1 from which two long answers agree."""

    least_yield: float = Field(default=0.02, ge=0, lt=1)
    """Below this share kept over `yield_batches` batches it is stopped."""

    yield_batches: int = Field(default=10, ge=1)
