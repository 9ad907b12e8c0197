"""A prompt and its completion, exactly as written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.content import ASSISTANT, USER, Completion, Content, Conversation
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
)
from tunewright.data.schemas.cells import text_of
from tunewright.data.schemas.conversations import TWO_TEXTS, two_texts
from tunewright.data.schemas.exchanges import UNDER_LABELS
from tunewright.data.schemas.fields import (
    TOOLS_FIELD,
    refuse_tools,
    text_or_turns,
    tools_in,
    write_tools,
)
from tunewright.data.schemas.matching import columns_of, find, is_text, named_as, repeats
from tunewright.data.schemas.turns import has_turns, write_turns

PROMPT_SPELLINGS = ("prompt", "prompts", "prefix")
COMPLETION_SPELLINGS = ("completion", "completions", "continuation", "suffix")


class PromptCompletion(Schema):
    """Both texts keep their separators and stop tokens; no turns and no template are added.

    Lists of turns in both columns, as TRL has them too, are read as a conversation.
    """

    name: ClassVar[str] = "prompt_completion"
    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = (
        Completion,
        *(kind for kind in TWO_TEXTS if kind is not Completion),
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(name="prompt", spellings=PROMPT_SPELLINGS, about="the prompt, or its turns"),
        Field(
            name="completion", spellings=COMPLETION_SPELLINGS, about="what follows, or its turns"
        ),
        TOOLS_FIELD,
    )
    example: ClassVar[str] = '{"prompt": "2 + 2 =", "completion": " 4\\n"}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        prompt, completion = (find(columns, field.spellings) for field in cls.fields[:2])
        if prompt is None or completion is None:
            return None
        both = [*prompt.values, *completion.values]
        if not all(is_text([value]) or has_turns(value) for value in both):
            return None
        found = {"prompt": prompt, "completion": completion}
        tools = find(columns, TOOLS_FIELD.spellings)
        return Match(
            columns=columns_of(found | ({} if tools is None else {"tools": tools})),
            score=UNDER_LABELS if repeats(completion) else 0.95,
            reason=named_as(found),
        )

    def read(self, values: Mapping[str, object]) -> Content:
        prompt, completion = (self.columns[name] for name in ("prompt", "completion"))
        if has_turns(values.get(prompt)) or has_turns(values.get(completion)):
            return Conversation(
                messages=(
                    *text_or_turns(values, prompt, USER, required="missing_field"),
                    *text_or_turns(values, completion, ASSISTANT, required="missing_answer"),
                ),
                tools=tools_in(values, self.columns.get("tools")),
            )
        return Completion(
            prompt=text_of(values, prompt, required="missing_field"),
            completion=text_of(values, completion, required="missing_answer"),
        )

    def write(self, content: Content) -> dict[str, object]:
        prompt, completion = (self.columns[name] for name in ("prompt", "completion"))
        if not isinstance(content, Conversation):
            texts = two_texts(content, self.name)
            if any(map(has_turns, texts)):
                raise CannotHoldError("a text that is itself JSON of turns is read as turns here")
            return dict(zip((prompt, completion), texts, strict=True))
        answer = content.messages[len(content.prompt) :]
        if not content.prompt or not answer:
            what = "a prompt" if answer else "an answer"
            raise CannotHoldError(f"{self.name} needs {what}, and the row has none")
        row: dict[str, object] = {
            prompt: write_turns(content.prompt),
            completion: write_turns(answer),
        }
        if content.tools:
            refuse_tools(self.columns, self.name)
            row[self.columns["tools"]] = write_tools(content.tools, "openai")
        return row
