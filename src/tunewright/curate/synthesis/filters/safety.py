"""Does it hold personal data, a secret or abuse?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tunewright.audit.desk import ROW_CHECKS
from tunewright.audit.desk.base import TRAIN, DeskRow, DeskSetup
from tunewright.curate.synthesis.filters.base import Filter
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection
from tunewright.data.example import Source

_CHECKS = ("personal", "toxicity")
"""Of the data desk, where they are there."""


class SafetyFilter(Filter):
    """Takes out whatever the desk's checks of personal data and of abuse mark; values are masked.

    A model may repeat what stood in its training data, and what it makes up may belong to somebody.
    """

    name: ClassVar[str] = "safety"

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        setup = DeskSetup(
            schema=material.schema.name, task=material.schema.task, splits=(TRAIN,), seed=0
        )
        known = [ROW_CHECKS.get(name)(setup) for name in _CHECKS if name in ROW_CHECKS]
        self._checks = [check for check in known if check.applies()]

    def why_not(self) -> str | None:
        return None if self._checks else "no check of personal data or abuse is there"

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        rows = [
            DeskRow(number=number, split=TRAIN, source=_PLACE, content=draft.content)
            for number, draft in enumerate(drafts)
            if draft.content is not None
        ]
        for check in self._checks:
            check.begin(rows)
        return [self._look(row) for row in rows]

    def _look(self, row: DeskRow) -> Rejection | None:
        for check in self._checks:
            for mark in check.look(row):
                numbers = {"finding": mark.finding, "detail": mark.detail}
                return Rejection(
                    reason=f"it holds {_WORDS.get(mark.finding, mark.finding)}", numbers=numbers
                )
        return None


_PLACE = Source(file="new rows", row=1)
_WORDS = {"personal_data": "personal data", "personal": "personal data"}
