"""Which remembered questions are like a new one: TF-IDF over words and pieces of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_ROWS_AT_ONCE = 512


class Similar:
    """An index of texts.

    Words and pairs of words tell what is asked, pieces of three and four characters find the same
    word in another form and keep texts comparable that have no words in common.

    Args:
        texts: at least one.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        kinds: list[dict[str, Any]] = [
            {"token_pattern": r"(?u)\w+|[^\w\s]", "ngram_range": (1, 2)},
            {"analyzer": "char_wb", "ngram_range": (3, 4)},
        ]
        self._vectorizers = []
        for kind in kinds:
            vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **kind)
            try:
                vectorizer.fit(texts)
            except ValueError:  # not one word, or not one piece, in any text
                continue
            self._vectorizers.append(vectorizer)
        self._memory = self._vectors(texts)

    def nearest(self, texts: Sequence[str], k: int) -> np.ndarray:
        """Places of the `k` most similar texts of the index, most similar first, int64 [n, k]; of
        equally similar ones the first. All of them where there are fewer than `k`."""
        count = self._memory.shape[0]
        k = min(k, count)
        found = np.zeros((len(texts), k), dtype=np.int64)
        for start in range(0, len(texts), _ROWS_AT_ONCE):
            vectors = self._vectors(texts[start : start + _ROWS_AT_ONCE])
            similarity = np.asarray((vectors @ self._memory.T).todense())
            order = np.argsort(-similarity, axis=1, kind="stable")
            found[start : start + len(order)] = order[:, :k]
        return found

    def _vectors(self, texts: Sequence[str]) -> csr_matrix:
        from scipy.sparse import csr_matrix, hstack

        parts = [vectorizer.transform(texts) for vectorizer in self._vectorizers]
        if not parts:
            return csr_matrix((len(texts), 1), dtype=np.float32)
        return csr_matrix(hstack(parts))
