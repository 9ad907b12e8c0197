"""Two answers to one request, and which of them the model itself thinks better.

The judge sees both orders, since models lean to what stands first (Zheng et al. 2023, "Judging
LLM-as-a-Judge with MT-Bench and Chatbot Arena"); where the orders disagree it is a tie, and
dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.generators.base import Generated, Prompt
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.methods.base import CUT, Method
from tunewright.curate.synthesis.rows import Draft, Seed, question_of
from tunewright.data.content import (
    ASSISTANT,
    SYSTEM,
    USER,
    Completion,
    Conversation,
    Message,
    Preference,
)

_CAREFUL = "Answer carefully, correctly and completely; say so where something is not known."
_HASTY = "Answer at once, with the first thing that comes to mind."
_HASTY_TEMPERATURE = 1.2
_JUDGE_TOKENS = 8
_CHOICE = re.compile(r"(?<![A-Za-z])([AB])(?![A-Za-z])|\b(tie)\b", re.IGNORECASE)
_MOST_ROUNDS = 3
TIE = "the judge found no difference, or judged by the order"


class Preferences(Method):
    """Goes through the requests of the seeds, up to three times.

    Relations: what is learned from such pairs is the taste of the model that judged.
    """

    name: ClassVar[str] = "preferences"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self._asked = [(seed, turns) for seed in material.seeds if (turns := _turns(seed))]
        if not self._asked:
            raise material.unsuitable("rows with a request")
        material.stream("order").shuffle(self._asked)

    def batch(self, number: int) -> list[Draft]:
        per_batch = self.config.prompts_per_batch
        round_, place = divmod(number, -(-len(self._asked) // per_batch))
        if round_ >= _MOST_ROUNDS:
            return []
        asked = self._asked[place * per_batch : (place + 1) * per_batch]
        writer = self.material.writer
        careful: list[Prompt] = [_with_system(turns, _CAREFUL) for _, turns in asked]
        hasty: list[Prompt] = [_with_system(turns, _HASTY) for _, turns in asked]
        names = ("careful", round_)
        first = writer.ask(careful, *names, temperature=self.config.answer_temperature)
        second = writer.ask(hasty, "hasty", round_, temperature=_HASTY_TEMPERATURE)
        winners = self._judged([turns for _, turns in asked], first, second, round_)
        return [
            self._draft(seed, turns, (a, b), winner, prompt, names)
            for (seed, turns), a, b, winner, prompt in zip(
                asked, first, second, winners, careful, strict=True
            )
        ]

    def _judged(
        self,
        asked: Sequence[tuple[Message, ...]],
        first: Sequence[Generated],
        second: Sequence[Generated],
        round_: int,
    ) -> list[int | None]:
        """0 or 1 for the answer that is better in both orders, None for neither."""
        open_ = [
            i
            for i, (a, b) in enumerate(zip(first, second, strict=True))
            if _usable(a) is None and _usable(b) is None and a.text != b.text
        ]
        prompts: list[Prompt] = []
        for i in open_:
            question, a, b = asked[i][-1].text, first[i].text, second[i].text
            prompts += [_judge_prompt(question, a, b), _judge_prompt(question, b, a)]
        votes = self.material.writer.ask(
            prompts, "judge", round_, temperature=0.0, max_new_tokens=_JUDGE_TOKENS
        )
        winners: list[int | None] = [None] * len(asked)
        for place, i in enumerate(open_):
            forward, backward = (choice_of(v.text) for v in votes[2 * place : 2 * place + 2])
            if (forward, backward) in (("A", "B"), ("B", "A")):
                winners[i] = 0 if forward == "A" else 1
        return winners

    def _draft(
        self,
        seed: Seed,
        turns: tuple[Message, ...],
        answers: tuple[Generated, Generated],
        winner: int | None,
        prompt: Prompt,
        names: tuple[str, int],
    ) -> Draft:
        problem = _usable(answers[0]) or _usable(answers[1]) or (TIE if winner is None else None)
        content = None
        if problem is None and winner is not None:
            chosen, rejected = answers[winner].text, answers[1 - winner].text
            content = Preference(
                prompt=turns,
                chosen=(Message(role=ASSISTANT, content=chosen),),
                rejected=(Message(role=ASSISTANT, content=rejected),),
            )
        return self.draft(
            prompt,
            *names,
            content=content,
            origin=(seed.place,),
            written="\n---\n".join(answer.text for answer in answers),
            problem=problem,
            details={} if winner is None else {"_chosen": ("careful", "hasty")[winner]},
        )


def _turns(seed: Seed) -> tuple[Message, ...] | None:
    """The turns before the answer; of a completion its prompt as a turn of the user."""
    content = seed.content
    if isinstance(content, Conversation | Preference):
        turns = content.prompt
        plain = bool(turns) and turns[-1].role == USER and bool(turns[-1].text.strip())
        return turns if plain and not content.tools else None
    if isinstance(content, Completion) and content.prompt.strip():
        return (Message(role=USER, content=question_of(content)),)
    return None


def _with_system(turns: tuple[Message, ...], manner: str) -> list[Message]:
    """The manner goes into the system turn, behind what stands there."""
    if turns[0].role == SYSTEM:
        return [Message(role=SYSTEM, content=f"{turns[0].text}\n{manner}"), *turns[1:]]
    return [Message(role=SYSTEM, content=manner), *turns]


def _usable(answer: Generated) -> str | None:
    """What is wrong with an answer."""
    if answer.problem is not None:
        return answer.problem
    if not answer.finished:
        return CUT
    return None if answer.text else "an answer is empty"


def _judge_prompt(question: str, a: str, b: str) -> str:
    return (
        f"A request and two answers to it.\n\nRequest: {question}\n\nAnswer A:\n{a}\n\n"
        f"Answer B:\n{b}\n\nWhich answer is better: more correct, then more to the point, then "
        "clearer? Length and order do not count. Reply with one word: A, B or tie.\n\nBetter:"
    )


def choice_of(text: str) -> str | None:
    """What a judge said: `A`, `B`, or None for a tie and for anything else."""
    found = _CHOICE.search(text)
    return found[1].upper() if found and found[1] else None
