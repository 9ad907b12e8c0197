"""Loads any saved finalist, tuned or not, and answers texts with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError

from tunewright.core.errors import DataError, ModelError
from tunewright.models.safety import opening
from tunewright.tasks import TASKS, Task

BATCH_TEXTS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """The answer to one text."""

    label: str
    probability: float
    probabilities: dict[str, float]
    """Every label's probability, the most probable first."""


class Predictor(ABC):
    """A finalist that answers."""

    def __init__(self, task: Task, labels: Sequence[str]) -> None:
        self.task = task
        self.labels = list(labels)

    @abstractmethod
    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, labels] for rendered texts."""

    def predict(self, inputs: Sequence[Mapping[str, str]]) -> list[Prediction]:
        """Answer inputs, each a mapping from text column to text."""
        if not inputs:
            return []
        return [
            self._prediction(row)
            for row in self.probabilities([self.task.render(i) for i in inputs])
        ]

    def _prediction(self, probabilities_c: np.ndarray) -> Prediction:
        order = np.argsort(-probabilities_c, kind="stable")
        ranked = {self.labels[index]: round(float(probabilities_c[index]), 6) for index in order}
        label = self.labels[order[0]]
        return Prediction(label=label, probability=ranked[label], probabilities=ranked)


class TunedPredictor(Predictor):
    """The tuned model."""

    def __init__(self, folder: Path) -> None:
        from tunewright.models.classifier import load_classifier

        saved = load_classifier(folder)
        super().__init__(_task(saved.description, saved.renderer, folder), saved.labels)
        self._model = saved.model

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        from tunewright.evaluate.calibration import softmax
        from tunewright.models.tokens import tokenize
        from tunewright.train.classifying import score_rows
        from tunewright.train.source import TokenSource

        encoder = self._model.encoder
        source = TokenSource.of(tokenize(encoder.tokenizer, texts, encoder.max_length), encoder)
        logits = score_rows(self._model, source, np.arange(len(texts)), torch.device("cpu"))
        return softmax(logits).astype(np.float32)


class CandidatePredictor(Predictor):
    """A candidate that trains no language model, with the base model where it needs one."""

    def __init__(self, folder: Path, project_folder: Path, allow_network: bool) -> None:
        from tunewright.candidates.base import load_candidate
        from tunewright.models.encoder import load_encoder
        from tunewright.models.resolve import resolve_model

        self._candidate, description = load_candidate(folder)
        super().__init__(
            _task(description, str(description["renderer"]), folder), description["labels"]
        )
        self._encoder = None
        if description["model"] is not None:
            resolved = resolve_model(str(description["model"]), project_folder, allow_network)
            if resolved.content_hash != description["model_hash"]:
                raise ModelError(
                    f"the base model '{description['model']}' is not the one this candidate was "
                    "made with",
                    file=resolved.path,
                    found=resolved.content_hash,
                    expected=str(description["model_hash"]),
                    fix="put the former model back, or run `tunewright run` again",
                )
            self._encoder = load_encoder(resolved, max_length=int(description["max_length"]))

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        from tunewright.candidates.base import Texts

        vectors = None
        if self._encoder is not None:
            from tunewright.train.workspace import embed_texts

            vectors = embed_texts(self._encoder, texts)
        return self._candidate.probabilities(Texts(texts=texts, vectors_nd=vectors))


def load_predictor(
    folder: Path, project_folder: Path | None = None, *, allow_network: bool = False
) -> Predictor:
    """Load the finalist saved in a folder.

    Args:
        folder: `study/model`, or one of `study/candidates/*`.
        project_folder: where a relative path to the base model starts.
        allow_network: whether a hub base model may be downloaded.

    Raises:
        ModelError: when the folder holds none, it cannot be read or is damaged, or it needs a base
            model that is not there.
    """
    with opening(folder):
        try:
            if (folder / "tunewright.json").is_file():
                return TunedPredictor(folder)
            if (folder / "candidate.json").is_file():
                return CandidatePredictor(folder, project_folder or folder, allow_network)
        except DataError as problem:  # JSON that is none
            raise _damaged(folder, problem.what, problem.file) from problem
        except ModelError as problem:
            place = Path(str(problem.file))
            ours = folder in (place, *place.parents)  # and not the base model, which no run makes
            if not ours or problem.found is None or _can_be_mended(problem):
                raise
            raise _damaged(folder, f"{problem.what}: {problem.found}", problem.file) from problem
        except _UNFIT as problem:
            raise _damaged(folder, f"{type(problem).__name__}: {problem}", None) from problem
    raise ModelError("there is no finished model here", file=folder, fix="run `tunewright run`")


_UNFIT = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    RuntimeError,
    SafetensorError,
)
"""What a description that lacks something, or arrays of another shape, end in."""


def _can_be_mended(problem: ModelError) -> bool:
    """Whether it is a matter of rights or of versions, and the files are whole."""
    told = "tunewright run" in str(problem.fix)
    return told or isinstance(problem.__cause__, PermissionError)


def _damaged(folder: Path, found: str, file: str | None) -> ModelError:
    return ModelError(
        "this saved model is damaged",
        file=file or folder,
        found=found,
        expected="a folder as a run has written it",
        fix="run `tunewright run`: it makes what is damaged anew",
    )


def _task(description: Mapping[str, object], renderer: str, folder: Path) -> Task:
    task = TASKS.get(str(description["task"]))()
    if task.renderer != renderer:
        raise ModelError(
            "the model was made with another renderer of its inputs",
            file=folder,
            found=renderer,
            expected=task.renderer,
            fix="use the version of Tunewright that made it, or run `tunewright run` again",
        )
    return task


def saved_finalists(folder: Path) -> list[str]:
    """Ids of the finalists saved below a `candidates` folder."""
    with opening(folder):
        if not folder.is_dir():
            return []
        return sorted(
            path.name
            for path in folder.iterdir()
            if (path / "tunewright.json").is_file() or (path / "candidate.json").is_file()
        )
