"""Operations in which a model writes the variant."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.curate.augment.base import Operation
from tunewright.curate.generators.base import Generated, Generator

_MORE_TOKENS = 32
_TOKENS_PER_CHARACTER = 0.6
"""Of the room for an answer: enough for scripts with short tokens."""
_TEMPERATURE = 0.7
_THERE, _BACK = "German", "English"


class _Rewriting(Operation):
    needs_generator = True

    @property
    def generator(self) -> Generator:
        """Which must have been given."""
        assert self.materials.generator is not None, "this operation needs a generator"
        return self.materials.generator

    def ask(
        self, prompts: Sequence[str], longest: int, seed: int, temperature: float
    ) -> list[str | None]:
        """One line for each prompt; None where the model gave none or was cut."""
        room = _MORE_TOKENS + int(_TOKENS_PER_CHARACTER * longest)
        found = self.generator.generate(
            prompts, max_new_tokens=room, temperature=temperature, stop=("\n",), seed=seed
        )
        return [_written(answer) for answer in found]


class Paraphrase(_Rewriting):
    """The same in other words."""

    def variants(self, texts: Sequence[str], seeds: Sequence[int]) -> list[str | None]:
        if not texts:
            return []
        prompts = [
            "Say the following in other words, with the same meaning, in one line.\n\n"
            f"Text: {_one_line(text)}\nIn other words:"
            for text in texts
        ]
        return self.ask(prompts, max(map(len, texts)), seeds[0], _TEMPERATURE)


class BackTranslation(_Rewriting):
    """Into another language and back (Sennrich, Haddow & Birch 2016, 1511.06709)."""

    def variants(self, texts: Sequence[str], seeds: Sequence[int]) -> list[str | None]:
        if not texts:
            return []
        there = self._translated([_one_line(text) for text in texts], _BACK, _THERE, seeds[0])
        known = [place for place, text in enumerate(there) if text]
        back = self._translated([str(there[p]) for p in known], _THERE, _BACK, seeds[0])
        result: list[str | None] = [None] * len(texts)
        for place, text in zip(known, back, strict=True):
            result[place] = text
        return result

    def _translated(
        self, texts: list[str], source: str, target: str, seed: int
    ) -> list[str | None]:
        if not texts:
            return []
        prompts = [f"translate {source} to {target}: {text}" for text in texts]
        drawn = _TEMPERATURE if target == _THERE else 0.0
        return self.ask(prompts, max(map(len, texts)), seed, drawn)


def _written(answer: Generated) -> str | None:
    if answer.problem is not None or not answer.finished:
        return None
    return answer.text.strip().strip('"').strip() or None


def _one_line(text: str) -> str:
    return " ".join(text.split())
