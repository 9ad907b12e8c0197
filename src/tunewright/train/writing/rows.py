"""Rendered rows as arrays: what the engine reads of a data set.

A piece is what one pass of a model sees: a whole row, or a part of one that was divided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tunewright.data.content import Content
from tunewright.tasks.generate.fit import Fitted, fit
from tunewright.tasks.generate.rendered import Rendered
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError

_TELL_EVERY = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Ragged:
    """Rows of unequal lengths, one behind the other."""

    values: np.ndarray
    """[total]."""
    offsets: np.ndarray
    """int64 [rows + 1]: where each row starts, and where the last one ends."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]], dtype: type) -> Ragged:
        """From rows of plain values."""
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        values: np.ndarray = np.fromiter((v for row in rows for v in row), dtype, int(offsets[-1]))
        return cls(values=values, offsets=offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of_row(self, row: int) -> np.ndarray:
        """The values of one row."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Values of each row, int64 [rows]."""
        return np.diff(self.offsets)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRows:
    """The pieces of a data set.

    `weights` belong to tokens as targets: the weight with which a token is predicted from those
    before it.
    """

    ids: Ragged
    """int32: the text of a causal model; what the decoder of an encoder-decoder writes."""
    weights: Ragged
    """float32, as long as `ids`."""
    source: Ragged | None
    """int32: what the encoder reads; None for a causal model."""
    example: np.ndarray
    """Which row of the data set each piece comes from, int64 [pieces]."""
    outcomes: dict[str, int] = field(default_factory=dict)
    """How many rows of the data set were left `whole`, `trimmed`, `split`, `dropped`, could not be
    rendered (`unrenderable`), or have nothing that is learned (`nothing_learned`)."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens that a piece costs, int64 [pieces]: of both sequences where there are two."""
        own = self.ids.lengths
        return own if self.source is None else own + self.source.lengths

    @property
    def trained(self) -> np.ndarray:
        """Sum of the weights of each piece, float64 [pieces]."""
        totals = np.concatenate([[0.0], np.cumsum(self.weights.values, dtype=np.float64)])
        offsets = self.weights.offsets
        found: np.ndarray = totals[offsets[1:]] - totals[offsets[:-1]]
        return found

    def of_examples(self, rows: np.ndarray) -> np.ndarray:
        """The pieces of some rows of the data set, int64, ascending."""
        return np.flatnonzero(np.isin(self.example, rows))


def token_rows(
    renderer: Renderer,
    contents: Sequence[Content],
    max_length: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> TokenRows:
    """Render every row, and do with those that are too long what the renderer was told.

    Args:
        renderer: of the model.
        contents: what the rows say.
        max_length: tokens.
        on_progress: receives (rows done, rows in all).

    Raises:
        UnrenderableError: for a row that is too long where that is an error.
    """
    ids: list[Sequence[int]] = []
    weights: list[Sequence[float]] = []
    source: list[Sequence[int]] = []
    example: list[int] = []
    outcomes: Counter[str] = Counter()
    for row, content in enumerate(contents):
        if row % _TELL_EVERY == 0:
            on_progress(row, len(contents))
        outcome, pieces = _pieces(renderer, content, max_length)
        outcomes[outcome] += 1
        for read, written in pieces:
            ids.append(written.token_ids)
            # The first token of a causal model follows nothing, so it cannot be predicted.
            first = () if renderer.two_sequences else (0.0,)
            weights.append((*first, *written.weights[len(first) :]))
            source.append(read.token_ids if read is not None else ())
            example.append(row)
    return TokenRows(
        ids=Ragged.of(ids, np.int32),
        weights=Ragged.of(weights, np.float32),
        source=Ragged.of(source, np.int32) if renderer.two_sequences else None,
        example=np.array(example, dtype=np.int64),
        outcomes=dict(outcomes),
    )


def _pieces(
    renderer: Renderer, content: Content, max_length: int
) -> tuple[str, list[tuple[Rendered | None, Rendered]]]:
    """What became of a row, and (what is read, what is written) of each of its pieces."""
    try:
        fitted: Fitted = fit(renderer, content, max_length)
    except UnrenderableError as problem:
        if problem.reason == "too_long":
            raise
        return "unrenderable", []
    if fitted.outcome == "dropped":
        return "dropped", []
    if renderer.two_sequences:
        read, *written = fitted.pieces
        pairs = [(read, one) for one in written]
    else:
        pairs = [(None, one) for one in fitted.pieces]  # type: ignore[misc]
    learned = [pair for pair in pairs if _learns(pair[1], renderer.two_sequences)]
    return (fitted.outcome, list(learned)) if learned else ("nothing_learned", [])


def _learns(rendered: Rendered, two_sequences: bool) -> bool:
    """Whether a token is learned; the first token of a causal model follows nothing."""
    return any(w > 0 for w in rendered.weights[0 if two_sequences else 1 :])
