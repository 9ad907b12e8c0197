"""What everything that writes text promises: prompts in, one answer for each, counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tunewright.core.hashing import hash_value
from tunewright.core.seeds import derive_seed
from tunewright.data.content import USER, Message, said

Prompt = str | Sequence[Message]
"""Turns of a conversation, or one text. A model with a chat template takes a text as the turn of a
user, one without continues it as it stands, and one with an encoder reads it there."""

OPEN_LENGTH_TOKENS = 512
_SEED_DIGITS = 31


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """What was written for one prompt."""

    text: str
    """Without the stop text at which it ended, and without outer white space."""

    tokens: int
    """Written."""

    seconds: float
    """Of this prompt's share of its batch, or of its request."""

    prompt_tokens: int = 0
    """Read."""

    finished: bool = True
    """False where the text was cut at the most tokens allowed."""

    problem: str | None = None
    """Why there is no text, where one prompt alone failed (it was too long, for one)."""

    cached: bool = False
    """Whether it was answered before and cost nothing now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How texts are to be written."""

    max_new_tokens: int = OPEN_LENGTH_TOKENS
    temperature: float = 0.0
    """0 takes the likeliest token each time; above, tokens are drawn (softmax of logits / T)."""
    stop: tuple[str, ...] = ()
    seed: int = 0


class Generator(ABC):
    """Writes texts. What it writes for a prompt depends on that prompt, the settings, and how many
    equal prompts stood before it in the same call; never on the other prompts."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Which model this is, for provenance: name and content hash, or name and address."""

    @abstractmethod
    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int = OPEN_LENGTH_TOKENS,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> list[Generated]:
        """One answer for each prompt, in their order.

        Args:
            prompts: of any lengths; equal ones get answers of their own when drawn.
            max_new_tokens: the most tokens of an answer.
            temperature: 0 for the likeliest text; above, texts are drawn.
            stop: an answer ends before the first of these texts.
            seed: decides what is drawn.

        Raises:
            ModelError: when the model cannot be loaded.
            ConfigError: when an endpoint refuses the key, the model or the address.
            StoppedError: when it does not answer any more; asking again goes on from the cache.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what it holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def turns_of(prompt: Prompt) -> list[dict[str, str]]:
    """A prompt as turns with `role` and `content`; a text is one turn of the user."""
    if isinstance(prompt, str):
        return [{"role": USER, "content": prompt}]
    return [{"role": message.role, "content": said(message)} for message in prompt]


def plain_prompt(prompt: Prompt) -> str | list[dict[str, str]]:
    """A prompt as plain JSON."""
    return prompt if isinstance(prompt, str) else turns_of(prompt)


def prompt_hash(prompt: Prompt) -> str:
    """Hash of a prompt, as 32 hexadecimal digits."""
    return hash_value(plain_prompt(prompt))


def prompt_seeds(prompts: Sequence[Prompt], seed: int) -> list[int]:
    """A seed of 31 bits for each prompt: of its content, and its number among equal ones."""
    seen: Counter[str] = Counter()
    seeds = []
    for prompt in prompts:
        name = prompt_hash(prompt)
        seeds.append(derive_seed(seed, name, seen[name]) & ((1 << _SEED_DIGITS) - 1))
        seen[name] += 1
    return seeds
