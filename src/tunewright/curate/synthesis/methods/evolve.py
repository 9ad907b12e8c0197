"""Requests made harder, narrower or rarer, one step at a time, then their answers.

Xu et al. 2023, "WizardLM: Empowering Large Language Models to Follow Complex Instructions"
(Evol-Instruct); what fails is taken out by the filter `elimination`.
"""

from __future__ import annotations

from typing import ClassVar

from tunewright.curate.synthesis.asking import REQUEST, without_label
from tunewright.curate.synthesis.material import Material, demonstration
from tunewright.curate.synthesis.methods.base import CUT, Method
from tunewright.curate.synthesis.rows import Draft, Seed

OPERATIONS = {
    "deepen": "Keep its subject, and ask for more depth: go on to why, how, or what follows.",
    "constrain": "Keep its subject, and add one condition or limit that the answer must respect.",
    "concretise": "Put particular things, names or figures in the place of what is general in it.",
    "reason": "Change it so that it takes several steps of reasoning to answer, and asks for them.",
    "breadth": "Do not keep its subject: ask for something rarer of the same field, about as long "
    "and as hard.",
}
"""What is done to a request; `breadth` makes a new one, the others change it."""

_MOST_STEPS = 4
"""Xu et al. evolve four times; further steps mostly add words."""
NEW = "New request"


class Evolve(Method):
    """Takes a seed, or a row that was evolved before, and lets the model change its request.

    Relations: raises difficulty where `self_instruct` raises variety; needs a model that follows
    instructions.
    """

    name: ClassVar[str] = "evolve"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._seeds = material.pairs()
        self._steps: dict[str, int] = {}
        """Of each kept row, by its place."""

    def batch(self, number: int) -> list[Draft]:
        wanted = self.config.prompts_per_batch * self.config.rows_per_prompt
        chosen = [self._choose(number, place) for place in range(wanted)]
        prompts = [_prompt(seed, operation) for seed, operation in chosen]
        names = ("evolved", number)
        found = self.material.writer.ask(
            prompts, *names, temperature=self.config.temperature, stop=(f"\n{REQUEST}:",)
        )
        texts = [without_label(told.text, NEW) for told in found]
        drafts = []
        for (seed, operation), prompt, told, text in zip(
            chosen, prompts, found, texts, strict=True
        ):
            problem = told.problem or (None if told.finished else CUT)
            drafts.append(
                self.draft(
                    prompt,
                    *names,
                    origin=(seed.place,),
                    shown=(demonstration(seed)[0],),
                    written=text,
                    problem=problem or (None if text else "the request is empty"),
                    details={
                        "_operation": operation,
                        "_evolution": self._steps.get(seed.place, 0) + 1,
                    },
                )
            )
        return self.answered(drafts, texts, self._seeds, number)

    def keep(self, draft: Draft) -> None:
        super().keep(draft)
        self._steps[self.kept[-1].place] = int(draft.details["_evolution"])

    def _choose(self, number: int, place: int) -> tuple[Seed, str]:
        """A seed or, half of the time where there are some, a row that may go further."""
        stream = self.material.stream("evolve", number, place)
        further = [s for s in self.kept if self._steps[s.place] < _MOST_STEPS]
        pool = further if further and stream.random() < 0.5 else self._seeds
        return stream.choice(pool), stream.choice(list(OPERATIONS))


def _prompt(seed: Seed, operation: str) -> str:
    return (
        f"{REQUEST}: {demonstration(seed)[0]}\n\n"
        f"Change this request. {OPERATIONS[operation]} It must stay complete in itself, clear, and "
        "possible to answer in text; at most twenty words may be added, and its language stays. "
        f"Write the changed request alone.\n\n{NEW}:"
    )
