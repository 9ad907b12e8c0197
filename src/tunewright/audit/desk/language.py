"""Which languages a data set is written in, from a sample of its rows."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from tunewright.audit.base import Finding, Row
from tunewright.audit.desk.base import DROP, DeskRow, DeskSetup, Mark, RowCheck, Tally
from tunewright.audit.desk.words import Sample
from tunewright.core.files import writing
from tunewright.core.units import format_count, format_percent
from tunewright.data.content import ROLES, Piece

UNKNOWN = "unknown"
_ALL_BELOW = 1_000
"""Rows that are all looked at; of a million rows about 7,900 are (see `Sample`)."""

_LOOKED_AT_CHARACTERS = 300
_LEAST_LETTERS = 20
_LEAST_SHARE_OF_LETTERS = 0.75
_GUESS = 0.5
_LEAST_CONFIDENCE = 0.95
_SHORT_LETTERS, _SHORT_CONFIDENCE = 60, 0.99
_KEPT_ROWS = 30
_NOT_PROSE = re.compile(r"```.*?(?:```|\Z)|https?://\S+|\S+@\S+|<[^>\n]{1,200}>|[@#]\w+", re.DOTALL)
_CODE = re.compile(r"[{};]\s*$|^\s*(?:def|class|import|SELECT|INSERT|#include)\b", re.MULTILINE)


@cache
def _identifier() -> Any:
    """The model of py3langid (Lui and Baldwin 2012), a numpy file that comes with the package.

    It is unpacked into a temporary file.
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    with writing(Path(tempfile.gettempdir()), "set TMPDIR to a folder on another disk"):
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> tuple[str, bool]:
    """The language of a text as ISO 639-1 code, and whether that is sure enough to act on it.

    `unknown` for a text that is short, that is code or a table, or whose language is a guess.
    About half a millisecond a text.
    """
    prose = _NOT_PROSE.sub(" ", text[: 2 * _LOOKED_AT_CHARACTERS])[:_LOOKED_AT_CHARACTERS]
    letters = sum(map(str.isalpha, prose))
    seen = len(prose) - prose.count(" ") - prose.count("\n")
    least = _LEAST_LETTERS if prose.isascii() or _is_alphabetic(prose) else _LEAST_LETTERS // 3
    if letters < least or letters < _LEAST_SHARE_OF_LETTERS * seen or _CODE.search(prose):
        return UNKNOWN, False
    language, confidence = _identifier().classify(prose)
    if confidence < _GUESS:
        return UNKNOWN, False
    sure = confidence >= (_SHORT_CONFIDENCE if letters < _SHORT_LETTERS else _LEAST_CONFIDENCE)
    return str(language), sure


def _is_alphabetic(text: str) -> bool:
    """Whether words are written with letters for sounds; one Chinese sign is a word."""
    return not any("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in text)


class Language(RowCheck):
    """Languages by speaker, and rows in another than nearly all others."""

    name: ClassVar[str] = "language"

    def __init__(self, setup: DeskSetup) -> None:
        super().__init__(setup)
        self._sample = Sample(setup.seed, self.name, _ALL_BELOW)
        self._kept: Counter[str] = Counter()

    def look(self, row: DeskRow) -> Iterable[Mark]:
        if not self._sample.has(row.number):
            return ()
        stands_for = self._sample.stands_for(row.number)
        self.counts["rows looked at"] += 1
        for piece in _longest_by_role(row.pieces):
            role = piece.role if piece.role in ROLES else "other"
            language, sure = language_of(piece.text)
            key = f"{role} {language} {'sure' if sure else 'guess'}"
            self.counts[f"texts {key}"] += 1
            self.counts[f"share {key}"] += stands_for
            if sure and self._kept[key] < _KEPT_ROWS:
                self._kept[key] += 1
                source = row.source
                self.samples.append(
                    (role, language, piece.field, source.file, source.row, source.line)
                )
        return ()

    def findings(self, tally: Tally) -> list[Finding]:
        texts = _by_role(tally, "texts ")
        shares = _by_role(tally, "share ")
        rows: list[Row] = []
        others: dict[str, dict[str, int]] = {}
        for role, found in sorted(shares.items()):
            main = next((code for code in found if code != UNKNOWN), None)
            other = {code: texts[role][code] for code in found if code not in (main, UNKNOWN)}
            if not other:
                continue
            others[role] = other
            rows.extend(
                Row(file=file, row=row, line=line, detail=f"{field} ({role}) is in '{language}'")
                for kept, language, field, file, row, line in tally.samples
                if kept == role and language != main
            )
        if not others:
            return []
        looked_at = tally.counts["rows looked at"]
        count = sum(sum(other.values()) for other in others.values())
        told = "; ".join(f"{role}: {_told(shares[role])}" for role in others)
        return [
            Finding(
                check="language_mix",
                severity="info",
                count=count,
                message=f"{format_count(count, 'text')} in {format_count(looked_at, 'row')} "
                f"{'is' if count == 1 else 'are'} in another language than most ({told})",
                consequence="a few texts in another language teach the model to change language; "
                "they are also scored by rules made for the main one",
                fix="read the rows; leave them out, or have enough of each language",
                repair=DROP if looked_at == tally.rows and len(rows) <= _KEPT_ROWS else "",
                rows=rows[:_KEPT_ROWS],
                numbers={
                    "rows_looked_at": looked_at,
                    "texts_by_role": texts,
                    "estimated_shares": {
                        role: {code: round(n / sum(found.values()), 5) for code, n in found.items()}
                        for role, found in shares.items()
                    },
                },
            )
        ]


def _longest_by_role(pieces: Iterable[Piece]) -> list[Piece]:
    """One text of each speaker: the longest tells the language best."""
    found: dict[str, Piece] = {}
    for piece in pieces:
        if piece.role not in found or len(piece.text) > len(found[piece.role].text):
            found[piece.role] = piece
    return list(found.values())


def _by_role(tally: Tally, prefix: str) -> dict[str, dict[str, int]]:
    """Counts by role and language, the most frequent first.

    A guess counts for the main language of its role; a guess at another counts as unknown.
    """
    guesses: dict[str, Counter[str]] = {}
    for key, n in tally.counts.items():
        if key.startswith(prefix):
            role, language, _ = key[len(prefix) :].rsplit(" ", 2)
            guesses.setdefault(role, Counter())[language] += n
    found: dict[str, dict[str, int]] = {}
    for role, all_counts in guesses.items():
        known = {code: n for code, n in all_counts.items() if code != UNKNOWN}
        main = min(known, key=lambda code: (-known[code], code), default=UNKNOWN)
        counts = Counter({main: all_counts[main]})
        for code, n in all_counts.items():
            if code != main:
                sure = tally.counts[f"{prefix}{role} {code} sure"]
                counts[code] += sure
                counts[UNKNOWN] += n - sure
        found[role] = dict(
            sorted(((c, n) for c, n in counts.items() if n), key=lambda item: (-item[1], item[0]))
        )
    return found


def _told(shares: dict[str, int]) -> str:
    total = sum(shares.values())
    return ", ".join(f"{code} {format_percent(n / total)}" for code, n in list(shares.items())[:4])
