"""A prompt with a preferred answer and one that was not: strings, turns, or Alpaca's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.content import ASSISTANT, SYSTEM, USER, Content, Message, Preference
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
)
from tunewright.data.schemas.cells import optional_text
from tunewright.data.schemas.conversations import article, one_text, plain_text, system, user
from tunewright.data.schemas.fields import (
    SYSTEM_FIELD,
    TOOLS_FIELD,
    refuse_tools,
    text_or_turns,
    tools_in,
    write_tools,
)
from tunewright.data.schemas.matching import columns_of, find, is_text, named_as, plain_name
from tunewright.data.schemas.turns import has_turns, read_tools, structure_of, write_turns
from tunewright.data.values import shown

Turns = tuple[Message, ...]

CHOSEN_SPELLINGS = (
    *("chosen", "chosen_response", "preferred", "preferred_output", "accepted", "winner"),
    *("response_chosen", "chosen_answer", "answer_chosen", "preferred_response", "better"),
)
REJECTED_SPELLINGS = (
    *("rejected", "rejected_response", "dispreferred", "non_preferred_output", "loser", "worse"),
    *("response_rejected", "rejected_answer", "answer_rejected", "non_preferred", "declined"),
    *("dispreferred_response", "rejected_messages"),
)
_SHAREGPT = ("conversations", "conversation")


class PromptChosenRejected(Schema):
    """A prompt and two answers to it, each a text or a list of turns."""

    name: ClassVar[str] = "preference"
    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = (Preference,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="prompt",
            spellings=(
                *("prompt", "instruction", "conversations", "messages", "question", "query"),
                *("conversation", "input", "problem", "context"),
            ),
            about="what was asked: a text, or turns",
        ),
        Field(
            name="input",
            spellings=("input", "inputs"),
            about="what an instruction is about; stands below it",
            required=False,
        ),
        Field(name="chosen", spellings=CHOSEN_SPELLINGS, about="the preferred answer"),
        Field(name="rejected", spellings=REJECTED_SPELLINGS, about="the other answer"),
        SYSTEM_FIELD,
        TOOLS_FIELD,
    )
    example: ClassVar[str] = '{"prompt": "Say hello.", "chosen": "Hello!", "rejected": "No."}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found: dict[str, ColumnValues] = {}
        for field in cls.fields:
            left = [column for column in columns if column not in found.values()]
            if field.name == "input" and not cls._has_input(found):
                continue
            column = find(left, field.spellings)
            if column is not None:
                found[field.name] = column
        if not {"prompt", "chosen", "rejected"} <= found.keys():
            return None
        if not all(map(_fits, (*found["chosen"].values, *found["rejected"].values))):
            return None
        return Match(columns=columns_of(found), score=0.97, reason=named_as(found))

    @staticmethod
    def _has_input(found: Mapping[str, ColumnValues]) -> bool:
        """Only an instruction has something below it."""
        return "prompt" in found and plain_name(found["prompt"].name) == "instruction"

    def read(self, values: Mapping[str, object]) -> Preference:
        columns = self.columns
        prompt, tools = self._prompt(values)
        chosen, rejected = (
            text_or_turns(values, columns[name], ASSISTANT, required="missing_answer")
            for name in ("chosen", "rejected")
        )
        shared = shared_turns(chosen, rejected)
        if shared and chosen[0].role != ASSISTANT:
            # Both answers tell the whole conversation; a prompt that repeats it is left out.
            prompt = shared if prompt == shared[-len(prompt) :] else (*prompt, *shared)
            chosen, rejected = chosen[len(shared) :], rejected[len(shared) :]
        above = optional_text(values, columns["system"]) if "system" in columns else None
        return Preference(
            prompt=(system(above), *prompt) if above else prompt,
            chosen=chosen,
            rejected=rejected,
            tools=tools or tools_in(values, columns.get("tools")),
        )

    def _prompt(
        self, values: Mapping[str, object]
    ) -> tuple[Turns, tuple[Mapping[str, object], ...]]:
        """The turns before the answers, and the tools that OpenAI's layout has beside them."""
        column = self.columns["prompt"]
        inside = structure_of(values.get(column))
        if isinstance(inside, Mapping) and "messages" in inside:
            place = f"the column {shown(column)}"
            turns = text_or_turns(inside, "messages", USER, required="missing_field")
            return turns, read_tools(inside.get("tools"), place)
        prompt = text_or_turns(values, column, USER, required="missing_field")
        about = optional_text(values, self.columns["input"]) if "input" in self.columns else None
        asked = one_text(prompt, USER)
        if about and asked is not None:
            prompt = (user("\n".join(filter(None, (asked, about)))),)
        return prompt, ()

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Preference):
            raise CannotHoldError(f"{self.name} has no place for {article(content.kind)}")
        if not (content.prompt and content.chosen and content.rejected):
            raise CannotHoldError(f"{self.name} needs a prompt and two answers")
        row = self._as_texts(content) or self._as_turns(content)
        if content.tools:
            refuse_tools(self.columns, self.name)
            row[self.columns["tools"]] = write_tools(content.tools, "openai")
        if self.read(row) != content:
            raise CannotHoldError("both answers begin with the same turns, which are the prompt's")
        return row

    def _as_texts(self, content: Preference) -> dict[str, object] | None:
        """Three texts, and a system prompt where there is one; None when it is more."""
        columns = self.columns
        if plain_name(columns["prompt"]) in (*_SHAREGPT, "messages"):
            return None
        above = plain_text(content.prompt[0], SYSTEM) if content.prompt else None
        if above and "system" not in columns:
            return None
        texts = [
            one_text(content.prompt[1 if above else 0 :], USER),
            one_text(content.chosen, ASSISTANT),
            one_text(content.rejected, ASSISTANT),
        ]
        if any(text is None or has_turns(text) for text in texts):
            return None
        named = (columns[name] for name in ("prompt", "chosen", "rejected"))
        row: dict[str, object] = dict(zip(named, texts, strict=True))
        if above:
            row[columns["system"]] = above
        if columns.get("input") and plain_name(columns["prompt"]) == "instruction":
            row[columns["input"]] = ""
        return row

    def _as_turns(self, content: Preference) -> dict[str, object]:
        columns = self.columns
        if plain_name(columns["prompt"]) in _SHAREGPT:
            prompt, chosen, rejected = (
                write_turns(turns, "sharegpt")
                for turns in (content.prompt, content.chosen, content.rejected)
            )
            return {
                columns["prompt"]: prompt,
                columns["chosen"]: chosen[0] if len(chosen) == 1 else chosen,
                columns["rejected"]: rejected[0] if len(rejected) == 1 else rejected,
            }
        turns = write_turns(content.prompt)
        return {
            columns["prompt"]: {"messages": turns} if columns["prompt"] == "input" else turns,
            columns["chosen"]: write_turns(content.chosen),
            columns["rejected"]: write_turns(content.rejected),
        }


def shared_turns(chosen: Turns, rejected: Turns) -> Turns:
    """The turns with which both begin; each keeps one turn at least."""
    most = min(len(chosen), len(rejected)) - 1
    count = next((n for n in range(most) if chosen[n] != rejected[n]), max(0, most))
    return chosen[:count]


def _fits(value: object) -> bool:
    return value is None or is_text([value]) or has_turns(value) or value == []
