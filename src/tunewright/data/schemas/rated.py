"""Answers that were judged good or bad (KTO)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.content import ASSISTANT, SYSTEM, USER, Content, Message, Rated
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
)
from tunewright.data.schemas.cells import optional_text, truth_of
from tunewright.data.schemas.conversations import article, one_text, plain_text, system, user
from tunewright.data.schemas.fields import (
    SYSTEM_FIELD,
    TOOLS_FIELD,
    refuse_tools,
    text_or_turns,
    tools_in,
    write_tools,
)
from tunewright.data.schemas.matching import (
    columns_of,
    filled,
    find,
    is_text,
    is_truth,
    named_as,
    plain_name,
)
from tunewright.data.schemas.messages import SPELLINGS
from tunewright.data.schemas.turns import has_turns, write_turns

_WHOLE = (*SPELLINGS[:4], "chat", "dialog", "dialogue")
"""Columns that hold the prompt and the answer in one list."""

_SURE_LABELS = ("kto_tag", "kto_label", "desirable", "is_desirable", "thumbs_up", "feedback")


class Kto(Schema):
    """A prompt with its answer, or the whole conversation, and whether the answer is good."""

    name: ClassVar[str] = "kto"
    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = (Rated,)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="prompt",
            spellings=("prompt", "instruction", "query", "question", "input"),
            about="what was asked: a text, or turns; none beside a whole conversation",
            required=False,
        ),
        Field(
            name="input",
            spellings=("input", "inputs"),
            about="what an instruction is about; stands below it",
            required=False,
        ),
        Field(
            name="completion",
            spellings=("completion", *_WHOLE, "response", "output", "answer"),
            about="the answer: a text or turns; or the whole conversation, when that is `messages`",
        ),
        Field(
            name="label",
            spellings=("label", *_SURE_LABELS, "labels", "is_good", "good", "accepted", "score"),
            about="whether the answer is good: true or false",
        ),
        SYSTEM_FIELD,
        TOOLS_FIELD,
    )
    example: ClassVar[str] = '{"prompt": "Say hello.", "completion": "Hello!", "label": true}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        by_name = {field.name: field for field in cls.fields}
        label = find(columns, by_name["label"].spellings, is_truth)
        left = [column for column in columns if column is not label]
        completion = find(left, by_name["completion"].spellings)
        if label is None or completion is None or not filled(label):
            return None
        if not any(isinstance(value, bool) for value in label.values) and not _says_truth(label):
            return None
        found = {"completion": completion, "label": label}
        if plain_name(completion.name) in _WHOLE:
            if not all(has_turns(value) for value in filled(completion)):
                return None
        else:
            left = [column for column in left if column is not completion]
            prompt = find(left, by_name["prompt"].spellings)
            if prompt is None or not all(is_text([v]) or has_turns(v) for v in completion.values):
                return None
            found["prompt"] = prompt
            about = find(left, by_name["input"].spellings, is_text)
            if about is not None and plain_name(prompt.name) == "instruction":
                found["input"] = about
        for field in (SYSTEM_FIELD, TOOLS_FIELD):
            column = find(left, field.spellings)
            if column is not None:
                found[field.name] = column
        reason = f"{named_as(found)}, of which the label says yes or no"
        return Match(columns=columns_of(found), score=0.97, reason=reason)

    def read(self, values: Mapping[str, object]) -> Rated:
        columns = self.columns
        good = truth_of(values, columns["label"])
        prompt, said = self._turns(values)
        above = optional_text(values, columns["system"]) if "system" in columns else None
        return Rated(
            prompt=(system(above), *prompt) if above else prompt,
            completion=said,
            good=good,
            tools=tools_in(values, columns.get("tools")),
        )

    @property
    def _is_whole(self) -> bool:
        return plain_name(self.columns["completion"]) in _WHOLE

    def _turns(
        self, values: Mapping[str, object]
    ) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        column = self.columns["completion"]
        said = text_or_turns(values, column, ASSISTANT, required="missing_answer")
        if self._is_whole:
            ends = bool(said) and said[-1].role == ASSISTANT
            return (said[:-1], said[-1:]) if ends else (said, ())
        asked: tuple[Message, ...] = ()
        if "prompt" in self.columns and values.get(self.columns["prompt"]) is not None:
            asked = text_or_turns(values, self.columns["prompt"], USER, required="missing_field")
        about = optional_text(values, self.columns["input"]) if "input" in self.columns else None
        text = one_text(asked, USER)
        if about and text is not None:
            asked = (user("\n".join(filter(None, (text, about)))),)
        return asked, said

    def write(self, content: Content) -> dict[str, object]:
        if not isinstance(content, Rated):
            raise CannotHoldError(f"{self.name} has no place for {article(content.kind)}")
        if not content.completion:
            raise CannotHoldError(f"{self.name} needs an answer, and the row has none")
        row = self._written(content)
        row[self.columns["label"]] = content.good
        if content.tools:
            refuse_tools(self.columns, self.name)
            row[self.columns["tools"]] = write_tools(content.tools, "openai")
        if self.read(row) != content:
            raise CannotHoldError("a whole conversation has one answer of the assistant at its end")
        return row

    def _written(self, content: Rated) -> dict[str, object]:
        columns = self.columns
        completion, whole = columns["completion"], (*content.prompt, *content.completion)
        if self._is_whole:
            sharegpt = plain_name(completion).startswith("conversation")
            return {completion: write_turns(whole, "sharegpt" if sharegpt else "openai")}
        above = plain_text(content.prompt[0], SYSTEM) if content.prompt else None
        above = above if "system" in columns else None
        prompt = content.prompt[1:] if above else content.prompt
        if prompt and "prompt" not in columns:
            raise CannotHoldError("these rows have no column for a prompt")
        asked, said = one_text(prompt, USER), one_text(content.completion, ASSISTANT)
        plain = None not in (asked, said) and not has_turns(asked) and not has_turns(said)
        if not plain:
            row = {columns["prompt"]: write_turns(content.prompt)} if content.prompt else {}
            return {**row, completion: write_turns(content.completion)}
        row_of_texts: dict[str, object] = {columns["prompt"]: asked, completion: said}
        if above:
            row_of_texts[columns["system"]] = above
        if columns.get("input") and plain_name(columns["prompt"]) == "instruction":
            row_of_texts[columns["input"]] = ""
        return row_of_texts


def _says_truth(label: ColumnValues) -> bool:
    """Words or digits say yes or no where the name of the column says that it is asked for."""
    words = {str(value).strip().lower() for value in filled(label)}
    return words <= {"true", "false"} or plain_name(label.name) in _SURE_LABELS
