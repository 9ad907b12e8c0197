"""A generator that answers by rules in this process, and material for methods and filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewright.curate.generators.base import Generated, Generator, Prompt, prompt_seeds, turns_of
from tunewright.curate.synthesis.config import SynthesisConfig
from tunewright.curate.synthesis.material import HeldOut, Material
from tunewright.curate.synthesis.rows import Draft, Passage, Seed
from tunewright.curate.synthesis.writer import Writer
from tunewright.data.content import ASSISTANT, USER, Content, Conversation, Labelled, Message
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import Schema

Rule = Callable[[str, int], str | Generated]


@dataclass
class Scripted(Generator):
    """Answers by a rule; keeps what it was asked."""

    rule: Rule
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def identity(self) -> str:
        return "scripted@0"

    def generate(self, prompts: Sequence[Prompt], **settings: Any) -> list[Generated]:
        found = []
        for prompt, seed in zip(prompts, prompt_seeds(prompts, settings["seed"]), strict=True):
            text = "\n".join(turn["content"] for turn in turns_of(prompt))
            self.asked.append((text, settings))
            told = self.rule(text, seed)
            if isinstance(told, str):
                for stop in settings.get("stop", ()):
                    told = told.split(stop)[0]
                told = Generated(text=told.strip(), tokens=len(told.split()), seconds=0.0)
            found.append(told)
        return found


def silent(prompt: str, seed: int) -> str:
    raise AssertionError("nothing was to be asked")


def qa(question: str, answer: str) -> Conversation:
    turns = (Message(role=USER, content=question), Message(role=ASSISTANT, content=answer))
    return Conversation(messages=turns)


def labelled(text: str, label: str) -> Labelled:
    return Labelled(texts={"text": text}, label=label)


def seeds(contents: Sequence[Content]) -> list[Seed]:
    return [Seed(place=f"rows.jsonl, row {n}", content=c) for n, c in enumerate(contents, 1)]


def material(
    contents: Sequence[Content] = (),
    *,
    rule: Rule = silent,
    schema: Schema | None = None,
    passages: Sequence[Passage] = (),
    held_out: HeldOut | None = None,
    descriptions: dict[str, str] | None = None,
    predict: Any = None,
    languages: Any = None,
    generator: Generator | None = None,
    **config: Any,
) -> Material:
    settings = SynthesisConfig(**config)
    if schema is None:
        plain = bool(contents) and isinstance(contents[0], Labelled)
        schema = SCHEMAS.get("classification" if plain else "question_answer")({})
    writer = Writer(
        generator or Scripted(rule), seed=settings.seed, max_new_tokens=settings.max_new_tokens
    )
    return Material(
        config=settings,
        writer=writer,
        schema=schema,
        seeds=seeds(contents),
        passages=passages,
        held_out=held_out or HeldOut(),
        label_descriptions=descriptions or {},
        predict=predict,
        languages=languages,
    )


def draft(content: Content | None, **values: Any) -> Draft:
    return Draft(
        **{"content": content, "method": "self_instruct", "prompt_hash": "0", "seed": 0, **values}
    )
