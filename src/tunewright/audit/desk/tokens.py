"""Rows as tokens: how long, what would be cut, what is learned, what the tokenizer cannot take.

Rows are counted exactly where it matters and no tokenizer is asked where bytes tell enough: a row
whose texts have fewer bytes than `max_length` (see `models/bounds.py`, which says for which
tokenizers that holds) cannot be cut. Lengths, the share that is learned, round trips and merges
come from a sample drawn by row number, some 24,000 rows of a million: all of the first 5,000, then
half as many of each further doubling, each standing for as many as were passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from tunewright.audit.base import Finding
from tunewright.audit.desk.base import DeskRow, DeskSetup, Mark, RowCheck, Tally, finding_of
from tunewright.audit.desk.token_characters import named
from tunewright.audit.desk.token_rows import WRITTEN, Meter, WritingMeter, open_meter
from tunewright.core.units import format_count, format_percent
from tunewright.data.schemas import SCHEMAS

ALL_OF_THE_FIRST = 5_000
_MOST_CHARACTERS = 300
"""Different unknown characters that are counted one by one."""

_STEP = 1.03
"""Lengths of rows that are too long are counted in classes of 3 %."""

_KEPT = 0.99
_LENGTH, _CHARACTER, _OTHERS = "length ", "character ", "character others"
_ROUNDED_TO = 16


class TokenCheck(RowCheck):
    """Lengths in tokens, and what goes wrong on the way from characters to tokens.

    Options (`DeskSetup.options["tokens"]`): `rendering`, the values of a `RenderingConfig`;
    `template_source`, the text of the template file that it names.
    """

    name: ClassVar[str] = "tokens"

    def __init__(self, setup: DeskSetup) -> None:
        super().__init__(setup)
        self._written = issubclass(SCHEMAS.get(setup.schema).holds[0], WRITTEN)
        self._meter: Meter | None = None
        if setup.model is not None:
            self._meter = open_meter(
                setup.model,
                written=self._written,
                max_length=setup.max_length,
                options=setup.options.get(self.name) or {},
            )

    def look(self, row: DeskRow) -> Iterable[Mark]:
        weight = sample_weight(row.number)
        meter = self._meter
        if meter is None:
            if weight:
                self.samples.append((weight, sum(len(piece.text) for piece in row.pieces), 0, 0))
            return ()
        found = meter.measure(row, whole=weight > 0)
        if meter.characters.found:
            self._count_characters(meter)
        if found.tokens is None:
            return found.marks
        if found.tokens > meter.max_length:
            self.counts[f"{_LENGTH}{length_class(found.tokens)}"] += 1
        if weight:
            self.samples.append((weight, found.tokens, found.learned, found.everything))
            found.marks += self._sampled_marks(row, found.merged)
        return found.marks

    def _sampled_marks(self, row: DeskRow, merged: bool) -> Iterable[Mark]:
        if merged:
            yield Mark(
                finding="boundary_merge",
                detail="a token holds the end of the prompt and the beginning of the answer",
            )
        meter = self._meter
        if not isinstance(meter, WritingMeter):
            return
        for piece in row.pieces:
            changed = _changed(meter, piece.text)
            if changed:
                yield Mark(finding="round_trip", detail=f"{piece.field}: {changed}")
                return

    def _count_characters(self, meter: Meter) -> None:
        for character, count in meter.characters.found.items():
            key = f"{_CHARACTER}{character}"
            full = key not in self.counts and len(self.counts) > 2 * _MOST_CHARACTERS
            self.counts[_OTHERS if full else key] += count
        meter.characters.found.clear()

    def findings(self, tally: Tally) -> list[Finding]:
        if not tally.rows or not tally.samples:
            return []
        if self._meter is None:
            return [self._characters_only(tally)]
        found = [
            self._answer_lost(tally),
            self._too_long(tally),
            self._marked(tally, "no_learned_token"),
            self._marked(tally, "not_rendered"),
            self._unknown(tally),
            self._marked(tally, "control_token_in_text"),
            self._marked(tally, "round_trip"),
            self._marked(tally, "boundary_merge"),
            self._lengths(tally),
        ]
        return [finding for finding in found if finding is not None]

    def _characters_only(self, tally: Tally) -> Finding:
        spread = percentiles([(s[0], s[1]) for s in tally.samples])
        why = "no model is named"
        if self.setup.model is not None:
            why = "the model that is named reads texts and does not write any"
        return Finding(
            check="lengths",
            severity="info",
            count=tally.rows,
            message=f"{_spread_words(spread, 'character')}{_of_sample(tally)}; {why}, so tokens "
            "were not counted",
            consequence="what a model would cut, and characters that it does not know, cannot be "
            "told without its tokenizer",
            fix="name the model: `tunewright check DATA --model FOLDER`",
            numbers={"characters": spread, "sample": len(tally.samples)},
        )

    def _lengths(self, tally: Tally) -> Finding:
        assert self._meter is not None
        spread = percentiles([(s[0], s[1]) for s in tally.samples])
        numbers: dict[str, Any] = {
            "tokens": spread,
            "sample": len(tally.samples),
            "max_length": self._meter.max_length,
        }
        message = f"{_spread_words(spread, 'token')}{_of_sample(tally)}"
        if isinstance(self._meter, WritingMeter):
            learned = sum(s[0] * s[2] for s in tally.samples)
            everything = sum(s[0] * s[3] for s in tally.samples)
            numbers["learned_share"] = learned / everything if everything else 0.0
            numbers["renderer"] = self._meter.renderer.renderer
            numbers["template"] = self._meter.renderer.template_name
            message += f"; {format_percent(numbers['learned_share'])} of all tokens are learned"
        return Finding(
            check="token_lengths",
            severity="info",
            count=tally.rows,
            message=message,
            numbers=numbers,
        )

    def _answer_lost(self, tally: Tally) -> Finding | None:
        marked = tally.marked.get("answer_lost")
        if marked is None:
            return None
        assert isinstance(self._meter, WritingMeter)
        policy = self._meter.renderer.config.on_too_long
        return finding_of(
            marked,
            check="answer_lost",
            severity="error",
            message=f"{format_count(marked.count, 'row')} "
            f"({format_percent(marked.count / tally.rows)}) would lose the answer, part of it, or "
            f"its end when cut at {self._meter.max_length:,} tokens",
            consequence="a model that is trained on cut answers learns to break off, and never to "
            f"stop; with `on_too_long: {policy}` {_POLICY[policy]}",
            fix=self._longer(tally),
            repair="tunewright clean DATA --apply drop:answer_lost",
        )

    def _too_long(self, tally: Tally) -> Finding | None:
        marked = tally.marked.get("too_long")
        if marked is None:
            return None
        assert self._meter is not None
        limit = f"{self._meter.max_length:,} tokens"
        return finding_of(
            marked,
            check="too_long",
            severity="warning",
            message=f"{format_count(marked.count, 'row')} "
            f"({format_percent(marked.count / tally.rows)}) "
            + (f"{'has' if marked.count == 1 else 'have'} more than {limit}"),
            consequence="what stands behind the limit is not seen by the model",
            fix=self._longer(tally),
        )

    def _longer(self, tally: Tally) -> str:
        """What to do about rows that are too long."""
        assert self._meter is not None
        wanted = self._length_for(tally, _KEPT)
        share = format_percent(_KEPT, 0)
        if wanted is None:
            wanted, share = self._length_for(tally, 1.0), "all"
        limit = self._meter.model.max_length
        if wanted is not None and wanted <= limit:
            return f"raise `max_length` to {wanted:,} to keep {share} of the rows"
        most = f"the model takes {limit:,} tokens"
        if wanted is not None:
            most += f", and {wanted:,} would be needed to keep {share} of the rows"
        if isinstance(self._meter, WritingMeter):
            return f"{most}: say `on_too_long: trim_prompt` or `split`, or take another model"
        return f"{most}: shorten the texts, or take a model that reads longer ones"

    def _length_for(self, tally: Tally, share: float) -> int | None:
        """Tokens with which a share of the rows would be whole; None where `max_length` is enough.

        Rows that are too long are all counted, so this is exact up to the width of a class.
        """
        classes = {
            int(key.removeprefix(_LENGTH)): count
            for key, count in tally.counts.items()
            if key.startswith(_LENGTH)
        }
        allowed = math.floor((1 - share) * tally.rows)
        if sum(classes.values()) <= allowed:
            return None
        beyond = 0
        for length in sorted(classes, reverse=True):
            beyond += classes[length]
            if beyond > allowed:
                return -(-length // _ROUNDED_TO) * _ROUNDED_TO
        return None

    def _unknown(self, tally: Tally) -> Finding | None:
        marked = tally.marked.get("unknown_characters")
        if marked is None:
            return None
        found = {
            key.removeprefix(_CHARACTER): count
            for key, count in tally.counts.items()
            if key.startswith(_CHARACTER) and key != _OTHERS
        }
        often = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        told = ", ".join(f"{named(c)} in {n:,}" for c, n in often[:5])
        more = f" and {len(often) - 5:,} more" if len(often) > 5 else ""
        return finding_of(
            marked,
            check="unknown_characters",
            severity="warning",
            message=f"{format_count(marked.count, 'row')} "
            f"({format_percent(marked.count / tally.rows)}) with characters that the tokenizer "
            f"does not know, drops or changes: {told}{more}",
            consequence="the model does not see them, and can never write them",
            fix="replace them, or take a model whose tokenizer has them",
            numbers={"characters": dict(often), "others": tally.counts.get(_OTHERS, 0)},
        )

    def _marked(self, tally: Tally, name: str) -> Finding | None:
        """A finding whose words are the same whatever the numbers."""
        marked = tally.marked.get(name)
        if marked is None:
            return None
        words = _WORDS[name]
        sampled = _of_sample(tally, counted=True) if name in _SAMPLED else ""
        return finding_of(
            marked,
            check=name,
            severity=words[0],
            message=f"{format_count(marked.count, 'row')} {words[1]}{sampled}",
            consequence=words[2],
            fix=words[3],
            repair=f"tunewright clean DATA --apply drop:{name}" if name in _DROPPED else "",
            numbers={"sample": len(tally.samples)} if name in _SAMPLED else {},
        )


_POLICY = {
    "error": "a run stops at them",
    "drop": "they are left out",
    "trim_prompt": "their prompt is shortened instead",
    "split": "they are divided where they have several turns, and left out otherwise",
}
_SAMPLED = {"round_trip", "boundary_merge"}
_DROPPED = {"no_learned_token", "not_rendered"}
_WORDS: dict[str, tuple[Any, str, str, str]] = {
    "no_learned_token": (
        "error",
        "without a token that is learned",
        "they cost time and teach nothing",
        "give them an answer, or leave them out",
    ),
    "not_rendered": (
        "error",
        "that cannot be rendered for this model",
        "they cannot be used",
        "correct their turns, or name another template under `rendering:`",
    ),
    "control_token_in_text": (
        "warning",
        "with the text of a control token",
        "the model takes what somebody wrote for the end of a turn, or the beginning of another",
        "take it out of the texts, or look whether a template was applied to them already",
    ),
    "round_trip": (
        "warning",
        "that the tokenizer does not give back as written",
        "the model learns another text than the one that stands in the file",
        "look at the rows with `tunewright show`, and normalise their characters",
    ),
    "boundary_merge": (
        "info",
        "with a token that reaches over the border between prompt and answer",
        "asked with the prompt alone, the model meets other tokens there than it has learned",
        "end prompts without white space, and begin answers with it",
    ),
}


def sample_weight(number: int) -> int:
    """How many rows a row of the sample stands for; 0 for one that is not in it.

    Of rows 0 to 4,999 all are in it, of the next 5,000 one half, of the next 10,000 one quarter,
    and so on. Which ones follows from a scrambled number, so that rows in regular turns are not
    missed.
    """
    if number < ALL_OF_THE_FIRST:
        return 1
    stride = 1 << (number // ALL_OF_THE_FIRST).bit_length()
    scrambled = (number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 40
    return stride if scrambled % stride == 0 else 0


def length_class(tokens: int) -> int:
    """The upper end of the class of lengths that a length is in."""
    return max(tokens, math.floor(_STEP ** math.ceil(math.log(tokens) / math.log(_STEP))))


def percentiles(weighted: Sequence[tuple[int, int]]) -> dict[str, int]:
    """Lengths that half, 90, 95, 99 % and all of the rows do not pass.

    Args:
        weighted: how many rows each one stands for, and its length.
    """
    ordered = sorted(weighted, key=lambda pair: pair[1])
    total = sum(weight for weight, _ in ordered)
    found = {}
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        wanted, seen = share * total, 0
        for weight, length in ordered:
            seen += weight
            if seen >= wanted:
                found[name] = length
                break
    return found


def _spread_words(spread: dict[str, int], unit: str) -> str:
    return (
        f"half of the rows have at most {format_count(spread['p50'], unit)}, 95 % at most "
        f"{spread['p95']:,}, 99 % at most {spread['p99']:,}; the longest has {spread['max']:,}"
    )


def _of_sample(tally: Tally, *, counted: bool = False) -> str:
    if len(tally.samples) >= tally.rows:
        return ""
    size = format_count(len(tally.samples), "row")
    return f", of {size} that were looked at" if counted else f" (in a sample of {size})"


def _changed(meter: Meter, text: str) -> str | None:
    """What of a text does not come back from the tokenizer, beyond single unknown characters; white
    space does not count here."""
    ids, _ = meter.tokenizer.encode(text)
    back = "".join(meter.tokenizer.decode(ids).split())
    given = "".join(text.split())
    if back == given or meter.characters.bad.keys() & set(text):
        return None
    place = next((i for i, (a, b) in enumerate(zip(given, back, strict=False)) if a != b), None)
    if place is None:
        return f"{len(given):,} characters become {len(back):,}"
    return f"{named(given[place])} becomes {named(back[place])}"
