"""The language of texts, by a model of 4 MB that comes with its package (py3langid)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Languages = Callable[[Sequence[str]], list[tuple[str, Mapping[str, float]]]]
_CHARACTERS = 2000
"""Of a text that are looked at; more tell no more."""


def language_names() -> Languages:
    """A function that gives, for each text, its likeliest language and the probability of each."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def names(texts: Sequence[str]) -> list[tuple[str, Mapping[str, float]]]:
        found: list[tuple[str, Mapping[str, float]]] = []
        for text in texts:
            ranked = identifier.rank(" ".join(text[:_CHARACTERS].split()))
            found.append((str(ranked[0][0]), {str(name): float(p) for name, p in ranked}))
        return found

    return names
