"""What a person may choose about rendering."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from tunewright.core.config import Config

TrainOn = Literal["all", "assistant", "last_assistant"]
OnTooLong = Literal["error", "drop", "trim_prompt", "split"]


class RenderingConfig(Config):
    """How rows become tokens, and which of them are learned."""

    aliases: ClassVar[dict[str, str]] = {
        "chat_template": "template",
        "prompt_template": "template",
        "prompt_style": "template",
        "system_prompt": "system",
        "default_system": "system",
        "excess_length_strategy": "on_too_long",
        "truncation_strategy": "on_too_long",
    }

    template: str | None = None
    """`chatml`, `llama3`, `plain`, `alpaca`, or the path of a Jinja file (`*.jinja`); when not
    given the model's own chat template; without one `chatml` or `llama3` where its tokenizer has
    their tokens, and `plain` otherwise."""

    train_on: TrainOn = "assistant"
    """Which turns are learned: `assistant`, `last_assistant`, or `all` of the text."""

    prompt_loss_weight: float = Field(default=0.0, ge=0, le=1)
    """Weight of the tokens that are not learned otherwise."""

    on_too_long: OnTooLong = "drop"
    """What becomes of a row of more than `max_length` tokens: `error` stops, `drop` leaves it out,
    `trim_prompt` shortens what stands before the answer, oldest first, `split` divides a
    conversation between turns. An answer is never cut. Running text is divided, but for `error`."""

    system: str | None = None
    """System turn for conversations that bring none."""

    date: str = Field(default="2025-01-01", pattern=r"^\d{4}-\d{2}-\d{2}$")
    """What a template is told that writes today's date, so that two runs see the same text."""

    @model_validator(mode="before")
    @classmethod
    def _no_prompt_format(cls, values: object) -> object:
        """A run that did not use the format it was told would be compared with the wrong one."""
        if isinstance(values, dict) and "format" in values:
            raise ValueError(
                "prompt formats are compared by `tunewright formats`; a run uses the plain one"
                "|leave `format` out; for another layout, write the texts of your rows in it"
            )
        return values

    @field_validator("date")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        from datetime import date

        try:
            date.fromisoformat(value)
        except ValueError as problem:
            raise ValueError(f"there is no such day: {problem}|write it as 2025-01-31") from problem
        return value

    @field_validator("template")
    @classmethod
    def _known_template(cls, value: str | None) -> str | None:
        from tunewright.core.errors import nearest
        from tunewright.tasks.generate.named import NAMES

        if value is None or value in NAMES or value.endswith((".jinja", ".jinja2")):
            return value
        near = nearest(value.lower().replace("-", ""), NAMES)
        hint = f"did you mean '{near}'?" if near else "name a file that ends in .jinja"
        raise ValueError(f"there is no template called '{value}'|{hint}")
