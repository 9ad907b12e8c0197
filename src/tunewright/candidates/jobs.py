"""What the worker does for a candidate that needs no training of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunewright.candidates import CANDIDATES
from tunewright.candidates.answers import write_probabilities
from tunewright.candidates.base import Candidate, Labelled, Setting, Texts
from tunewright.candidates.labels import refuse_unknown_labels
from tunewright.core.events import Progress
from tunewright.core.usage import Meter
from tunewright.data.dataset import FIT, TEST
from tunewright.tasks.classify import describe_labels
from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler

PROBABILITIES_FILE = "test_probabilities.safetensors"


class ScoreCandidate(JobHandler):
    """Payload: `workspace`, `candidate`, `settings`, `label_descriptions`, `seed`.

    Fits on each holdout's rows, answers the rows that were held out, and returns the
    probabilities' file, relative to the study, and the cost.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        dataset = workspace.dataset
        examples = _examples(workspace, FIT, payload)
        rows = dataset.scored_rows
        probabilities = np.zeros((len(dataset.fit), len(dataset.labels)), dtype=np.float32)
        holdouts = dataset.holdouts
        meter = Meter()
        for number, (_, fit, scored) in enumerate(holdouts):
            context.emit(Progress(activity=payload["candidate"], done=number, total=len(holdouts)))
            candidate = _build(payload)
            candidate.fit(
                _labelled(examples, dataset.fit.targets, fit), _setting(workspace, payload)
            )
            probabilities[scored] = candidate.probabilities(_some(examples, scored))
        path = f"candidates/{payload['id']}/dev_probabilities.safetensors"
        write_probabilities(workspace.layout.root / path, probabilities[rows])
        return {"probabilities": path, "usage": meter.usage()}


class ReleaseCandidate(JobHandler):
    """Payload: as `ScoreCandidate`. Fits on all rows that are not test, saves, answers the test.

    Returns where, the cost of making it, and the seconds its answers took.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        dataset = workspace.dataset
        examples = _examples(workspace, FIT, payload)
        candidate = _build(payload)
        meter = Meter()
        everything = np.arange(len(dataset.fit))
        candidate.fit(
            _labelled(examples, dataset.fit.targets, everything), _setting(workspace, payload)
        )
        made = meter.usage()
        test = _examples(workspace, TEST, payload)
        meter = Meter()
        probabilities = candidate.probabilities(test)
        answered = meter.usage()
        folder = f"candidates/{payload['id']}"
        write_probabilities(workspace.layout.root / folder / PROBABILITIES_FILE, probabilities)
        candidate.save(
            workspace.layout.root / folder,
            {
                "candidate": payload["candidate"],
                "task": workspace.task.name,
                "labels": dataset.labels,
                "renderer": workspace.task.renderer,
                "model": workspace.spec.model if candidate.needs_vectors else None,
                "model_hash": workspace.encoder.resolved.content_hash
                if candidate.needs_vectors
                else None,
                "max_length": workspace.max_length if candidate.needs_vectors else None,
            },
        )
        return {
            "made": made,
            "answered": answered,
            "parameters": candidate.parameters,
            "needs_vectors": candidate.needs_vectors,
        }


def _build(payload: dict[str, Any]) -> Candidate:
    kind = CANDIDATES.get(payload["candidate"])
    return kind(kind.Settings(**payload["settings"]))


def _examples(workspace: Workspace, part: str, payload: dict[str, Any]) -> Texts:
    needs_vectors = CANDIDATES.get(payload["candidate"]).needs_vectors
    return Texts(
        texts=workspace.texts(part),
        vectors_nd=workspace.vectors(part) if needs_vectors else None,
    )


def _some(examples: Texts, rows: np.ndarray) -> Texts:
    vectors = None if examples.vectors_nd is None else examples.vectors_nd[rows]
    return Texts(texts=[examples.texts[row] for row in rows], vectors_nd=vectors)


def _labelled(examples: Texts, targets: np.ndarray, rows: np.ndarray) -> Labelled:
    chosen = _some(examples, rows)
    return Labelled(texts=chosen.texts, vectors_nd=chosen.vectors_nd, targets_n=targets[rows])


def _setting(workspace: Workspace, payload: dict[str, Any]) -> Setting:
    labels = workspace.dataset.labels
    refuse_unknown_labels(payload["label_descriptions"], labels)
    return Setting(
        labels=labels,
        label_descriptions=describe_labels(labels, payload["label_descriptions"]),
        seed=int(payload["seed"]),
        embed=workspace.embed,
    )
