"""A row's way through the repairs, and all rows' way through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tunewright.core.errors import ConfigError, nearest
from tunewright.curate.ledger import LedgerWriter
from tunewright.curate.merging import changed_values, differences
from tunewright.curate.repairs import REPAIRS
from tunewright.curate.repairs.base import CurateRow, Dropped, Repair, RepairSetup
from tunewright.data.schemas.base import CannotHoldError, Schema

_MOST_ROUNDS = 50
"""Of the repairs over one row; two or three are usual."""

_MOST_SURVEYS = 50

Rows = Callable[[], Iterator[CurateRow]]
"""Goes through all usable rows, from the first."""


@dataclass(kw_only=True)
class RepairCount:
    """What a repair has done."""

    rows_changed: int = 0
    rows_dropped: int = 0
    fields_changed: int = 0
    notes: dict[str, int] = field(default_factory=dict)


def repairs_called(names: Sequence[str], setup: RepairSetup) -> list[Repair]:
    """The repairs of some names, in the order in which they are applied.

    Args:
        names: as the person wrote them: `dedupe`, `drop:email`.
        setup: what each is told.

    Raises:
        ConfigError: for a name that is unknown, given twice, or unfit for the rows.
    """
    if not names:
        raise ConfigError(
            "no repair was named, and none is applied by itself",
            field="--apply",
            expected=", ".join(_shown(name) for name in REPAIRS),
            fix="name the repairs that you want, as in `--apply dedupe,fix_encoding`",
        )
    found: list[Repair] = []
    for written in names:
        name, colon, argument = written.partition(":")
        if name not in REPAIRS:
            near = nearest(name, REPAIRS.names())
            raise ConfigError(
                f"there is no repair called '{name}'",
                field="--apply",
                expected=", ".join(_shown(name) for name in REPAIRS),
                fix=f"did you mean '{_shown(near)}'?" if near else None,
            )
        if written in names[: len(found)]:
            raise ConfigError(
                f"the repair '{written}' is named twice", field="--apply", fix="name it once"
            )
        repair = REPAIRS.get(name)(replace(setup, argument=argument if colon else None))
        reason = repair.unfit()
        if reason is not None:
            raise ConfigError(
                f"'{written}' does not fit rows that are read as {setup.schema}: {reason}",
                field="--apply",
                fix="leave it out",
            )
        found.append(repair)
    order = REPAIRS.names()
    return sorted(found, key=lambda repair: (order.index(repair.name), repair.label))


def _shown(name: str) -> str:
    return "drop:FINDING" if name == "drop" else name


class Pipeline:
    """Sends rows through repairs.

    Args:
        repairs: in their order.
        schema: of the rows.
    """

    def __init__(self, repairs: Sequence[Repair], schema: Schema) -> None:
        self.repairs = list(repairs)
        self.counts = {repair.label: RepairCount() for repair in repairs}
        self.rows_changed = 0
        """Rows that stay and have become others, in the latest pass."""
        self._schema = schema
        self._by_place = [repair for repair in repairs if repair.when == "place"]
        self._by_row = [repair for repair in repairs if repair.when == "row"]
        self._by_set = [repair for repair in repairs if repair.when == "set"]

    @property
    def secret(self) -> bool:
        """Whether what was changed must not be written anywhere."""
        return any(repair.secret for repair in self.repairs)

    def survey(self, rows: Rows) -> None:
        """Let every repair that needs it see all rows as they would be kept, until none finds
        anything new."""
        surveying = [repair for repair in self.repairs if repair.surveys]
        for repair in surveying:
            for _ in range(_MOST_SURVEYS):
                if not repair.survey(self.kept(rows)):
                    break

    def kept(self, rows: Rows, ledger: LedgerWriter | None = None) -> Iterator[CurateRow]:
        """Every row that stays, as it has become, in one go from the first to the last."""
        self.counts = {repair.label: RepairCount() for repair in self.repairs}
        self.rows_changed = 0
        for repair in self.repairs:
            repair.start()
        for row in rows():
            kept = self._through(row, ledger)
            if kept is not None:
                self.rows_changed += kept is not row
                yield kept
        for repair in self.repairs:
            repair.finish()
            notes = self.counts[repair.label].notes
            for sentence, count in repair.notes.items():
                notes[sentence] = notes.get(sentence, 0) + count

    def _through(self, row: CurateRow, ledger: LedgerWriter | None) -> CurateRow | None:
        touched: Counter[str] = Counter()
        kept = self._all_steps(row, ledger, touched)
        for label, fields in touched.items():
            self.counts[label].rows_changed += 1
            self.counts[label].fields_changed += fields
        return kept

    def _all_steps(
        self, row: CurateRow, ledger: LedgerWriter | None, touched: Counter[str]
    ) -> CurateRow | None:
        now: CurateRow | None = row
        for repair in self._by_place:
            now = self._step(repair, now, ledger, touched)
        for _ in range(_MOST_ROUNDS):
            before = now
            for repair in self._by_row:
                now = self._step(repair, now, ledger, touched)
            if now is before:
                break
        for repair in self._by_set:
            now = self._step(repair, now, ledger, touched)
        return now

    def _step(
        self,
        repair: Repair,
        row: CurateRow | None,
        ledger: LedgerWriter | None,
        touched: Counter[str],
    ) -> CurateRow | None:
        """The row after one repair: the same object where nothing was done, None when dropped."""
        if row is None:
            return None
        result = repair.repair(row)
        if isinstance(result, Dropped):
            self.counts[repair.label].rows_dropped += 1
            if ledger is not None:
                ledger.dropped(row.source, repair.label, result.reason, row.values)
            return None
        if result is row.content or result == row.content:
            return row
        try:
            values = changed_values(row.values, self._schema, row.content, result)
        except CannotHoldError as problem:
            notes = self.counts[repair.label].notes
            told = f"left as it was, because {problem}"
            notes[told] = notes.get(told, 0) + 1
            return row
        places = list(differences(row.values, values))
        if not places:  # the file has no place for the difference
            return row
        touched[repair.label] += len(places)
        if ledger is not None:
            for path, old, new in places:
                ledger.changed(row.source, repair.label, path, old, new)
        return replace(row, content=result, values=values)
