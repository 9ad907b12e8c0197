"""Asks the generator, and keeps count of what that cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.seeds import derive_seed
from tunewright.curate.generators.base import Generated, Generator, Prompt


@dataclass(kw_only=True, slots=True)
class Cost:
    """What was asked so far; what had been answered before costs nothing now."""

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    model_seconds: float = 0.0
    """Of writing, added up over requests; several may run at one time."""
    failed: int = 0
    """Prompts without a text."""


class Writer:
    """A generator with the settings of one synthesis.

    Args:
        generator: writes.
        seed: of the synthesis.
        max_new_tokens: the most of one answer.
    """

    def __init__(self, generator: Generator, *, seed: int, max_new_tokens: int) -> None:
        self._generator = generator
        self._seed = seed
        self._max_new_tokens = max_new_tokens
        self.cost = Cost()

    @property
    def identity(self) -> str:
        """Of the generator."""
        return self._generator.identity

    def seed_of(self, *names: str | int) -> int:
        """The seed that `ask` with these names draws with."""
        return derive_seed(self._seed, *names)

    def ask(
        self,
        prompts: Sequence[Prompt],
        *names: str | int,
        temperature: float,
        stop: Sequence[str] = (),
        max_new_tokens: int | None = None,
    ) -> list[Generated]:
        """One answer for each prompt.

        Args:
            prompts: in any number.
            names: what the answers are for; other names draw other texts.
            temperature: 0 for the likeliest text.
            stop: where an answer ends.
            max_new_tokens: the most of an answer, where fewer than usual will do.
        """
        if not prompts:
            return []
        answers = self._generator.generate(
            prompts,
            max_new_tokens=min(max_new_tokens or self._max_new_tokens, self._max_new_tokens),
            temperature=temperature,
            stop=stop,
            seed=self.seed_of(*names),
        )
        for answer in answers:
            self._count(answer)
        return answers

    def _count(self, answer: Generated) -> None:
        cost = self.cost
        cost.failed += answer.problem is not None
        if answer.cached:
            cost.cached += 1
            return
        cost.requests += 1
        cost.prompt_tokens += answer.prompt_tokens
        cost.tokens += answer.tokens
        cost.model_seconds += answer.seconds
