"""What the worker does to have rows answered: by candidates without training, and by tuned models.

Every job writes answers to a file of the study and returns where, with what it cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.candidates.generate import TEXT_CANDIDATES
from tunewright.candidates.generate.asking import Asker
from tunewright.candidates.generate.base import Said, TextCandidate, TextSetting
from tunewright.core.events import Notice, Progress
from tunewright.core.files import write_json
from tunewright.core.usage import Meter
from tunewright.data.content import Content
from tunewright.data.dataset import FIT
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.released import load_release
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context, JobHandler

TEST_ANSWERS = "test_answers.json"
DEV_ANSWERS = "dev_answers.json"


class AnswerDev(JobHandler):
    """Payload: `workspace`, `id`, `candidate`, `settings`, `generation`, `seed`.

    Fits on each holdout's rows and answers the rows that were held out. Returns the file of the
    answers, relative to the study, and the cost.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = WritingWorkspace.of(context, WritingSpec(**payload["workspace"]))
        fit = workspace.dataset.fit
        meter = Meter()
        said: dict[int, Said] = {}
        holdouts = workspace.dataset.holdouts
        candidate = _build(payload)
        for number, (_, rows, scored) in enumerate(holdouts):
            setting = _setting(workspace, payload, (number, len(holdouts), len(scored)))
            candidate.fit([fit.contents[row] for row in rows], setting)
            answers = candidate.answer([fit.contents[row] for row in scored], setting)
            said |= dict(zip(scored.tolist(), answers, strict=True))
        _tell(context, payload, candidate)
        path = f"candidates/{payload['id']}/{DEV_ANSWERS}"
        _write(workspace.layout.root / path, [said[row] for row in sorted(said)])
        return {"answers": path, "usage": meter.usage(), **_tokens(list(said.values()))}


class ReleaseTextCandidate(JobHandler):
    """Payload: as `AnswerDev`. Fits on all rows that are not test, saves, answers the test."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = WritingWorkspace.of(context, WritingSpec(**payload["workspace"]))
        dataset = workspace.dataset
        candidate = _build(payload)
        setting = _setting(workspace, payload, (0, 1, len(dataset.test)))
        if type(candidate).prompts:
            _ = workspace.model  # loaded once for all candidates, so it is nobody's cost
        meter = Meter()
        candidate.fit(dataset.fit.contents, setting)
        made = meter.usage()
        folder = workspace.layout.root / "candidates" / payload["id"]
        meter = Meter()
        said = candidate.answer(dataset.test.contents, setting)
        answered = meter.usage()
        _tell(context, payload, candidate)
        _write(folder / TEST_ANSWERS, said)
        runs = type(candidate).prompts
        candidate.save(
            folder,
            {
                "candidate": payload["candidate"],
                "task": "generate",
                "renderer": workspace.renderer.renderer if runs else None,
                "rendering": workspace.spec.rendering.model_dump(mode="json") if runs else None,
                "template_source": workspace.spec.template_source if runs else None,
                "generation": payload["generation"] if runs else None,
                "model": workspace.spec.model if runs else None,
                "model_hash": workspace.resolved.content_hash if runs else None,
                "seed": payload["seed"],
            },
        )
        parameters = sum(p.numel() for p in workspace.model.parameters()) if runs else 0
        return {"made": made, "answered": answered, "parameters": parameters, **_tokens(said)}


class AnswerWithModel(JobHandler):
    """Payload: `workspace`, `model` (folder of a tuned model, relative to the study), `part`
    (`fit`: the scored rows `rows`; `test`: all rows), `generation`, `answers` (the file, relative
    to the study). Answers with a tuned model."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = WritingWorkspace.of(context, WritingSpec(**payload["workspace"]))
        root = workspace.layout.root
        model, tokenizer = tuned_model(workspace, root / payload["model"])
        asker = Asker(
            model,
            tokenizer,
            workspace.renderer,
            GenerationConfig(**payload["generation"]),
            workspace.dataset.fit.contents,
        )
        part = workspace.dataset.fit if payload["part"] == FIT else workspace.dataset.test
        rows = payload.get("rows")
        contents = part.contents if rows is None else [part.contents[row] for row in rows]
        meter = Meter()
        said = asker.ask(_unanswered(contents), _progress(context, "answering", len(contents)))
        usage = meter.usage()
        _write(root / payload["answers"], said)
        return {"answers": payload["answers"], "answered": usage, **_tokens(said)}


def tuned_model(workspace: WritingWorkspace, folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a released folder, computed as the base model is."""
    _ = workspace.numerics
    found = load_release(
        folder,
        Path(workspace.spec.folder),
        allow_network=workspace.spec.allow_network,
        device=workspace.device.type,
    )
    return found.model, found.tokenizer


def _unanswered(contents: Sequence[Content]) -> list[Content]:
    from tunewright.data.contents import without_answer

    return [without_answer(content) for content in contents]


def _build(payload: dict[str, Any]) -> TextCandidate:
    kind = TEXT_CANDIDATES.get(payload["candidate"])
    return kind(kind.Settings(**payload["settings"]))


def _setting(
    workspace: WritingWorkspace, payload: dict[str, Any], share: tuple[int, int, int]
) -> TextSetting:
    """What the candidate is told; `share` is (holdout, holdouts, rows) for the progress."""
    if not TEXT_CANDIDATES.get(payload["candidate"]).prompts:
        return TextSetting(seed=int(payload["seed"]))
    generation = GenerationConfig(**payload["generation"])
    closed = workspace.dataset.fit.contents
    asker = Asker(workspace.model, workspace.tokenizer, workspace.renderer, generation, closed)
    number, count, rows = share
    on_done = _progress(workspace.context, "answering", rows, number, count)
    return TextSetting(
        seed=int(payload["seed"]),
        prompted=lambda asked: asker.ask(asked, on_done),
        prompt_tokens=asker.prompt_tokens,
        most_tokens=asker.most_tokens,
    )


def _progress(context: Context, activity: str, rows: int, number: int = 0, count: int = 1) -> Any:
    def on_done(done: int) -> None:
        context.emit(Progress(activity=activity, done=number * rows + done, total=count * rows))

    return on_done


def _tell(context: Context, payload: dict[str, Any], candidate: TextCandidate) -> None:
    for note in candidate.notes():
        context.emit(Notice(text=f"{payload['id']}: {note}"))


def _write(path: Path, said: Sequence[Said]) -> None:
    write_json(path, [asdict(one) for one in said])


def _tokens(said: Sequence[Said]) -> dict[str, int]:
    return {
        "read_tokens": int(np.sum([one.read_tokens for one in said], dtype=np.int64)),
        "written_tokens": int(np.sum([one.written_tokens for one in said], dtype=np.int64)),
        "cut_off": sum(one.cut_off for one in said),
    }
