"""Sentences that stand at the beginning or the end of many texts and tell nothing about any."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import ClassVar

from tunewright.audit.desk.looking import first_sentence, last_sentence
from tunewright.curate.repairs.base import CurateRow, Repair, RepairSetup
from tunewright.curate.repairs.copies import row_key
from tunewright.curate.repairs.personal import masked
from tunewright.curate.texts import map_texts
from tunewright.data.content import ASSISTANT, USER, Content
from tunewright.data.normalise import normalise
from tunewright.data.proof import key_of

_FEWEST_ROWS = 10
_SHARE_OF_ANSWERS, _SHARE_OF_TEXTS = 0.001, 0.02
"""Those of the check of boilerplate, so that what it lists is what goes."""

_KEPT_COUNTS = 200_000
"""Different sentences counted at once; those seen only once make room for others."""


class StripBoilerplate(Repair):
    """A sentence at the start or the end of many texts goes: of 0.1 % of the answers, or of 2 % of
    texts with a label, and of 10 different rows at least.

    Questions are not looked at: an instruction that many rows share is meant. Nothing goes where no
    other sentence would remain.
    """

    name: ClassVar[str] = "strip_boilerplate"
    about: ClassVar[str] = "takes off a first or last sentence that many texts share"
    surveys = True

    def __init__(self, setup: RepairSetup) -> None:
        super().__init__(setup)
        self.first: dict[str, str] = {}
        """Normalised sentence to the sentence as it was first met."""
        self.last: dict[str, str] = {}
        labelled = setup.schema in ("classification", "tokens", "spans")
        self._role = USER if labelled else ASSISTANT

    def unfit(self) -> str | None:
        if self.setup.schema == "tokens":
            return "tokens have no sentences"
        if self.setup.schema == "prompt_completion":
            return "a prompt and its completion are kept exactly as written"
        return None

    def survey(self, rows: Iterable[CurateRow]) -> bool:
        first: Counter[str] = Counter()
        last: Counter[str] = Counter()
        written: dict[str, str] = {}
        seen: set[bytes] = set()
        for row in rows:
            key = key_of("\0".join(row_key(row.content)))
            if key in seen:  # copies of a row make nothing common
                continue
            seen.add(key)
            in_row: list[set[str]] = [set(), set()]
            for piece in row.content.pieces():
                if piece.role == self._role:
                    for place, find in enumerate((first_sentence, last_sentence)):
                        found = find(piece.text)
                        if found:
                            in_row[place].add(normalise(found))
                            written.setdefault(normalise(found), found)
            for counts, sentences in zip((first, last), in_row, strict=True):
                counts.update(sentences)
                _forget_rare(counts)
            if len(written) > 3 * _KEPT_COUNTS:
                written = {s: told for s, told in written.items() if s in first or s in last}
        share = _SHARE_OF_TEXTS if self._role == USER else _SHARE_OF_ANSWERS
        wanted = max(_FEWEST_ROWS, math.ceil(share * len(seen)))
        known = len(self.first) + len(self.last)
        self.first |= {s: written[s] for s, n in first.items() if n >= wanted}
        self.last |= {s: written[s] for s, n in last.items() if n >= wanted}
        return len(self.first) + len(self.last) > known

    def repair(self, row: CurateRow) -> Content:
        if not self.first and not self.last:
            return row.content
        return map_texts(row.content, self._stripped)

    def described(self) -> dict[str, object]:
        return {
            **super().described(),
            "first_sentences": sorted(str(masked(told)) for told in self.first.values()),
            "last_sentences": sorted(str(masked(told)) for told in self.last.values()),
        }

    def _stripped(self, text: str, role: str) -> str:
        if role != self._role:
            return text
        text = _without(text, first_sentence, self.first, str.lstrip, from_start=True)
        return _without(text, last_sentence, self.last, str.rstrip, from_start=False)


def _without(
    text: str,
    find: Callable[[str], str],
    known: dict[str, str],
    tidy: Callable[[str], str],
    *,
    from_start: bool,
) -> str:
    while known and (sentence := find(text)) and normalise(sentence) in known:
        if from_start:
            rest = tidy(text[text.index(sentence) + len(sentence) :])
        else:
            rest = tidy(text[: text.rindex(sentence)])
        if not rest.strip():
            return text
        text = rest
    return text


def _forget_rare(counts: Counter[str]) -> None:
    if len(counts) > _KEPT_COUNTS:
        for sentence in [sentence for sentence, count in counts.items() if count == 1]:
            del counts[sentence]
