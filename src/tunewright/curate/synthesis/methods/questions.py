"""Questions that a passage of a document answers, with their answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from tunewright.core.errors import ConfigError
from tunewright.curate.synthesis.asking import (
    QUESTION,
    passage_prompt,
    question_pairs,
)
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.methods.base import CUT, Method
from tunewright.curate.synthesis.rows import Draft, Passage
from tunewright.data.schemas.base import CannotHoldError

PASSAGE_CHARACTERS = 1200
_FEWEST_CHARACTERS = 80
"""A shorter passage says too little to ask about."""
_MOST_ROUNDS = 3
_BREAKS = (re.compile(r"\n[ \t]*\n"), re.compile(r"(?<=[.!?。！？])\s+"), re.compile(r"\s+"))
"""Where a document may be cut, best first: between paragraphs, sentences, words."""


class Questions(Method):
    """Goes through the passages in order, some questions for each, up to three times.

    Relations: the only method that brings in facts the seeds do not hold, namely those of the
    documents; whether a model learns them so is another question (Ovadia et al. 2023 find
    retrieval better for facts).
    """

    name: ClassVar[str] = "questions"
    uses_seeds: ClassVar[bool] = False

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        if not material.passages:
            raise ConfigError(
                "the method questions needs documents",
                field="--documents",
                expected="a text file or a folder of them",
                fix="name them with --documents, or as the data themselves",
            )

    def batch(self, number: int) -> list[Draft]:
        passages, per_batch = self.material.passages, self.config.prompts_per_batch
        batches = -(-len(passages) // per_batch)
        round_, place = divmod(number, batches)
        if round_ >= _MOST_ROUNDS:
            return []
        asked = passages[place * per_batch : (place + 1) * per_batch]
        prompts = [_prompt(passage, self.config.rows_per_prompt) for passage in asked]
        names = ("questions", round_)
        found = self.material.writer.ask(prompts, *names, temperature=self.config.temperature)
        drafts: list[Draft] = []
        for passage, prompt, told in zip(asked, prompts, found, strict=True):
            if told.problem is not None:
                drafts.append(self._draft(passage, prompt, names, problem=told.problem))
                continue
            parts = question_pairs(told.text)
            for part_place, part in enumerate(parts):
                cut = not told.finished and part_place == len(parts) - 1
                drafts.append(self._of_part(part, passage, prompt, names, cut=cut))
        return drafts

    def _of_part(
        self,
        part: tuple[str, str] | str,
        passage: Passage,
        prompt: str,
        names: tuple[str, int],
        *,
        cut: bool,
    ) -> Draft:
        if cut:
            written = part if isinstance(part, str) else part[0]
            return self._draft(passage, prompt, names, problem=CUT, written=written)
        if isinstance(part, str):
            problem = "no question with an answer behind it"
            return self._draft(passage, prompt, names, problem=problem, written=part)
        question, answer = part
        again = passage_prompt(question, passage.text)
        try:
            content = self.material.new_pair(question, answer)
        except CannotHoldError as problem_:
            return self._draft(passage, prompt, names, problem=str(problem_), written=question)
        return self._draft(passage, prompt, names, content=content, again=again)

    def _draft(
        self, passage: Passage, prompt: str, names: tuple[str, int], **values: object
    ) -> Draft:
        details = {"_passage": passage.text}
        return self.draft(prompt, *names, origin=(passage.place,), details=details, **values)


def _prompt(passage: Passage, wanted: int) -> str:
    return (
        f"Passage:\n{passage.text}\n\n"
        f"Write {wanted} questions that this passage answers, each with its answer. A question "
        "must be clear to somebody who does not have the passage before them, so it names what it "
        "is about; an answer holds what the passage says and nothing else. Keep to the language of "
        f"the passage. Write each as a line `{QUESTION}: ...` and a line `Answer: ...`.\n\n"
        f"{QUESTION}:"
    )


def passages_of(text: str, place: str, characters: int = PASSAGE_CHARACTERS) -> Iterator[Passage]:
    """A document in passages of at most so many characters, cut where it hurts least.

    Args:
        text: the document.
        place: what its passages are called by.
        characters: the most of one passage.
    """
    start = 0
    while start < len(text):
        end = start + characters
        end = len(text) if end >= len(text) else _cut(text, start, end)
        stretch = text[start:end].strip()
        if len(stretch) >= _FEWEST_CHARACTERS:
            yield Passage(place=f"{place}, characters {start}-{end}", text=stretch)
        start = end


def _cut(text: str, start: int, end: int) -> int:
    """The last good break in the second half of a stretch; its end where there is none."""
    middle = (start + end) // 2
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(text, middle, end)]
        if ends:
            return ends[-1]
    return end
