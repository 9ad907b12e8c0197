"""What every method of synthesis promises: drafts of rows, batch after batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from tunewright.curate.generators.base import Generated, Prompt, prompt_hash
from tunewright.curate.synthesis.asking import ANSWER, STOP_REQUEST, answer_prompt, without_label
from tunewright.curate.synthesis.material import Material, demonstration, drawn
from tunewright.curate.synthesis.rows import Draft, Seed
from tunewright.data.content import Content
from tunewright.data.schemas.base import CannotHoldError

_ANSWER_DEMONSTRATIONS = 3


class Method(ABC):
    """Makes drafts of rows from seeds or passages.

    What a batch holds depends on the material, its number and the rows kept before it, so a run
    that was stopped makes the same batches again.
    """

    name: ClassVar[str]
    uses_seeds: ClassVar[bool] = True
    """Whether the person's rows are needed; otherwise documents are."""

    def __init__(self, material: Material) -> None:
        """
        Raises:
            ConfigError: when the data has nothing that the method could work with.
        """
        self.material = material
        self.config = material.config
        self.kept: list[Seed] = []
        """New rows so far, which some methods show as examples."""

    @abstractmethod
    def batch(self, number: int) -> list[Draft]:
        """The drafts of a batch, counted from 0; none when there is nothing left to ask."""

    def keep(self, draft: Draft) -> None:
        """A draft has passed every filter."""
        if draft.content is not None:
            place = f"new row {len(self.kept) + 1}"
            self.kept.append(Seed(place=place, content=draft.content))

    # -- for those that write a request first and then its answer ------------------------------

    def answered(
        self, questions: Sequence[Draft], texts: Sequence[str], pool: Sequence[Seed], number: int
    ) -> list[Draft]:
        """Let the model answer new requests.

        Args:
            questions: drafts without content; those with a problem stay as they are.
            texts: the new request of each.
            pool: rows whose answers are shown as examples.
            number: of the batch.
        """
        open_ = [i for i, draft in enumerate(questions) if draft.problem is None]
        prompts: list[Prompt] = []
        for i in open_:
            stream = self.material.stream("answers", number, i)
            shown = [demonstration(s) for s in drawn(stream, pool, _ANSWER_DEMONSTRATIONS)]
            prompts.append(answer_prompt(texts[i], shown))
        answers = self.material.writer.ask(
            prompts,
            "answers",
            number,
            temperature=self.config.answer_temperature,
            stop=STOP_REQUEST,
        )
        drafts = list(questions)
        for i, prompt, answer in zip(open_, prompts, answers, strict=True):
            text = without_label(answer.text, ANSWER)
            drafts[i] = self._whole(questions[i], texts[i], text, prompt, answer)
        return drafts

    def _whole(
        self, draft: Draft, question: str, answer: str, prompt: Prompt, told: Generated
    ) -> Draft:
        problem = told.problem or (None if told.finished else CUT)
        content: Content | None = None
        if problem is None:
            try:
                content = self.material.new_pair(question, answer)
            except CannotHoldError as problem_:
                problem = str(problem_)
        return draft_like(draft, content=content, problem=problem, again=prompt, written=question)

    # -- for all -----------------------------------------------------------------------------------

    def draft(self, prompt: Prompt, *names: str | int, **values: Any) -> Draft:
        """A draft of this method; `names` as they were given to `Writer.ask`."""
        return Draft(
            method=self.name,
            prompt_hash=prompt_hash(prompt),
            seed=self.material.writer.seed_of(*names),
            **{"content": None, **values},
        )


CUT = "the answer was cut at the most tokens allowed"


def draft_like(draft: Draft, **changes: Any) -> Draft:
    """A draft with some things changed."""
    from dataclasses import replace

    return replace(draft, **changes)
