"""A classifier of the person's training rows, fitted and asked in the worker process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tunewright.core.errors import TunewrightError
from tunewright.core.events import Progress
from tunewright.core.files import read_json, write_json
from tunewright.core.hashing import hash_value
from tunewright.curate.synthesis.material import Predict
from tunewright.workers.base import Context, Job, JobHandler, Worker

_HANDLER = "tunewright.curate.synthesis.agreement:PredictLabels"


class PredictLabels(JobHandler):
    """Payload: `rows` (JSON file with `texts` and `labels`), `key` (its hash), `texts`.

    TF-IDF and logistic regression, the classical floor of the candidates.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        key = f"agreement/{payload['key']}"
        if key not in context.warm:
            context.emit(Progress(activity="fitting the label check", done=0, total=0))
            context.warm[key] = _Fitted(read_json(Path(payload["rows"])))
        fitted: _Fitted = context.warm[key]
        return {"found": fitted.predict(payload["texts"])}


class _Fitted:
    def __init__(self, rows: dict[str, list[str]]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        self._model = make_pipeline(words, LogisticRegression(C=10.0, max_iter=1000))
        try:
            self._model.fit(rows["texts"], rows["labels"])
        except ValueError as problem:  # no word at all in any text
            raise TunewrightError(
                "no classifier can be fitted on the training rows", found=str(problem)
            ) from problem

    def predict(self, texts: list[str]) -> list[tuple[str, float]]:
        shares = self._model.predict_proba(texts)
        best = shares.argmax(axis=1)
        classes = self._model.classes_
        return [
            (str(classes[b]), float(row[b])) for b, row in zip(best.tolist(), shares, strict=True)
        ]


def label_predictor(
    texts: Sequence[str], labels: Sequence[str], work: Path, worker: Callable[[], Worker]
) -> Predict:
    """A function from texts to labels and probabilities.

    Args:
        texts: of the training rows.
        labels: of the same rows.
        work: folder in which the worker finds them.
        worker: gives the worker, which is started at the first call.
    """
    key = hash_value([list(texts), list(labels)])
    rows = work / f"labels-{key}.json"

    def predict(asked: Sequence[str]) -> list[tuple[str, float]]:
        if not rows.is_file():
            write_json(rows, {"texts": list(texts), "labels": list(labels)})
        job = Job(
            handler=_HANDLER,
            payload={"rows": str(rows), "key": key, "texts": list(asked)},
            title=f"labels of {len(asked)} texts",
        )
        found = worker().run(job, lambda event: None)["found"]
        return [(str(label), float(share)) for label, share in found]

    return predict
