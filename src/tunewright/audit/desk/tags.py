"""Tags that break their scheme, spans that lie wrong, and names that are tagged now this, now that.

Schemes: in BIO every entity begins with `B-`; in IOB1 only one that follows another of its type
directly does; BIOES also marks the end (`E-`, `L-`) and entities of one token (`S-`, `U-`).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from tunewright.audit.base import Finding, Row
from tunewright.audit.desk.base import (
    DROP,
    DeskRow,
    DeskSetup,
    Mark,
    RowCheck,
    Tally,
    Told,
    told_findings,
)
from tunewright.audit.desk.words import Sample
from tunewright.core.units import format_count
from tunewright.data.content import Spanned, Tagged
from tunewright.data.values import shown

BIO, IOB1, BIOES = "BIO", "IOB1", "BIOES"
_OUTSIDE = "O"
_BEGINS, _ENDS, _SINGLE = "B", frozenset("EL"), frozenset("SU")
_PREFIXES = frozenset("BIELSUM")
_KEPT_ROWS = 200
_SAMPLED_ROWS = 3_000
_MOST_SURFACES = 20_000
_LONGEST_SURFACE_WORDS = 6
_TOLD_SURFACES = 20
_LEAST_TAGGED = 3
_WORD = re.compile(r"\w+|[^\w\s]")


class Fault(NamedTuple):
    """Something about one tag that its scheme does not allow."""

    place: int
    """Of the token, from 0."""
    what: str


def split_tag(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag: `B-person` is ('B', 'person'), `O` is ('O', '').

    A tag without a prefix (`person`) has the prefix ''.
    """
    if tag == _OUTSIDE:
        return _OUTSIDE, ""
    if len(tag) > 1 and tag[1] in "-_" and tag[0] in _PREFIXES:
        return tag[0], tag[2:]
    return "", tag


def tag_faults(tags: Sequence[str], scheme: str) -> list[Fault]:
    """What a sequence of tags breaks of a scheme (`BIO`, `IOB1` or `BIOES`)."""
    faults: list[Fault] = []
    before, kind_before = _OUTSIDE, ""
    for place, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        goes_on = before in ("B", "I", "M") and kind_before == kind
        if prefix and prefix != _OUTSIDE and not kind:
            faults.append(Fault(place, f"{shown(tag)} has no type"))
        elif scheme == BIOES:
            faults.extend(_bioes_faults(place, tag, prefix, goes_on, before, kind_before))
        elif prefix == "I" and not goes_on and scheme == BIO:
            faults.append(Fault(place, f"{shown(tag)} begins an entity"))
        elif prefix == "B" and not goes_on and scheme == IOB1:
            faults.append(Fault(place, f"{shown(tag)} follows no entity of its type"))
        before, kind_before = prefix, kind
    if scheme == BIOES and before in ("B", "I", "M"):
        faults.append(Fault(len(tags) - 1, f"{shown(tags[-1])} is never ended"))
    return faults


def _bioes_faults(
    place: int, tag: str, prefix: str, goes_on: bool, before: str, kind_before: str
) -> Iterator[Fault]:
    inside = prefix in ("I", "M") or prefix in _ENDS
    if inside and not goes_on:
        yield Fault(place, f"{shown(tag)} goes on with an entity that has not begun")
    if before in ("B", "I", "M") and not (inside and goes_on):
        yield Fault(place - 1, f"{shown(f'{before}-{kind_before}')} is never ended")


def entities_of(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Each entity as first token, token behind the last, type; every scheme, faults forgiven."""
    found: list[tuple[int, int, str]] = []
    start, open_kind = 0, ""
    for place, tag in enumerate([*tags, _OUTSIDE]):
        prefix, kind = split_tag(tag)
        begins = prefix == "B" or prefix in _SINGLE or kind != open_kind
        if open_kind and (begins or prefix == _OUTSIDE):
            found.append((start, place, open_kind))
            open_kind = ""
        if kind and not open_kind:
            start, open_kind = place, kind
        if open_kind and (prefix in _ENDS or prefix in _SINGLE):
            found.append((start, place + 1, open_kind))
            open_kind = ""
    return found


class Tags(RowCheck):
    """Tags outside their scheme, spans that lie wrong, entities that are tagged in several ways."""

    name: ClassVar[str] = "tags"

    def __init__(self, setup: DeskSetup) -> None:
        super().__init__(setup)
        self._sample = Sample(setup.seed, self.name, _SAMPLED_ROWS)
        self._kept: Counter[str] = Counter()

    def look(self, row: DeskRow) -> Iterable[Mark]:
        content = row.content
        if isinstance(content, Tagged) and content.tags is not None:
            return list(self._tagged(row, content.tokens, content.tags))
        if isinstance(content, Spanned) and content.spans is not None:
            return list(self._spanned(row, content))
        return ()

    def _tagged(
        self, row: DeskRow, tokens: tuple[str, ...], tags: tuple[str, ...]
    ) -> Iterator[Mark]:
        if len(tokens) != len(tags):
            yield Mark(finding="tag_count", detail=f"{len(tokens)} tokens and {len(tags)} tags")
            return
        used = set(tags)
        if all(map(str.isdecimal, used)):
            yield Mark(finding="tag_numbers", detail=f"its tags are {shown(' '.join(tags))}")
            return
        if used == {_OUTSIDE}:
            self.counts["rows without an entity"] += 1
        else:
            prefixes = {split_tag(tag)[0] for tag in used}
            if "" in prefixes:
                self.counts["rows with types alone"] += 1
                if prefixes - {"", _OUTSIDE}:
                    odd = next(tag for tag in tags if not split_tag(tag)[0])
                    yield Mark(
                        finding="unknown_prefix", detail=f"{shown(odd)} has none of the prefixes"
                    )
            self._count_scheme(row, tags, prefixes)
        if self._sample.has(row.number):
            found = [(" ".join(tokens[a:b]), kind) for a, b, kind in entities_of(tags)]
            self._keep(row, " ".join(tokens), found)

    def _count_scheme(self, row: DeskRow, tags: tuple[str, ...], prefixes: set[str]) -> None:
        marks_ends = bool(prefixes & (_ENDS | _SINGLE))
        self.counts["rows with ends"] += marks_ends
        self.counts["rows with prefixes"] += bool(prefixes - {"", _OUTSIDE})
        for scheme in (BIO, IOB1, BIOES):
            faults = tag_faults(tags, scheme)
            if not faults:
                continue
            self.counts[f"rows against {scheme}"] += 1
            if self._kept[scheme] < _KEPT_ROWS:
                self._kept[scheme] += 1
                source, told = row.source, faults[0]
                detail = f"token {told.place + 1}: {told.what}"
                self.samples.append((scheme, source.file, source.row, source.line, detail))

    def _spanned(self, row: DeskRow, content: Spanned) -> Iterator[Mark]:
        text, spans = content.text, content.spans or ()
        inside = []
        for span in spans:
            where = f"{shown(span.type)} {span.start}-{span.end}"
            if not 0 <= span.start <= len(text) or not 0 <= span.end <= len(text):
                yield Mark(
                    finding="span_outside",
                    detail=f"{where} in a text of {format_count(len(text), 'character')}",
                )
            elif span.start >= span.end:
                yield Mark(finding="span_empty", detail=f"{where} holds nothing")
            else:
                inside.append(span)
                held = text[span.start : span.end]
                if held != held.strip():
                    yield Mark(finding="span_space", detail=f"{where} is {shown(held)}")
                elif _cuts_word(text, span.start) or _cuts_word(text, span.end):
                    around = text[max(0, span.start - 5) : span.end + 5]
                    yield Mark(
                        finding="span_cuts_word",
                        detail=f"{where} is {shown(held)} of {shown(around)}",
                    )
        inside.sort(key=lambda span: (span.start, span.end))
        for one, other in pairwise(inside):
            if other.start < one.end:
                yield Mark(
                    finding="span_overlap",
                    detail=f"{shown(one.type)} {one.start}-{one.end} and {shown(other.type)} "
                    f"{other.start}-{other.end}",
                )
        if self._sample.has(row.number):
            self._keep(row, text, [(text[s.start : s.end].strip(), s.type) for s in inside])

    def _keep(self, row: DeskRow, text: str, found: list[tuple[str, str]]) -> None:
        source = row.source
        place = (source.file, source.row, source.line)
        self.samples.append(("entities", *place, text.lower(), found))

    def findings(self, tally: Tally) -> list[Finding]:
        told: dict[str, Told] = {
            name: (*words, "drop" if words[0] != "info" and name != "tag_numbers" else "")
            for name, words in _FINDINGS.items()
        }
        found = told_findings(tally, told)
        return [*found, *_scheme_findings(tally), *_consistency(tally)]


_FINDINGS: dict[str, tuple[Any, str, str, str]] = {
    # finding: severity, what, consequence, fix
    "tag_count": (
        "error",
        "with more tokens than tags, or fewer",
        "every tag behind the missing one belongs to another token",
        "find the missing tag; such rows cannot be learned",
    ),
    "tag_numbers": (
        "warning",
        "with numbers in the place of tags",
        "what a number means is not in the file: neither the scheme nor the entities were checked",
        "put the names in their place, or take the data as Parquet, Arrow or from the hub, where "
        "names stand beside the rows",
    ),
    "unknown_prefix": (
        "warning",
        "with tags that have none of the prefixes B, I, E, S",
        "they are read as entities of their own type",
        "give all tags a prefix, or none",
    ),
    "span_outside": (
        "error",
        "with a span that lies outside its text",
        "nothing can be learned from the span; often all spans were counted in bytes",
        "count the places in characters, from 0, the end not included",
    ),
    "span_empty": (
        "error",
        "with a span that holds nothing",
        "there is no token that could have its type",
        "give the span its end, or leave it out",
    ),
    "span_overlap": (
        "warning",
        "with spans that overlap",
        "a token can have one type; the second span is lost when spans become tags",
        "keep one of the spans",
    ),
    "span_space": (
        "info",
        "with white space at the edge of a span",
        "places and tokens do not agree, and exact scores fall",
        "let the span begin and end with what it holds",
    ),
    "span_cuts_word": (
        "info",
        "with a span that begins or ends inside a word",
        "part of a word cannot be tagged; the whole word is taken, or the span is lost",
        "let the span begin and end where words do",
    ),
}


def _cuts_word(text: str, place: int) -> bool:
    return 0 < place < len(text) and text[place - 1].isalpha() and text[place].isalpha()


def scheme_of(tally: Tally) -> str | None:
    """The scheme that most rows keep; None without prefixes."""
    counts = tally.counts
    if not counts["rows with prefixes"]:
        return None
    if counts["rows with ends"] * 2 > counts["rows with prefixes"]:
        return BIOES
    if counts["rows with ends"] and counts[f"rows against {BIOES}"] < counts["rows with ends"]:
        return BIOES
    return BIO if counts[f"rows against {BIO}"] <= counts[f"rows against {IOB1}"] else IOB1


def _scheme_findings(tally: Tally) -> list[Finding]:
    scheme = scheme_of(tally)
    if scheme is None:
        return []
    broken = tally.counts[f"rows against {scheme}"]
    if not broken:
        return []
    rows = [
        Row(file=file, row=row, line=line, detail=detail)
        for kind, file, row, line, detail in (s for s in tally.samples if s[0] == scheme)
    ]
    return [
        Finding(
            check="tag_scheme",
            severity="warning",
            count=broken,
            message=f"{format_count(broken, 'row')} of {tally.counts['rows with prefixes']:,} with "
            f"entities {'breaks' if broken == 1 else 'break'} the scheme {scheme}, "
            "which the others keep",
            consequence="scorers read such tags in different ways, so scores cannot be compared, "
            "and the model learns sequences that mean nothing",
            fix="mend the tags, or leave the rows out",
            repair=DROP if broken == len(rows) <= _KEPT_ROWS else "",
            rows=rows[:_KEPT_ROWS],
            numbers={
                "scheme": scheme,
                "rows_with_entities": tally.counts["rows with prefixes"],
                "rows_against": {s: tally.counts[f"rows against {s}"] for s in (BIO, IOB1, BIOES)},
            },
        )
    ]


def _consistency(tally: Tally) -> list[Finding]:
    """Entities of a sample of rows that have several types, or are tagged only now and then."""
    kept = [sample for sample in tally.samples if sample[0] == "entities"]
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for *_, found in kept:
        for surface, kind in found:
            folded = surface.lower()
            if any(map(str.isalpha, folded)) and (folded in kinds or len(kinds) < _MOST_SURFACES):
                kinds[folded][kind] += 1
    return [*_several_types(kept, kinds), *_now_and_then(kept, kinds)]


def _several_types(kept: list[Any], kinds: dict[str, Counter[str]]) -> list[Finding]:
    several = {surface: found for surface, found in kinds.items() if len(found) > 1}
    if not several:
        return []
    rare = {s: min(found, key=lambda k, f=found: (f[k], k)) for s, found in several.items()}  # type: ignore[misc]
    rows = [
        Row(file=file, row=row, line=line, detail=f"{shown(surface)} is tagged {shown(kind)} here")
        for _, file, row, line, _, found in kept
        for surface, kind in found
        if rare.get(surface.lower()) == kind
    ]
    most = sorted(several, key=lambda s: (-sum(several[s].values()), s))[:_TOLD_SURFACES]
    return [
        Finding(
            check="entity_types",
            severity="info",
            count=len(several),
            message=f"{format_count(len(several), 'entity', 'entities')} of {len(kinds):,} have "
            "several types",
            consequence="some are right, as a name of both a town and a club; the others cap the "
            "score",
            fix="look at those with few mentions of a type: it is often a slip",
            rows=rows[:_KEPT_ROWS],
            numbers={
                "rows_looked_at": len(kept),
                "most_frequent": {surface: dict(several[surface]) for surface in most},
            },
        )
    ]


def _now_and_then(kept: list[Any], kinds: dict[str, Counter[str]]) -> list[Finding]:
    """Entities that also stand in rows without being tagged there."""
    often = {s: sum(found.values()) for s, found in kinds.items()}
    often = {s: n for s, n in often.items() if n >= _LEAST_TAGGED and len(s) > 2}
    wanted = {tuple(_WORD.findall(surface)): surface for surface in often}
    without: Counter[str] = Counter()
    first: dict[str, Row] = {}
    for _, file, row, line, text, found in kept:
        here = {surface.lower() for surface, _ in found}
        words = _WORD.findall(text)
        for surface in _occurring(words, wanted):
            if not any(surface in tagged for tagged in here):
                without[surface] += 1
                detail = f"{shown(surface)} is not tagged here, and is {often[surface]} times"
                first.setdefault(surface, Row(file=file, row=row, line=line, detail=detail))
    # where it is left out far more often than tagged, it is a common word
    doubtful = {s: n for s, n in without.items() if n <= often[s]}
    if not doubtful:
        return []
    most = sorted(doubtful, key=lambda s: (-often[s] / doubtful[s], s))
    return [
        Finding(
            check="entity_left_out",
            severity="info",
            count=sum(doubtful.values()),
            message=f"{format_count(len(doubtful), 'entity', 'entities')} tagged in most rows "
            f"{'is' if len(doubtful) == 1 else 'are'} left out in "
            f"{format_count(sum(doubtful.values()), 'other')}",
            consequence="the model is told now yes, now no, and learns to leave them out",
            fix="look at the rows; tag them, unless another thing is meant there",
            rows=[first[surface] for surface in most[:_KEPT_ROWS]],
            numbers={
                "rows_looked_at": len(kept),
                "surest": {
                    s: {"tagged": often[s], "left_out": doubtful[s]} for s in most[:_TOLD_SURFACES]
                },
            },
        )
    ]


def _occurring(words: list[str], wanted: dict[tuple[str, ...], str]) -> set[str]:
    return {
        wanted[key]
        for start in range(len(words))
        for length in range(1, _LONGEST_SURFACE_WORDS + 1)
        if (key := tuple(words[start : start + length])) in wanted
    }
