"""The `generation:` section of a project: how an answer is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from tunewright.core.config import Config
from tunewright.core.errors import ConfigError

_MOST_CHOICES = 10_000
"""The grammar of more takes minutes to read."""
_SAMPLING = ("temperature", "top_k", "top_p", "min_p")


class ConstraintConfig(Config):
    """What an answer has to be. Exactly one of the three."""

    aliases: ClassVar[dict[str, str]] = {
        "schema": "json_schema",
        "json": "json_schema",
        "guided_json": "json_schema",
        "pattern": "regex",
        "guided_regex": "regex",
        "choice": "choices",
        "labels": "choices",
        "guided_choice": "choices",
    }

    json_schema: dict[str, Any] | str | None = None
    """A JSON schema, written here or as the path of a JSON file."""

    regex: str | None = None
    """A regular expression that the whole answer has to match; without look-around and
    back-references."""

    choices: tuple[str, ...] | None = Field(default=None, min_length=1)
    """The texts of which the answer has to be one."""

    @field_validator("choices")
    @classmethod
    def _some_texts(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and any(not choice for choice in value):
            raise ValueError("a choice is empty|leave it out, or give it a text")
        if value is not None and len(value) > _MOST_CHOICES:
            raise ValueError(
                f"there are {len(value):,} choices, and at most {_MOST_CHOICES:,} can be held"
                "|shorten the list, or write a regular expression"
            )
        return None if value is None else _encodable(value, "choice")

    @model_validator(mode="after")
    def _one_that_is_sound(self) -> ConstraintConfig:
        given = [name for name in ConstraintConfig.model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(f"`{name}`" for name in given) or "nothing"
            raise ValueError(
                f"a constraint is one of json_schema, regex and choices; found {found}"
                "|keep exactly one of them"
            )
        if not isinstance(self.json_schema, str):
            from tunewright.models.generation.grammar import fault_of

            fault = fault_of(self)
            if fault is not None:
                raise ValueError(f"this {_WORDS[given[0]]} cannot be used: {fault}|correct it")
        return self

    def resolved(self, folder: Path) -> ConstraintConfig:
        """The same with the schema itself in the place of its path.

        Args:
            folder: relative paths start here.

        Raises:
            ConfigError: when the file cannot be read, or holds no usable schema.
        """
        if not isinstance(self.json_schema, str):
            return self
        path = folder / self.json_schema
        schema = _read_schema(path)
        from pydantic import ValidationError

        try:
            return ConstraintConfig(json_schema=schema)
        except ValidationError as problem:
            said = str(problem.errors()[0]["msg"]).split(", ", 1)[-1].split("|")[0]
            raise ConfigError(
                "this is no schema that an answer can be held to",
                file=path,
                found=said,
                expected="a JSON schema of the kinds that docs/generation.md lists",
                fix="correct the schema",
            ) from problem


_WORDS = {"json_schema": "JSON schema", "regex": "regular expression", "choices": "list of choices"}


class GenerationConfig(Config):
    """How texts are written."""

    aliases: ClassVar[dict[str, str]] = {
        "max_tokens": "max_new_tokens",
        "max_gen_len": "max_new_tokens",
        "max_completion_tokens": "max_new_tokens",
        "generation_max_new_tokens": "max_new_tokens",
        "sample": "do_sample",
        "topk": "top_k",
        "topp": "top_p",
        "beam_size": "num_beams",
        "generation_num_beams": "num_beams",
        "stop_strings": "stop",
        "stop_sequences": "stop",
        "stop_words": "stop",
        "guided_decoding": "constraint",
        "structured_outputs": "constraint",
    }

    max_new_tokens: int = Field(default=256, ge=1)
    """The most tokens of an answer."""

    do_sample: bool = False
    """Whether tokens are drawn; otherwise the likeliest is taken each time."""

    temperature: float = Field(default=1.0, ge=0)
    """Tokens are drawn from softmax(logits / temperature)."""

    top_k: int = Field(default=0, ge=0)
    """Only so many of the likeliest tokens are drawn from; 0 for all."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Only the likeliest tokens that together have this probability are drawn from."""

    min_p: float = Field(default=0.0, ge=0, le=1)
    """Only tokens that have this share of the likeliest token's probability are drawn from."""

    repetition_penalty: float = Field(default=1.0, gt=0)
    """Logits of tokens that stand in the text already are divided by it (multiplied where
    negative)."""

    num_beams: int = Field(default=1, ge=1)
    """How many beginnings of an answer are followed at once (beam search)."""

    length_penalty: float = Field(default=1.0, ge=-10, le=10)
    """Beams are compared by log-probability / tokens ** length_penalty."""

    stop: tuple[str, ...] = ()
    """Texts at which an answer ends; they are cut off."""

    seed: int = 0
    """Of what is drawn."""

    constraint: ConstraintConfig | None = None
    """What an answer has to be."""

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("stop")
    @classmethod
    def _no_empty_stop(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not text for text in value):
            raise ValueError("a stop text is empty, so every answer would be|leave it out")
        return _encodable(value, "stop text")

    @model_validator(mode="after")
    def _belongs_together(self) -> GenerationConfig:
        if self.do_sample and self.num_beams > 1:
            raise ValueError(
                "beams are searched, not drawn|set num_beams to 1, or do_sample to false"
            )
        if self.do_sample and self.temperature == 0:
            raise ValueError(
                "at temperature 0 nothing is drawn|set do_sample to false, or a temperature above 0"
            )
        idle = [
            name
            for name in _SAMPLING
            if not self.do_sample and getattr(self, name) != type(self).model_fields[name].default
        ]
        if idle and not (idle == ["temperature"] and self.temperature == 0):
            raise ValueError(
                f"{' and '.join(idle)} would change nothing, because nothing is drawn"
                "|set do_sample to true, or leave it out"
            )
        if self.constraint is not None and self.stop:
            raise ValueError(
                "a stop text would cut answers that have to meet a constraint"
                "|leave `stop` out: such an answer ends when its constraint is met"
            )
        if self.num_beams == 1 and self.length_penalty != 1.0:
            raise ValueError(
                "length_penalty compares beams, and there is only one"
                "|set num_beams above 1, or leave it out"
            )
        return self

    def resolved(self, folder: Path) -> GenerationConfig:
        """The same with every file it names read.

        Args:
            folder: of the project file.

        Raises:
            ConfigError: when a file cannot be read or used.
        """
        if self.constraint is None:
            return self
        return self.model_copy(update={"constraint": self.constraint.resolved(folder)})


def _encodable(texts: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The same, unless one holds half of a character, which no model can write."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            raise ValueError(
                f"a {what} holds half of a character: {text!r}|correct it"
            ) from problem
    return texts


def _read_schema(path: Path) -> dict[str, Any]:
    import json

    wanted = "a JSON schema: one object"
    try:
        if path.exists() and not path.is_file():
            raise OSError(0, "it is no file that could be read to its end")
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise ConfigError(
            "the file of a JSON schema cannot be read",
            file=path,
            found=problem.strerror or type(problem).__name__,
            expected=wanted,
            fix="correct `generation.constraint.json_schema`",
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise ConfigError(
            "the file of a JSON schema is no JSON",
            file=path,
            found=str(problem)[:300],
            expected=wanted,
            fix="correct the file",
        ) from problem
    if not isinstance(value, dict):
        raise ConfigError(
            "the file of a JSON schema holds something else",
            file=path,
            found=f"a {type(value).__name__}",
            expected=wanted,
            fix="correct the file",
        )
    return value
