"""Ways to put a row to a model, each with a name, in one registry.

They are compared by `formats`. What is trained and served is rendered plainly, by `Task.render`.
"""

from tunewright.core.registry import Registry
from tunewright.tasks.formats.base import PLAIN, FormatSetting, PromptFormat, Turn

_HERE = "tunewright.tasks.formats"

FORMATS: Registry[PromptFormat] = Registry(
    "prompt format",
    base=f"{_HERE}.base:PromptFormat",
    builtin={
        PLAIN: f"{_HERE}.layouts:Plain",
        "separator": f"{_HERE}.layouts:Separator",
        "fields": f"{_HERE}.layouts:Fields",
        "instruction": f"{_HERE}.wordings:Instruction",
        "chat": f"{_HERE}.wordings:Chat",
        "descriptions": f"{_HERE}.wordings:Descriptions",
        "codes": f"{_HERE}.wordings:Codes",
        "demonstrations": f"{_HERE}.wordings:Demonstrations",
        "worked_steps": f"{_HERE}.wordings:WorkedSteps",
    },
)

__all__ = ["FORMATS", "PLAIN", "FormatSetting", "PromptFormat", "Turn"]
