"""Texts as token ids, once for each study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerFast

_CHUNK_TEXTS = 1000


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of many texts, without padding.

    `ids` int32 [total tokens]; text i is `ids[offsets[i]:offsets[i + 1]]`; `offsets` int64
    [texts + 1]; `full_lengths` int32 [texts] counts the tokens before truncation.
    """

    ids: np.ndarray
    offsets: np.ndarray
    full_lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.full_lengths)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text after truncation, int64 [texts]."""
        return np.diff(self.offsets)

    def of(self, index: int) -> np.ndarray:
        """Token ids of one text."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]


def tokenize(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], max_length: int) -> Tokens:
    """Token ids of `texts`, special tokens included, each cut at `max_length` tokens."""
    rows: list[np.ndarray] = []
    full_lengths = np.zeros(len(texts), dtype=np.int32)
    for start in range(0, len(texts), _CHUNK_TEXTS):
        chunk = [
            text.encode("utf-8", "replace").decode() for text in texts[start : start + _CHUNK_TEXTS]
        ]
        encoded = tokenizer(chunk, add_special_tokens=True, verbose=False)["input_ids"]
        for position, ids in enumerate(encoded):
            full_lengths[start + position] = len(ids)
            if len(ids) > max_length:
                ids = tokenizer(chunk[position], truncation=True, max_length=max_length)[
                    "input_ids"
                ]
            rows.append(np.asarray(ids, dtype=np.int32))
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    ids = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int32)
    return Tokens(ids=ids, offsets=offsets, full_lengths=full_lengths)
