"""The loop that writes rows of a batch, token by token, greedily or by drawing.

Rows that are done leave the batch as soon as enough of them are done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.ends import Stops
from tunewright.models.generation.guide import Guide, mask_scores
from tunewright.models.generation.reader import Rows
from tunewright.models.generation.scores import Seen, Streams, filtered

_STAY = 0.75
"""Done rows are taken out when less than this share of the batch is still written: taking rows out
copies all that is kept."""


@dataclass(slots=True)
class Row:
    """One answer while it is written."""

    place: int
    """Among all prompts."""
    prompt: Sequence[int]
    room: int
    """Tokens that it may have."""
    seed: int = 0
    guide: Guide | None = None
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    end_id: int | None = None
    ended: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What is the same for all rows."""

    config: GenerationConfig
    ends: frozenset[int]
    stops: Stops
    pad: int
    seen_start: tuple[int, ...] | None = None
    """What counts as said before an answer; None for the prompt."""

    def said(self, row: Row) -> Sequence[int]:
        """Tokens that a row is not to say again."""
        return [*(row.prompt if self.seen_start is None else self.seen_start), *row.ids]


def write_rows(kept: Rows, rows: list[Row], rules: Rules) -> Iterator[list[Row]]:
    """Write each row to its end; after each token all rows that got one are handed out."""
    config = rules.config
    streams = Streams([row.seed for row in rows]) if config.do_sample else None
    penalty = config.repetition_penalty
    logits_bv = kept.logits_bv
    seen = None
    if penalty != 1:
        seen = Seen([rules.said(row) for row in rows], logits_bv.shape[1], logits_bv.device)
    rows = list(rows)
    while True:
        scores_bv = logits_bv if seen is None else seen.penalised(logits_bv, penalty)
        guides = [None if row.done else row.guide for row in rows]
        scores_bv = mask_scores(scores_bv, guides, [row.room - len(row.ids) for row in rows])
        if streams is not None:
            scores_bv = streams.noisy(filtered(scores_bv, config))
        chosen_b = scores_bv.argmax(-1)
        likely_b = logits_bv.gather(1, chosen_b[:, None])[:, 0] - logits_bv.logsumexp(-1)
        tokens, likely = chosen_b.tolist(), likely_b.tolist()
        fresh = [row for row in rows if not row.done]
        for row, token, log_probability in zip(rows, tokens, likely, strict=True):
            if not row.done:
                take(row, token, log_probability, rules)
        yield fresh
        tokens = [rules.pad if row.done else t for row, t in zip(rows, tokens, strict=True)]
        alive = [place for place, row in enumerate(rows) if not row.done]
        if not alive:
            return
        if len(alive) < _STAY * len(rows) or len(alive) == 1 < len(rows):
            rows, tokens = [rows[place] for place in alive], [tokens[place] for place in alive]
            kept.keep(alive)
            for other in (streams, seen):
                if other is not None:
                    other.keep(alive)
        if seen is not None:
            seen.add(tokens)
        kept.step(tokens)
        logits_bv = kept.logits_bv


def take(row: Row, token: int, log_probability: float, rules: Rules) -> None:
    """Add a token to a row, and see whether that ends it."""
    row.log_probabilities.append(log_probability)
    if token in rules.ends:
        row.end_id, row.ended, row.done = token, True, True
        return
    row.ids.append(token)
    if row.guide is not None:
        row.guide.advance(token)
        row.ended = row.guide.finished
    row.ended = row.ended or rules.stops.in_new(row.ids)
    row.done = row.ended or len(row.ids) >= row.room
