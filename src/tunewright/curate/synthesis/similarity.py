"""How like two texts are, measured exactly, and quick enough to do it against a whole pool.

An index proposes every text that can be like enough and no other: what shares too few of its
rarest items cannot reach the bound (prefix filtering; Bayardo, Ma and Srikant 2007, "Scaling up all
pairs similarity search"). So nothing is missed, which sketches cannot promise, and no pair is
measured in vain.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

from tunewright.audit.similar import GRAM_CHARACTERS, MAX_CHARACTERS

_WORDS = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_]+")
"""Letters and digits in runs; of scripts that write no spaces each character."""


def word_tokens(text: str) -> list[str]:
    """The words of a text in lower case; as `rouge_score` cuts them where all is ASCII."""
    return _WORDS.findall(text.lower())


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, with one bit for each token of `a`.

    Hyyrö 2004, "Bit-parallel LCS-length computation revisited": the zeros of a row of the usual
    table are kept in one whole number, and a token of `b` moves all of them at once.
    """
    places: dict[str, int] = defaultdict(int)
    for place, token in enumerate(a):
        places[token] |= 1 << place
    full = (1 << len(a)) - 1
    row = full
    for token in b:
        matched = row & places.get(token, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(a) - row.bit_count()


def rouge_l(a: Sequence[str], b: Sequence[str]) -> float:
    """ROUGE-L F1 of two token lists, 0 to 1 (Lin 2004)."""
    if not a or not b:
        return 0.0
    return 2 * common_subsequence(a, b) / (len(a) + len(b))


def grams(text: str) -> set[str]:
    """Runs of five characters of a normalised text; of a shorter one, the text itself."""
    text = text[:MAX_CHARACTERS]
    if len(text) <= GRAM_CHARACTERS:
        return {text} if text else set()
    return {text[i : i + GRAM_CHARACTERS] for i in range(len(text) - GRAM_CHARACTERS + 1)}


def jaccard(a: set[str], b: set[str]) -> float:
    """Shared of all items, 0 to 1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


class RougeIndex:
    """Texts to which the ROUGE-L of another can be asked."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        # F >= t asks for t (m + n) / 2 shared tokens, and for n >= t m / (2 - t).
        share = threshold / (2 - threshold)
        self._index = _PrefixIndex(share)
        self._texts: list[list[str]] = []

    def add(self, tokens: Sequence[str]) -> None:
        """Put a text in."""
        self._texts.append(list(tokens))
        self._index.add(_numbered(tokens))

    def nearest(self, tokens: Sequence[str]) -> tuple[int, float] | None:
        """Number and ROUGE-L of the most similar text that reaches the threshold."""
        return _best(
            self._index.proposed(_numbered(tokens)),
            lambda other: rouge_l(tokens, self._texts[other]),
            self._threshold,
        )

    def __len__(self) -> int:
        return len(self._texts)


class GramIndex:
    """Texts to which the overlap in character runs of another can be asked."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._index = _PrefixIndex(threshold)
        self._grams: list[set[str]] = []

    def add(self, text: str) -> None:
        """Put a normalised text in."""
        found = grams(text)
        self._grams.append(found)
        self._index.add(found)

    def nearest(self, text: str) -> tuple[int, float] | None:
        """Number and Jaccard similarity of the most similar text that reaches the threshold."""
        mine = grams(text)
        return _best(
            self._index.proposed(mine),
            lambda other: jaccard(mine, self._grams[other]),
            self._threshold,
        )

    def __len__(self) -> int:
        return len(self._grams)


class _PrefixIndex:
    """Sets of items, found by any of a few rare ones.

    Args:
        share: of its own items, that a set must share with another to be like enough.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._holders: dict[Hashable, list[int]] = defaultdict(list)
        self._size = 0

    def add(self, items: Iterable[Hashable]) -> None:
        for item in items:
            self._holders[item].append(self._size)
        self._size += 1

    def proposed(self, items: Iterable[Hashable]) -> Iterator[int]:
        """Every set that may share enough: it holds one of the rarest items at least.

        Of m items at least s must be shared; so among any m - s + 1 one is.
        """
        mine = list(items)
        needed = max(1, math.ceil(self._share * len(mine) - 1e-9))
        rarest = sorted(mine, key=lambda item: (len(self._holders.get(item, ())), str(item)))
        seen: set[int] = set()
        for item in rarest[: len(mine) - needed + 1]:
            seen.update(self._holders.get(item, ()))
        return iter(sorted(seen))


def _numbered(tokens: Sequence[str]) -> list[tuple[str, int]]:
    """Tokens with their count so far, so that repeated ones are items of their own."""
    seen: Counter[str] = Counter()
    numbered = []
    for token in tokens:
        numbered.append((token, seen[token]))
        seen[token] += 1
    return numbered


def _best(
    others: Iterator[int], measure: Callable[[int], float], threshold: float
) -> tuple[int, float] | None:
    best: tuple[int, float] | None = None
    for other in others:
        found = measure(other)
        if found >= threshold and (best is None or found > best[1]):
            best = (other, found)
    return best
