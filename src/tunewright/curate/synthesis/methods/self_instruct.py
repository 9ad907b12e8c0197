"""New requests in the manner of the person's, then their answers.

Wang et al. 2022, "Self-Instruct: Aligning Language Models with Self-Generated Instructions".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.synthesis.asking import REQUEST, numbered_parts
from tunewright.curate.synthesis.material import Material, demonstration, drawn
from tunewright.curate.synthesis.methods.base import CUT, Method
from tunewright.curate.synthesis.rows import Draft, Seed


class SelfInstruct(Method):
    """Shows some seeds and some rows kept before, asks for more, and then for their answers.

    Relations: spreads over what the seeds are about, and further with every row kept; `evolve`
    stays near single seeds and makes them harder.
    """

    name: ClassVar[str] = "self_instruct"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._seeds = material.pairs()

    def batch(self, number: int) -> list[Draft]:
        shown = [self._shown(number, place) for place in range(self.config.prompts_per_batch)]
        prompts = [_prompt(seeds, self.config.rows_per_prompt) for seeds in shown]
        names = ("requests", number)
        found = self.material.writer.ask(
            prompts,
            *names,
            temperature=self.config.temperature,
            stop=(f"\n{REQUEST} {max(map(len, shown)) + self.config.rows_per_prompt + 1}:",),
        )
        drafts: list[Draft] = []
        texts: list[str] = []
        for seeds, prompt, told in zip(shown, prompts, found, strict=True):
            first = len(seeds) + 1
            parts = numbered_parts(told.text, REQUEST, first) if told.problem is None else [""]
            for place, text in enumerate(parts[: self.config.rows_per_prompt]):
                cut = not told.finished and place == len(parts) - 1
                problem = told.problem or (CUT if cut else None)
                drafts.append(
                    self.draft(
                        prompt,
                        *names,
                        origin=tuple(seed.place for seed in seeds),
                        shown=tuple(demonstration(seed)[0] for seed in seeds),
                        written=text,
                        problem=problem or (None if text else "the request is empty"),
                    )
                )
                texts.append(text)
        return self.answered(drafts, texts, self._seeds, number)

    def _shown(self, number: int, place: int) -> list[Seed]:
        stream = self.material.stream("shown", number, place)
        seeds = drawn(stream, self._seeds, self.config.demonstrations)
        seeds += drawn(stream, self.kept, self.config.generated_demonstrations)
        stream.shuffle(seeds)
        return seeds


def _prompt(seeds: Sequence[Seed], wanted: int) -> str:
    shown = "".join(
        f"{REQUEST} {number}: {demonstration(seed)[0]}\n\n" for number, seed in enumerate(seeds, 1)
    )
    first = len(seeds) + 1
    last = first + wanted - 1
    numbers = f"number {first}" if wanted == 1 else f"numbers {first} to {last}"
    return (
        "Below are requests from one collection.\n\n"
        f"{shown}"
        f"Write {wanted} more that could stand in the same collection, with the {numbers}. Each is "
        "complete in itself, can be answered in text, asks for something that none of the others "
        "asks for, and begins with other words. Keep to the language and the length of the ones "
        f"above. Begin each with `{REQUEST}`, its number and a colon, and write no answers.\n\n"
        f"{REQUEST} {first}:"
    )
