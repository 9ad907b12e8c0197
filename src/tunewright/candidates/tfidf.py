"""TF-IDF and logistic regression: the classical floor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from tunewright.candidates.base import Candidate, Labelled, Setting, Texts
from tunewright.core.config import Config
from tunewright.evaluate.calibration import softmax
from tunewright.train.probe import fit_probe

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class TfidfSettings(Config):
    """Settings of `tfidf`."""

    ngrams: int = Field(default=2, ge=1, le=5)
    """Longest run of words that is a feature."""
    c: float = Field(default=10.0, gt=0)
    """Inverse strength of the L2 penalty."""


class Tfidf(Candidate):
    """Word and word-pair frequencies, weighted by rarity, under a logistic regression.

    Relations: needs no language model, answers thousands of texts a second, and is beaten by a
    probe wherever the same thing is said in different words.
    """

    kind = "floor"
    needs_vectors = False
    Settings = TfidfSettings
    settings: TfidfSettings

    def fit(self, examples: Labelled, setting: Setting) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(ngram_range=(1, self.settings.ngrams), sublinear_tf=True)
        try:
            features = vectorizer.fit_transform(examples.texts)
        except ValueError:  # no word at all in any text
            features = None
        classes = len(setting.labels)
        present = np.unique(examples.targets_n)
        if features is None or len(present) < 2:
            self._always(examples.targets_n, classes)
            return
        probe = fit_probe(features, examples.targets_n, classes, self.settings.c)
        words = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
        self.state.values = {"words": words}
        self.state.arrays = {
            "idf_f": vectorizer.idf_.astype(np.float64),
            "weight_cf": probe.weight_cd,
            "bias_c": probe.bias_c,
        }

    def probabilities(self, examples: Texts) -> np.ndarray:
        weight_cf = self.state.arrays["weight_cf"]
        features_nf = self._features(examples)
        return softmax(features_nf @ weight_cf.T + self.state.arrays["bias_c"])

    def _features(self, examples: Texts) -> csr_matrix | np.ndarray:
        words = self.state.values["words"]
        if not words:
            return np.zeros((len(examples), 0))
        return self._vectorizer(words).transform(examples.texts)

    def _vectorizer(self, words: list[str]) -> Any:
        """The fitted vectoriser, rebuilt from its words and their weights."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(
            ngram_range=(1, self.settings.ngrams), sublinear_tf=True, vocabulary=words
        )
        vectorizer.idf_ = self.state.arrays["idf_f"]
        return vectorizer

    def _always(self, targets_n: np.ndarray, classes: int) -> None:
        shares = np.bincount(targets_n, minlength=classes) / len(targets_n)
        self.state.values = {"words": []}
        self.state.arrays = {
            "idf_f": np.zeros(0),
            "weight_cf": np.zeros((classes, 0), dtype=np.float32),
            "bias_c": np.log(np.maximum(shares, 1e-9)).astype(np.float32),
        }
