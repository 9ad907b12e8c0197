"""Beam search: several beginnings of each answer are followed, and the best that ended is taken.

The candidates of a step, and when a row is done, are those of transformers (`early_stopping:
false`): a row is done when no open beam, were it to end now, would beat the worst of as many ended
ones as there are beams. Lowerre 1976; Wu et al. 2016 for the penalty on length.

Shapes: r rows, k beams of a row, c candidates of a row, v words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tunewright.models.generation.guide import Guide, mask_scores
from tunewright.models.generation.reader import Rows
from tunewright.models.generation.rows import Row, Rules
from tunewright.models.generation.scores import NEVER, Seen


@dataclass(frozen=True, slots=True)
class _Beam:
    """A beginning of an answer."""

    ids: tuple[int, ...] = ()
    likely: tuple[float, ...] = ()
    score: float = NEVER
    guide: Guide | None = None
    end_id: int | None = None
    ended: bool = False

    @property
    def tokens(self) -> int:
        """With the one that ended it."""
        return len(self.likely)


@dataclass(slots=True)
class _Search:
    """The beams of one row."""

    row: Row
    open: list[_Beam]
    closed: list[tuple[float, _Beam]] = field(default_factory=list)
    """Score over length, and beam; best first, at most as many as there are beams."""


def write_beams(kept: Rows, rows: Sequence[Row], rules: Rules) -> None:
    """Write each row to its end.

    Args:
        kept: has read the prompt of each row once; every row gets its beams here.
    """
    beams = rules.config.num_beams
    kept.keep([place for place in range(len(rows)) for _ in range(beams)])
    searches = [
        _Search(row, [_Beam(score=0.0, guide=row.guide), *[_Beam()] * (beams - 1)]) for row in rows
    ]
    while True:
        # Where each open beam of the next step came from, among the rows that are kept now.
        origins: list[int] = []
        candidates = _candidates(kept.logits_bv, searches, rules)
        alive = []
        for place, search in enumerate(searches):
            found = _advance(search, candidates[place], rules)
            if not search.row.done:
                alive.append(search)
                origins += [place * beams + beam for beam in found]
        if not alive:
            return
        searches = alive
        kept.keep(origins)
        kept.step([beam.ids[-1] if beam.ids else rules.pad for s in searches for beam in s.open])


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A token behind a beam."""

    beam: int
    token: int
    score: float
    likely: float


def _candidates(
    logits_bv: Tensor, searches: Sequence[_Search], rules: Rules
) -> list[list[_Candidate]]:
    """For each row the best tokens behind its beams, best first."""
    config = rules.config
    log_bv = logits_bv.log_softmax(-1)
    open_beams = [(search, beam) for search in searches for beam in search.open]
    scores_bv = log_bv
    if config.repetition_penalty != 1:
        said = [[*rules.said(search.row), *beam.ids] for search, beam in open_beams]
        seen = Seen(said, log_bv.shape[1], log_bv.device)
        scores_bv = seen.penalised(log_bv, config.repetition_penalty)
    guides = [beam.guide for _, beam in open_beams]
    rooms = [search.row.room - len(beam.ids) for search, beam in open_beams]
    scores_bv = mask_scores(scores_bv, guides, rooms)
    before_b = torch.tensor([beam.score for _, beam in open_beams], device=log_bv.device)
    sums_rc = (scores_bv + before_b[:, None]).reshape(len(searches), -1)
    wanted = min(max(2, 1 + len(rules.ends)) * config.num_beams, sums_rc.shape[1])
    best_rc, index_rc = sums_rc.topk(wanted)
    words = log_bv.shape[1]
    likely_rc = log_bv.reshape(len(searches), -1).gather(1, index_rc)
    table = zip(best_rc.tolist(), index_rc.tolist(), likely_rc.tolist(), strict=True)
    return [
        [
            _Candidate(index // words, index % words, score, likely)
            for score, index, likely in zip(scores, indices, own, strict=True)
        ]
        for scores, indices, own in table
    ]


def _advance(search: _Search, candidates: Sequence[_Candidate], rules: Rules) -> list[int]:
    """Go on with the best candidates of a row; the beam that each open one continues."""
    beams, row = rules.config.num_beams, search.row
    before = search.open
    goes_on: list[_Beam] = []
    origins: list[int] = []
    for rank, candidate in enumerate(candidates):
        if candidate.score == NEVER or (len(goes_on) == beams and rank >= beams):
            break
        beam = _longer(before[candidate.beam], candidate, rules)
        if beam.ended or len(beam.ids) >= row.room:
            if rank < beams:
                _close(search, beam, rules)
        elif len(goes_on) < beams:
            goes_on.append(beam)
            origins.append(candidate.beam)
    if not goes_on or not _may_improve(search, goes_on[0], rules):
        _finish(search, goes_on)
        return []
    missing = beams - len(goes_on)
    search.open = [*goes_on, *[_Beam()] * missing]
    return [*origins, *[0] * missing]


def _longer(beam: _Beam, candidate: _Candidate, rules: Rules) -> _Beam:
    likely, token = (*beam.likely, candidate.likely), candidate.token
    if token in rules.ends:
        return _Beam(beam.ids, likely, candidate.score, beam.guide, token, True)
    ids = (*beam.ids, token)
    guide = None
    ended = rules.stops.in_new(ids)
    if beam.guide is not None:
        guide = beam.guide.copy()
        guide.advance(token)
        ended = ended or guide.finished
    return _Beam(ids, likely, candidate.score, guide, None, ended)


def _over_length(score: float, tokens: int, rules: Rules) -> float:
    return float(score / tokens**rules.config.length_penalty)


def _close(search: _Search, beam: _Beam, rules: Rules) -> None:
    """Put an ended beam among the best."""
    search.closed.append((_over_length(beam.score, beam.tokens, rules), beam))
    search.closed.sort(key=lambda pair: -pair[0])
    del search.closed[rules.config.num_beams :]


def _may_improve(search: _Search, best: _Beam, rules: Rules) -> bool:
    if len(search.closed) < rules.config.num_beams:
        return True
    return _over_length(best.score, best.tokens, rules) > search.closed[-1][0]


def _finish(search: _Search, goes_on: Sequence[_Beam]) -> None:
    """Take the best beam: one that ended, or where none did the best that is open."""
    best = search.closed[0][1] if search.closed else (goes_on or search.open)[0]
    row = search.row
    row.ids, row.log_probabilities = list(best.ids), list(best.likely)
    row.guide, row.end_id, row.ended, row.done = best.guide, best.end_id, best.ended, True
