"""Formats that change how a row is laid out, without a word of their own about the task."""

from __future__ import annotations

from collections.abc import Mapping

from tunewright.tasks.formats.base import FormatSetting, PromptFormat, joined


class Plain(PromptFormat):
    """The texts as they stand, line by line, and the answer on the next line."""

    about = "the texts as they stand"

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        text = joined(inputs)
        return text if setting.reader == "encoder" else f"{text}\n"


class Separator(PromptFormat):
    """A mark that stands in no text, between the texts and before the answer."""

    about = "a separator between texts and answer"

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        if setting.reader == "encoder":
            return joined(inputs, " | ")
        return f"{joined(inputs, chr(10) + '---' + chr(10))}\n\n###\n\n"


class Fields(PromptFormat):
    """Each text behind the name of its field, the answer behind `Label:` or `Answer:`."""

    about = "each text behind the name of its field"

    def prompt(self, inputs: Mapping[str, str], setting: FormatSetting) -> str:
        return fielded(inputs, setting)

    def answer(self, answer: str, setting: FormatSetting) -> str:
        return f" {answer}"


def fielded(inputs: Mapping[str, str], setting: FormatSetting) -> str:
    """Lines of `Field: text`, then the name of what is asked for."""
    lines = [f"{title(name)}: {value.strip()}" for name, value in inputs.items()]
    if setting.reader != "encoder":
        lines.append("Label:" if setting.labels else "Answer:")
    return "\n".join(lines)


def title(name: str) -> str:
    """A column as a heading: `user_message` becomes `User message`."""
    words = " ".join(name.replace("_", " ").replace("-", " ").split())
    return words[:1].upper() + words[1:] or name
