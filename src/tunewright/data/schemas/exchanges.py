"""Rows with a column for what is asked and one for what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from tunewright.data.content import ASSISTANT, SYSTEM, USER, Content, Conversation, Message
from tunewright.data.schemas.answers import answer_of, are_answers, are_several
from tunewright.data.schemas.base import (
    CannotHoldError,
    ColumnValues,
    Field,
    Match,
    Schema,
    TaskName,
)
from tunewright.data.schemas.cells import optional_text, text_of
from tunewright.data.schemas.conversations import (
    TWO_TEXTS,
    as_conversation,
    assistant,
    one_text,
    system,
    texts_only,
    user,
)
from tunewright.data.schemas.fields import HISTORY_FIELD, SYSTEM_FIELD, history_in
from tunewright.data.schemas.matching import (
    Test,
    columns_of,
    filled,
    find,
    is_text,
    mostly,
    named_as,
    plain_name,
    repeats,
)

UNDER_LABELS = 0.45
"""Score where the answers repeat as labels do, so that the rows are rather to be classified."""


class Exchange(Schema):
    """One question and its answer; earlier turns and a system prompt where there are columns."""

    task: ClassVar[TaskName] = "generate"
    holds: ClassVar[tuple[type[Content], ...]] = TWO_TEXTS
    asked: ClassVar[str]
    """Name of the field with the question."""

    answered: ClassVar[str]
    sure: ClassVar[tuple[tuple[str, str], ...]]
    """Plain names of question and answer that are this schema's and no other's."""

    likely: ClassVar[float] = 0.65
    """Score for other understood names."""

    _tests: ClassVar[Mapping[str, Test | None]] = {
        HISTORY_FIELD.name: None,
        **dict.fromkeys(("response", "answer", "output"), are_answers),
    }
    """What a field's values are; texts where it is not said."""

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found: dict[str, ColumnValues] = {}
        for field in cls.fields:
            left = [column for column in columns if column not in found.values()]
            test = cls._tests.get(field.name, is_text)
            column = find(left, field.spellings, test)
            if column is not None:
                found[field.name] = column
        if cls.asked not in found or cls.answered not in found:
            return None
        named = plain_name(found[cls.asked].name), plain_name(found[cls.answered].name)
        score = 0.95 if named in cls.sure else cls.likely
        reason = named_as(found)
        if mostly(are_several, found[cls.answered]) and filled(found[cls.answered]):
            score = max(score, 0.9)
            reason += ", and of several answers the first one counts"
        elif cls._is_label(found):
            score = min(score, UNDER_LABELS)
        return Match(columns=columns_of(found), score=score, reason=reason)

    @classmethod
    def _is_label(cls, found: Mapping[str, ColumnValues]) -> bool:
        return repeats(found[cls.answered])

    def read(self, values: Mapping[str, object]) -> Conversation:
        columns = self.columns
        asked = self._question(values)
        answer = answer_of(values, columns[self.answered])
        above = optional_text(values, columns["system"]) if "system" in columns else None
        return Conversation(
            messages=(
                *((system(above),) if above else ()),
                *history_in(values, columns.get("history")),
                user(asked),
                assistant(answer),
            )
        )

    def _question(self, values: Mapping[str, object]) -> str:
        return text_of(values, self.columns[self.asked], required="missing_field")

    def write(self, content: Content) -> dict[str, object]:
        found = as_conversation(content, self.name)
        if found.tools:
            raise CannotHoldError(f"{self.name} has no place for tools")
        messages, row = list(found.messages), dict[str, object]()
        above = one_text(messages[:1], SYSTEM)
        if above and "system" in self.columns:
            row[self.columns["system"]] = above
            del messages[0]
        texts = self._texts(messages)
        row |= self._written_question(texts[-2])
        row[self.columns[self.answered]] = texts[-1]
        if texts[:-2]:
            pairs = [list(pair) for pair in zip(texts[:-2:2], texts[1:-2:2], strict=True)]
            row[self.columns["history"]] = pairs
        return row

    def _written_question(self, text: str) -> dict[str, object]:
        return {self.columns[self.asked]: text}

    def _texts(self, messages: Sequence[Message]) -> list[str]:
        """The texts of turns that alternate; an even number, of which there are two at least."""
        if messages and messages[0].role == SYSTEM:
            why = "a system prompt" if messages[0].content else "an empty system prompt"
            texts_only(messages[0], self.name)
            raise CannotHoldError(f"these {self.name} rows have no place for {why}")
        alternate = all(m.role == (USER, ASSISTANT)[n % 2] for n, m in enumerate(messages))
        if not messages or len(messages) % 2 or not alternate:
            raise CannotHoldError(
                f"{self.name} holds turns of user and assistant by turns, ending with an answer"
            )
        if len(messages) > 2 and "history" not in self.columns:
            raise CannotHoldError(f"these {self.name} rows have no column for earlier turns")
        return [texts_only(message, self.name) for message in messages]


class QueryResponse(Exchange):
    """ms-swift's own layout, and most others with a question and an answer."""

    name: ClassVar[str] = "query_response"
    asked: ClassVar[str] = "query"
    answered: ClassVar[str] = "response"
    sure: ClassVar[tuple[tuple[str, str], ...]] = (("query", "response"),)
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="query",
            spellings=("query", "prompt", "input", "inputs", "user", "human", "request", "source"),
            about="what is asked",
        ),
        Field(
            name="response",
            spellings=(
                *("response", "output", "outputs", "reply", "assistant", "answer", "target"),
                *("targets", "completion", "gpt", "bot"),
            ),
            about="what is answered",
        ),
        SYSTEM_FIELD,
        HISTORY_FIELD,
    )
    example: ClassVar[str] = '{"query": "What is 2 + 2?", "response": "4"}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found = super().match(columns)
        if found is not None and plain_name(found.columns["query"]) == "source":
            return None  # `source` and `target` are rather two languages
        return found


class QuestionAnswer(Exchange):
    """Questions and answers, as GSM8K has them."""

    name: ClassVar[str] = "question_answer"
    asked: ClassVar[str] = "question"
    answered: ClassVar[str] = "answer"
    sure: ClassVar[tuple[tuple[str, str], ...]] = (
        *(("question", "answer"), ("problem", "solution"), ("question", "solution")),
        *(("problem", "answer"), ("question", "response")),
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="question",
            spellings=("question", "problem", "questions", "q"),
            about="the question",
        ),
        Field(
            name="answer",
            spellings=("answer", "solution", "response", "answers", "final_answer", "a", "output"),
            about="its answer; the first one where there are several, as in SQuAD",
        ),
        SYSTEM_FIELD,
        HISTORY_FIELD,
    )
    example: ClassVar[str] = '{"question": "What is 2 + 2?", "answer": "2 + 2 = 4"}'

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        # What a question is about belongs to the prompt, for which alpaca has a place.
        about = find(columns, ("context", "passage", "input", "contexts"))
        return None if about is not None else super().match(columns)


class Alpaca(Exchange):
    """Stanford Alpaca's layout, in which the question is an instruction and what it is about."""

    name: ClassVar[str] = "alpaca"
    asked: ClassVar[str] = "instruction"
    answered: ClassVar[str] = "output"
    sure: ClassVar[tuple[tuple[str, str], ...]] = (
        *(("instruction", "output"), ("instruction", "response"), ("instruction", "answer")),
        *(("instruction", "completion"), ("instruction", "target"), ("instructions", "output")),
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            name="instruction",
            spellings=("instruction", "instructions", "task", "question"),
            about="what is to be done",
        ),
        Field(
            name="input",
            spellings=("input", "inputs", "context", "passage"),
            about="what it is to be done with; stands below the instruction",
            required=False,
        ),
        Field(
            name="output",
            spellings=(
                *("output", "response", "answer", "completion", "target", "outputs", "targets"),
                *("reply", "solution", "answers"),
            ),
            about="the answer; the first one where there are several, as in SQuAD",
        ),
        SYSTEM_FIELD,
        HISTORY_FIELD,
    )
    example: ClassVar[str] = (
        '{"instruction": "Translate into French.", "input": "Good day", "output": "Bonjour"}'
    )

    @classmethod
    def match(cls, columns: Sequence[ColumnValues]) -> Match | None:
        found = super().match(columns)
        if found is None:
            return None
        asked = plain_name(found.columns["instruction"])
        if asked in ("task", "question") and "input" not in found.columns:
            return None
        return found

    @classmethod
    def _is_label(cls, found: Mapping[str, ColumnValues]) -> bool:
        """Whoever writes instructions wants answers written, also short ones."""
        instructed = plain_name(found["instruction"].name).startswith("instruction")
        return not instructed and repeats(found["output"])

    def _question(self, values: Mapping[str, object]) -> str:
        instruction = super()._question(values)
        about = optional_text(values, self.columns["input"]) if "input" in self.columns else None
        return "\n".join(filter(None, (instruction, about)))

    def _written_question(self, text: str) -> dict[str, object]:
        below = {self.columns["input"]: ""} if "input" in self.columns else {}
        return {self.columns["instruction"]: text, **below}
