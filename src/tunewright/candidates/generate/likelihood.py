"""How likely a model holds what should have been answered: after the test set has been opened."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunewright.candidates.generate.jobs import tuned_model
from tunewright.core.usage import Meter
from tunewright.data.contents import with_answer
from tunewright.models.writer import Writer
from tunewright.tasks.generate.renderer import Renderer
from tunewright.train.engine import MICRO_BATCH_TOKENS
from tunewright.train.writing.rows import token_rows
from tunewright.train.writing.source import PaddedSource
from tunewright.train.writing.stream import row_losses
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context, JobHandler


class ScoreReferences(JobHandler):
    """Payload: `workspace`, `model` (folder of a tuned model, relative to the study; None for the
    base model), `answers` (by id of the row), and `rows` (of the rows that are not test; all test
    rows when None).

    Returns `losses`, the negative log-likelihood of each answer summed over its tokens, and
    `tokens`, in the order of the rows, both 0 for a row that does not fit; and `usage`. Of running
    text the whole row counts.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = WritingWorkspace.of(context, WritingSpec(**payload["workspace"]))
        dataset, answers, chosen = workspace.dataset, payload["answers"], payload.get("rows")
        part = dataset.test if chosen is None else dataset.fit
        places = range(len(part)) if chosen is None else chosen
        contents = [with_answer(part.contents[at], answers[part.ids[at]]) for at in places]
        rendering = workspace.spec.rendering.model_copy(
            update={"train_on": "last_assistant", "prompt_loss_weight": 0.0, "on_too_long": "drop"}
        )
        renderer = Renderer(
            workspace.chat.tokenizer,
            workspace.chat.templates,
            rendering,
            workspace.spec.template_source,
            two_sequences=workspace.chat.two_sequences,
        )
        rows = token_rows(renderer, contents, workspace.max_length)
        losses, tokens = np.zeros(len(contents)), np.zeros(len(contents))
        model = workspace.model  # loaded once for all, so it is nobody's cost
        meter = Meter()
        if len(rows):
            folder = payload["model"]
            if folder is not None:
                model = tuned_model(workspace, workspace.layout.root / folder)[0]
            found = row_losses(
                Writer(model).eval(),
                PaddedSource(rows, rows.lengths, workspace.pad_id, workspace.start_id),
                rows,
                np.arange(len(rows)),
                micro_batch_tokens=MICRO_BATCH_TOKENS,
                device=workspace.device,
            )
            losses[found.rows], tokens[found.rows] = found.losses, found.weights
        return {"losses": losses.tolist(), "tokens": tokens.tolist(), "usage": meter.usage()}
