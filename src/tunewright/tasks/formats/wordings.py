"""Formats that say in words what is wanted, or show it."""

from __future__ import annotations

from collections.abc import Mapping

from tunewright.tasks.formats.base import FormatSetting, PromptFormat, Turn, joined
from tunewright.tasks.formats.layouts import fielded

_SHOWN = 4
"""Rows that `demonstrations` shows."""


class Instruction(PromptFormat):
    """What is wanted stands before the row, with all labels where there are some."""

    about = "an instruction before the row"

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        if setting.reader == "encoder":
            return f"Which label fits this text? {joined(inputs)}"
        return f"{instruction(setting)}\n\n{fielded(inputs, setting)}"

    def answer(self, answer: str, setting: FormatSetting) -> str:
        return f" {answer}"


class Chat(PromptFormat):
    """The model's own chat template: instruction and row are the user's turn."""

    about = "the model's chat template"
    readers = frozenset({"classify", "generate"})

    def unfit(self, setting: FormatSetting) -> str | None:
        return super().unfit(setting) or (
            None if setting.chats else "the model has no chat template"
        )

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> list[Turn]:
        text = joined(inputs)
        if setting.labels:
            text = f"{instruction(setting)}\n\n{text}"
        return [{"role": "user", "content": text}]


class Descriptions(PromptFormat):
    """Labels by their descriptions in place of their codes."""

    about = "labels in words, each in a sentence for an encoder"
    readers = frozenset({"encoder", "classify"})

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        if setting.reader == "encoder":
            return joined(inputs)
        return fielded(inputs, setting)

    def answer(self, answer: str, setting: FormatSetting) -> str:
        described = dict(zip(setting.labels, setting.descriptions, strict=True))
        return f" {described.get(answer, answer)}"

    def describe(self, setting: FormatSetting) -> list[str]:
        return [f"This text is about {description}." for description in setting.descriptions]


class Codes(PromptFormat):
    """Labels exactly as the file spells them, for an encoder that compares texts with labels."""

    about = "labels as the file spells them"
    readers = frozenset({"encoder"})

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        return joined(inputs)

    def describe(self, setting: FormatSetting) -> list[str]:
        return list(setting.labels)


class Demonstrations(PromptFormat):
    """Some training rows with their answers stand before the row (Brown et al. 2020)."""

    about = f"{_SHOWN} training rows with their answers before the row"
    readers = frozenset({"classify", "generate"})
    demonstrations = _SHOWN

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        shown = [
            f"{fielded(example, setting)} {answer}"
            for example, answer in setting.demonstrations[:_SHOWN]
        ]
        return "\n\n".join([*shown, fielded(inputs, setting)])

    def answer(self, answer: str, setting: FormatSetting) -> str:
        return f" {answer}"


class WorkedSteps(PromptFormat):
    """Asks for the steps before the result (Kojima et al. 2022)."""

    about = "asks to work it out step by step"
    readers = frozenset({"generate"})

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        return f"{fielded(inputs, setting)} Let us work this out step by step.\n"


def instruction(setting: FormatSetting) -> str:
    """What is wanted."""
    if not setting.labels:
        return "Answer the following."
    return f"Which of these labels fits the text? {', '.join(setting.labels)}"
