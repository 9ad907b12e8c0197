"""A short way to complete an answer under a constraint, for when its tokens run out.

The way is found token by token. Of the tokens that may follow, one that completes the answer comes
first, then those that lead to where the way was least often (told by what may follow there), and of
these the ones that close something. So what is found is short, though not always the shortest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewright.core.errors import ModelError

_TOKENS, _CLOSING, _LONGEST = 12, 8, 2
"""Tokens tried from each state: of all, of those that close most, and of the longest."""
_MOST = 2000
"""Tokens of a way at most."""
_CLOSERS = '}]",:0e. \n'
"""Letters that end things, in the order in which they are preferred; `0` and `e` stand for all
numbers and words."""


@dataclass(slots=True)
class _State:
    """What is written so far, and what was not tried behind it."""

    matcher: Any
    token: int
    rest: list[tuple[tuple[bool, bool, int, int], int, Any]]


class Closing:
    """Finds ways to the end of an answer.

    Args:
        pieces: bytes of each token.
        beginning: of every answer.

    Raises:
        ModelError: when no answer can be written with these tokens.
    """

    def __init__(self, pieces: Sequence[bytes | None], beginning: Any) -> None:
        self._words, self._pieces, self._longest = len(pieces), pieces, ""
        self._lengths_v = np.array([len(piece or b"") for piece in pieces])
        self._ranks_v = np.array([_rank(piece) for piece in pieces])
        way = self.way(beginning)
        if way is None:
            raise ModelError(
                "no answer under this constraint was found that the model's tokens can write",
                found=f"no token goes on behind {self._longest!r}",
                expected=f"an answer of at most {_MOST:,} tokens",
                fix="use other characters in `generation.constraint`, or another model",
            )
        self.shortest = len(way)
        """Tokens of the shortest answer that was found."""

    def way(self, matcher: Any) -> list[int] | None:
        """Tokens that complete an answer, an empty list where it is complete; None where no way was
        found."""
        seen: Counter[bytes] = Counter()
        path = [self._state(matcher, -1, seen)]
        for _ in range(2 * _MOST):
            if path[-1].matcher.is_accepting():
                return [state.token for state in path[1:]]
            if path[-1].rest and len(path) <= _MOST:
                _, token, after = path[-1].rest.pop(0)
                path.append(self._state(after, token, seen))
                continue
            text = self._text([state.token for state in path[1:]])
            self._longest = max(self._longest, text, key=len)
            path.pop()
            if not path:
                return None
        return None

    def _state(self, matcher: Any, token: int, seen: Counter[bytes]) -> _State:
        """A state with the tokens that are worth a look behind it, best first."""
        here = bytes(matcher.compute_bitmask())
        rest = []
        for follower in self._tried(matcher, seen[here]):
            after = matcher.deep_copy()
            if after.consume_token(follower):
                been = seen[bytes(after.compute_bitmask())]
                rank = int(self._ranks_v[follower])
                order = (not after.is_accepting(), self._blank(follower), been, rank)
                rest.append((order, follower, after))
        seen[here] += 1
        return _State(matcher, token, sorted(rest, key=lambda found: found[0]))

    def _tried(self, matcher: Any, turn: int) -> list[int]:
        """Tokens that are worth a look, of all that may follow; others with each turn."""
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        mask_v = np.unpackbits(bits, bitorder="little")[: self._words].astype(bool)
        allowed = np.flatnonzero(mask_v & (self._lengths_v > 0))
        if len(allowed) <= _TOKENS:
            return [int(token) for token in allowed]
        closing = allowed[np.argsort(self._ranks_v[allowed], kind="stable")[:_CLOSING]]
        lengths = np.argsort(self._lengths_v[allowed], kind="stable")
        others = [allowed[lengths[(turn * _TOKENS + n) % len(allowed)]] for n in range(_TOKENS)]
        longest = allowed[lengths[-_LONGEST:]]
        return [int(token) for token in dict.fromkeys([*closing, *longest, *others])]

    def _blank(self, token: int) -> bool:
        return not (self._pieces[token] or b"").strip()

    def _text(self, path: Sequence[int]) -> str:
        return b"".join(self._pieces[token] or b"" for token in path).decode("utf-8", "replace")


def _rank(piece: bytes | None) -> int:
    """How much a token closes: the worst of its letters counts; small is much."""
    text = (piece or b"").decode("utf-8", "replace").strip()
    ranks = [_CLOSERS.find("0" if c.isdigit() else "e" if c.isalpha() else c) for c in text]
    if not ranks or min(ranks) < 0:
        return len(_CLOSERS)
    return max(ranks)
