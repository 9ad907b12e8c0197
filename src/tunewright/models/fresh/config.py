"""What a new model is to look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from tunewright.core.config import Config
from tunewright.core.errors import ConfigError, nearest

Architecture = Literal["llama", "qwen3", "gpt2", "t5", "bart"]
ARCHITECTURES = {
    "llama": "decoder: rotary positions, RMS norms, gated layers",
    "qwen3": "decoder: as llama, with normalised queries and keys",
    "gpt2": "decoder: learned positions, layer norms, plain layers",
    "t5": "encoder and decoder: relative positions, RMS norms, gated layers",
    "bart": "encoder and decoder: learned positions, layer norms, plain layers",
}
"""Each with what tells it from the others."""
TWO_SEQUENCES = ("t5", "bart")
"""Those where an encoder reads the prompt and a decoder writes the answer."""
_ROTARY = ("llama", "qwen3")


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """The numbers that a name of a size stands for."""

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    vocab_size: int


SIZES = {
    "tiny": Size(num_hidden_layers=2, hidden_size=128, num_attention_heads=8, vocab_size=1024),
    "small": Size(num_hidden_layers=4, hidden_size=256, num_attention_heads=8, vocab_size=4096),
    "medium": Size(num_hidden_layers=8, hidden_size=512, num_attention_heads=8, vocab_size=8192),
    "large": Size(num_hidden_layers=12, hidden_size=768, num_attention_heads=12, vocab_size=16384),
}
"""About half a million, 4, 30 and 100 million parameters."""

SPECIAL_TOKENS = ("<pad>", "<s>", "</s>")
ROLE_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|call|>")
_BYTES = 256
LEAST_VOCABULARY = _BYTES + len(SPECIAL_TOKENS) + len(ROLE_TOKENS)
"""Tokens without which some text could not be written: one for each byte, and the special ones."""


class FreshModelConfig(Config):
    """The shape of a new model. What is not given follows from `size`."""

    aliases: ClassVar[dict[str, str]] = {
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "model_type": "architecture",
    }

    architecture: Architecture = "llama"
    """`llama`, `qwen3` or `gpt2` (a decoder), `t5` or `bart` (an encoder and a decoder)."""
    size: Literal["tiny", "small", "medium", "large"] = "small"
    """`tiny`, `small`, `medium` or `large`: about 0.5, 4, 30 and 100 million parameters."""
    num_hidden_layers: int | None = Field(default=None, ge=1, le=200)
    """Blocks; of an encoder and a decoder, of each."""
    hidden_size: int | None = Field(default=None, ge=8, le=32_768)
    """Numbers that stand for one token."""
    num_attention_heads: int | None = Field(default=None, ge=1, le=512)
    """Heads of attention; they must divide `hidden_size`."""
    intermediate_size: int | None = Field(default=None, ge=8, le=131_072)
    """Width inside of a block; four times `hidden_size`, 8/3 times where layers are gated."""
    vocab_size: int | None = Field(default=None, ge=1, le=1_000_000)
    """The most tokens of the vocabulary; few texts may have fewer worth having."""
    words_end_at: Literal["punctuation", "white_space"] = "punctuation"
    """Where no token may go across: at `punctuation` (text, JSON, code), or at `white_space` alone,
    which makes one token of `I_TURN_LEFT` or `chr7:1042`."""
    max_length: int = Field(default=1024, ge=8, le=1_000_000)
    """The most tokens of prompt and answer together (of each, where they are two sequences)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of states that are dropped in training, written into the model's configuration."""
    seed: int = Field(default=0, ge=0)
    """Same seed, same texts, same numbers: same bytes."""

    @property
    def two_sequences(self) -> bool:
        """Whether an encoder reads the prompt and a decoder writes the answer."""
        return self.architecture in TWO_SEQUENCES


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Every number of a new model."""

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    vocab_size: int
    """The most that the vocabulary may have."""


def shape_of(config: FreshModelConfig) -> Shape:
    """The numbers of a configuration, checked against each other.

    Raises:
        ConfigError: when they make no model.
    """
    size = SIZES[config.size]
    hidden = config.hidden_size or size.hidden_size
    heads = config.num_attention_heads or _heads(hidden, size.num_attention_heads)
    if hidden % heads:
        fitting = [n for n in range(1, hidden + 1) if hidden % n == 0]
        near = min(fitting, key=lambda n: abs(n - heads))
        raise ConfigError(
            "the heads of attention must divide the hidden size",
            field="num_attention_heads",
            found=f"{heads} heads, hidden size {hidden}",
            expected="each head gets the same whole number of the hidden size",
            fix=f"say {near} heads, or a hidden size of {heads * max(1, round(hidden / heads))}",
        )
    if config.architecture in _ROTARY and (hidden // heads) % 2:
        raise ConfigError(
            f"a head of {config.architecture} must have an even size, for positions are rotations "
            "of pairs",
            field="num_attention_heads",
            found=f"{hidden // heads} = hidden size {hidden} / {heads} heads",
            fix=f"say a hidden size of {2 * heads * max(1, round(hidden / heads / 2))}",
        )
    vocabulary = config.vocab_size or size.vocab_size
    if vocabulary < LEAST_VOCABULARY:
        raise ConfigError(
            "the vocabulary is too small",
            field="vocab_size",
            found=f"{vocabulary}",
            expected=f"{LEAST_VOCABULARY} or more: a token for each of the {_BYTES} bytes, and "
            f"{len(SPECIAL_TOKENS) + len(ROLE_TOKENS)} special ones",
            fix="say 1024 or more, so that there are tokens for whole words",
        )
    return Shape(
        num_hidden_layers=config.num_hidden_layers or size.num_hidden_layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        intermediate_size=config.intermediate_size or _intermediate(config.architecture, hidden),
        vocab_size=vocabulary,
    )


def architecture_named(name: str) -> str:
    """The architecture of this name.

    Raises:
        ConfigError: when there is none; names the nearest one.
    """
    return _named("architecture", name, ARCHITECTURES)


def size_named(name: str) -> str:
    """The size of this name.

    Raises:
        ConfigError: when there is none; names the nearest one.
    """
    about = {
        key: f"{size.num_hidden_layers} layers of {size.hidden_size}" for key, size in SIZES.items()
    }
    return _named("size", name, about)


def _named(field: str, name: str, known: Mapping[str, str]) -> str:
    if name in known:
        return name
    near = nearest(name, list(known))
    raise ConfigError(
        f"there is no {field} '{name}' here",
        field=field,
        found=name,
        expected=", ".join(f"{key} ({about})" for key, about in known.items()),
        fix=f"did you mean '{near}'?" if near else f"use one of: {', '.join(known)}",
    )


def _heads(hidden: int, usual: int) -> int:
    """As many heads as is usual for the size, or the next lower number that fits."""
    fitting = (n for n in range(usual, 1, -1) if hidden % n == 0 and (hidden // n) % 2 == 0)
    return next(fitting, 1)


def _intermediate(architecture: Architecture, hidden: int) -> int:
    if architecture in ("gpt2", "bart"):
        return 4 * hidden
    return -(-8 * hidden // 3 // 32) * 32
