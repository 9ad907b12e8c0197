"""Batch after batch: drafts, filters, kept rows, until there are enough or it is no use."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tunewright.curate.generators.cache import BudgetError
from tunewright.curate.synthesis import FILTERS, METHODS
from tunewright.curate.synthesis.filters.base import Filter
from tunewright.curate.synthesis.material import Material
from tunewright.curate.synthesis.rows import Draft, Rejection, provenance
from tunewright.curate.synthesis.writer import Cost

SURPLUS = "surplus"
"""Rows of the last batch that passed every filter when there were enough already."""
_HIDDEN = "safety"
"""The filter whose rejected rows are listed without their texts."""

OnBatch = Callable[[int, int], None]
"""Receives (kept, generated)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Why it ended before there were enough rows."""

    kind: str
    """`yield`, `budget` or `exhausted`."""
    message: str


@dataclass(kw_only=True)
class Synthesis:
    """What came of it. `generated == len(rows) + len(rejected)`, always."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """Kept rows as the schema writes them, with their provenance."""
    rejected: list[dict[str, Any]] = field(default_factory=list)
    """`filter`, `reason`, `numbers`, the row or what was written, and its provenance."""
    counts: Counter[str] = field(default_factory=Counter)
    """Rejected by each filter."""
    generated: int = 0
    batches: int = 0
    seconds: float = 0.0
    cost: Cost = field(default_factory=Cost)
    stop: Stop | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    """Filters that had nothing to do, and why."""
    used: list[str] = field(default_factory=list)
    """Filters that every row has passed, in their order."""


def synthesise(material: Material, on_batch: OnBatch = lambda kept, generated: None) -> Synthesis:
    """Make new rows.

    A second run with the same material and a generator that remembers its answers makes the same
    rows, so a run that was stopped is simply made again.

    Args:
        material: seeds, texts to keep away from, the generator, the settings.
        on_batch: told after each batch how many rows are kept and were generated.

    Raises:
        ConfigError: when the method does not fit the data, or the generator refuses.
        StoppedError: when the generator does not answer any more.
    """
    started = time.monotonic()
    config = material.config
    method = METHODS.get(config.method)(material)
    filters = [FILTERS.get(name)(material) for name in FILTERS.names()]
    result = Synthesis(cost=material.writer.cost)
    result.left_out = {f.name: why for f in filters if (why := f.why_not()) is not None}
    filters = [f for f in filters if f.name not in result.left_out]
    result.used = [f.name for f in filters]
    recent: deque[tuple[int, int]] = deque(maxlen=config.yield_batches)
    while len(result.rows) < config.count and result.stop is None:
        kept, generated = len(result.rows), result.generated
        try:
            drafts = method.batch(result.batches)
            verdicts = _judged(drafts, filters)
        except BudgetError as problem:
            result.stop = Stop(kind="budget", message=str(problem))
            break
        if not drafts:
            result.stop = Stop(kind="exhausted", message=_nothing_left(material))
            break
        result.batches += 1
        for draft, (name, rejection) in zip(drafts, verdicts, strict=True):
            if _record(result, material, draft, name, rejection):
                method.keep(draft)
        recent.append((len(result.rows) - kept, result.generated - generated))
        result.stop = _poor_yield(recent, material)
        on_batch(len(result.rows), result.generated)
    result.seconds = time.monotonic() - started
    assert result.generated == len(result.rows) + len(result.rejected)
    return result


_Verdict = tuple[str | None, Rejection | None]
"""Name of the filter and its reason; None and None for a row that passed."""


def _judged(drafts: list[Draft], filters: list[Filter]) -> list[_Verdict]:
    """Each filter sees what those before it have let pass."""
    verdicts: list[_Verdict] = [(None, None)] * len(drafts)
    for judge in filters:
        open_ = [place for place, (name, _) in enumerate(verdicts) if name is None]
        found = judge.judge([drafts[place] for place in open_])
        for place, rejection in zip(open_, found, strict=True):
            if rejection is not None:
                verdicts[place] = (judge.name, rejection)
    return verdicts


def _record(
    result: Synthesis,
    material: Material,
    draft: Draft,
    name: str | None,
    rejection: Rejection | None,
) -> bool:
    """Put a judged draft where it belongs; whether that is among the kept rows."""
    result.generated += 1
    source = provenance(draft, material.writer.identity)
    if name is None and len(result.rows) < material.config.count:
        assert draft.content is not None
        result.rows.append({**material.schema.write(draft.content), **source})
        return True
    if name is None:
        name, rejection = SURPLUS, Rejection(reason="there are enough rows")
    assert rejection is not None
    result.counts[name] += 1
    result.rejected.append(
        {
            "filter": name,
            "reason": rejection.reason,
            "numbers": dict(rejection.numbers),
            **_shown(draft, material, hidden=name == _HIDDEN),
            **source,
        }
    )
    return False


def _shown(draft: Draft, material: Material, *, hidden: bool) -> dict[str, Any]:
    """The row itself, or what was written where it is none."""
    if hidden:
        return {"row": None}
    if draft.content is None or draft.problem is not None:
        return {"row": None, "written": draft.written}
    return {"row": _row(draft, material)}


def _row(draft: Draft, material: Material) -> dict[str, Any] | None:
    from tunewright.data.schemas.base import CannotHoldError

    assert draft.content is not None
    try:
        return material.schema.write(draft.content)
    except CannotHoldError:
        return None


def _poor_yield(recent: deque[tuple[int, int]], material: Material) -> Stop | None:
    config = material.config
    if len(recent) < config.yield_batches:
        return None
    kept, generated = (sum(pair[i] for pair in recent) for i in (0, 1))
    if generated and kept >= config.least_yield * generated:
        return None
    message = (
        f"only {kept:,} of the last {generated:,} generated rows were kept, less than "
        f"{100 * config.least_yield:g} %"
    )
    return Stop(kind="yield", message=message)


def _nothing_left(material: Material) -> str:
    if material.passages:
        return f"every passage ({len(material.passages):,}) has been asked about three times"
    return f"every request of the {len(material.seeds):,} seeds has been answered three times"
