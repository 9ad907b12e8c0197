"""Does a classifier of the person's own rows give the text the same label?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tunewright.curate.synthesis.filters.base import CLASSES, Filter, question
from tunewright.curate.synthesis.rows import Draft, Rejection
from tunewright.data.content import Labelled


class LabelAgreementFilter(Filter):
    """Takes out texts to which a classifier fitted on the training rows gives another label.

    It never saw the new rows. It also takes out right rows of a kind that the training rows lack:
    what is kept is more of the same, and safe.
    """

    name: ClassVar[str] = "label_agreement"

    def why_not(self) -> str | None:
        if self.config.method != CLASSES:
            return "the rows have no label"
        if self.material.predict is None or len(self.material.labels) < 2:
            return "there are no two labels to tell apart"
        return None

    def judge(self, drafts: Sequence[Draft]) -> list[Rejection | None]:
        assert self.material.predict is not None
        if not drafts:
            return []
        found = self.material.predict([question(draft) for draft in drafts])
        verdicts: list[Rejection | None] = []
        for draft, (label, probability) in zip(drafts, found, strict=True):
            assert isinstance(draft.content, Labelled)
            mine = draft.content.label
            numbers = {"predicted": label, "probability": round(probability, 4), "label": mine}
            reason = f"a classifier of the training rows calls it “{label}”"
            verdicts.append(None if label == mine else Rejection(reason=reason, numbers=numbers))
        return verdicts
