"""Hashes and MinHash sketches of texts, many at a time.

Broder 1997, "On the resemblance and containment of documents": the smallest hash over the character
5-grams of two texts is equal with the probability of their Jaccard overlap. Sketches of 110 such
hashes propose pairs (22 bands of 5: a pair that overlaps by 70 % is proposed with 98 %, one of 80 %
with 99.98 %, one of 30 % with 5 %), and every proposed pair is measured afterwards.

The 110 hashes come from five hash functions: each divides the 5-grams into 22 bins and keeps the
smallest of every bin (Li, Owen and Zhang 2012, "One permutation hashing"), which takes a twentieth
of the work. A band is the same bin of all five functions. A bin without a 5-gram takes over
the value of another one, the same for all texts, so that the probability stays the overlap
(Shrivastava 2017, "Optimal densification for fast and accurate minwise hashing").
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from tunewright.audit.similar import GRAM_CHARACTERS, MAX_CHARACTERS

BANDS, HASHES_IN_BAND = 22, 5
"""Bins of each hash function, and hash functions."""
HASHES = BANDS * HASHES_IN_BAND
SKETCH = np.dtype([("bands", "<u4", (BANDS,)), ("signature", "u1", (HASHES,))])
"""Hash of each band, and the low byte of each smallest hash, by which an overlap is estimated."""

_BATCH_CHARACTERS = 1 << 16
"""Of texts that are hashed together: as many as fit into a processor's cache."""

_MULTIPLIER = np.uint32(0x01000193)


def _fixed_numbers(stream: int, count: int) -> np.ndarray:
    """Fixed random numbers, uint32 [count]; a result must not depend on a library's generator."""
    return np.array(
        [
            int.from_bytes(blake2b(bytes((stream, i)), digest_size=4).digest(), "little")
            for i in range(count)
        ],
        dtype=np.uint32,
    )


_MIXED, _SPREAD = (_fixed_numbers(stream, HASHES_IN_BAND) | np.uint32(1) for stream in (1, 2))
_TRIES = 40
_DONORS = np.stack([_fixed_numbers(10 + n, BANDS) % BANDS for n in range(_TRIES)]).astype(np.int64)
"""Which bin an empty one looks into, by try and bin."""
_EMPTY = np.uint32(0xFFFFFFFF)


def hash_text(text: str | None) -> int:
    """64 bits of BLAKE2b; 0 stands for no text and for an empty one.

    Among 100 million texts two different ones have the same hash with a chance of 0.03 %.
    """
    if not text:
        return 0
    content = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little") or 1


def sketches_of(texts: Sequence[str]) -> np.ndarray:
    """Sketches of normalised texts, SKETCH [n]; all zero for one without a 5-gram.

    Of a longer text the first `MAX_CHARACTERS` characters count.
    """
    found = np.zeros(len(texts), dtype=SKETCH)
    batch: list[int] = []
    characters = 0
    for place, text in enumerate(texts):
        if len(text) < GRAM_CHARACTERS:
            continue
        batch.append(place)
        characters += min(len(text), MAX_CHARACTERS)
        if characters >= _BATCH_CHARACTERS:
            found[batch] = _sketch([texts[i] for i in batch])
            batch, characters = [], 0
    if batch:
        found[batch] = _sketch([texts[i] for i in batch])
    return found


def _sketch(texts: list[str]) -> np.ndarray:
    """Sketches of texts that all have a 5-gram."""
    cut = [text[:MAX_CHARACTERS] for text in texts]
    lengths = np.array([len(text) for text in cut])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    codes = np.frombuffer("".join(cut).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    grams = _gram_hashes(codes.astype(np.uint32, copy=False))
    inside = np.ones(len(grams), dtype=bool)
    for back in range(1, GRAM_CHARACTERS):  # grams that would reach into the next text
        inside[starts[1:-1] - back] = False
    grams = grams[inside]
    first_bin = np.repeat(np.arange(len(texts)) * BANDS, lengths - (GRAM_CHARACTERS - 1))
    smallest = np.empty((len(texts), BANDS, HASHES_IN_BAND), dtype=np.uint32)
    for place in range(HASHES_IN_BAND):
        hashed = (grams ^ _MIXED[place]) * _SPREAD[place]
        hashed ^= hashed >> np.uint32(15)
        # The high part of the product says the bin, the low part is as good as a second hash.
        product = hashed.astype(np.uint64) * np.uint64(BANDS)
        bins = np.full(len(texts) * BANDS, _EMPTY)
        np.minimum.at(
            bins, first_bin + (product >> np.uint64(32)).astype(np.int64), product.astype(np.uint32)
        )
        smallest[:, :, place] = _densified(bins.reshape(len(texts), BANDS))
    found = np.empty(len(texts), dtype=SKETCH)
    flat = smallest.reshape(len(texts), HASHES)
    found["signature"] = (flat * np.uint32(0x9E3779B1)) >> np.uint32(24)
    found["bands"] = _band_hashes(smallest)
    return found


def _densified(bins: np.ndarray) -> np.ndarray:
    """Empty bins filled with the values of others, uint32 [n, BANDS]; every row has a full one."""
    empty = bins == _EMPTY
    rows = np.flatnonzero(empty.any(axis=1))
    if not len(rows):
        return bins
    given, wanted = bins[rows], empty[rows]
    filled = given.copy()
    for donors in _DONORS:
        if not wanted.any():
            break
        offered = given[:, donors]
        taken = wanted & (offered != _EMPTY)
        filled[taken] = offered[taken]
        wanted &= ~taken
    for row, place in zip(*np.nonzero(wanted), strict=True):  # a text of very few 5-grams
        full = np.flatnonzero(given[row] != _EMPTY)
        filled[row, place] = given[row, full[place % len(full)]]
    bins[rows] = filled
    return bins


def _gram_hashes(codes: np.ndarray) -> np.ndarray:
    """Hash of the five characters at each place, uint32."""
    last = len(codes) - GRAM_CHARACTERS + 1
    hashed = codes[:last].copy()
    for offset in range(1, GRAM_CHARACTERS):
        hashed *= _MULTIPLIER
        hashed ^= codes[offset : last + offset]
        hashed ^= hashed >> np.uint32(13)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        hashed ^= hashed >> np.uint32(shift)
        hashed *= np.uint32(factor)
    hashed ^= hashed >> np.uint32(16)
    return hashed


def _band_hashes(smallest: np.ndarray) -> np.ndarray:
    """One number for the hashes of each band, uint32 [n, BANDS], never 0."""
    found = smallest[:, :, 0].copy()
    for place in range(1, HASHES_IN_BAND):
        found *= np.uint32(0x85EBCA6B)
        found ^= smallest[:, :, place]
        found ^= found >> np.uint32(13)
    found *= np.uint32(0xC2B2AE35)
    never_zero: np.ndarray = np.maximum(found, np.uint32(1))
    return never_zero


def estimated_overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Jaccard overlap by the signatures of pairs, uint8 [n, HASHES] each; off by 0.05 or so."""
    equal = (one == other).mean(axis=1)
    found: np.ndarray = (equal - 1 / 256) / (1 - 1 / 256)
    return found
