"""What the worker does: write texts with a model that it keeps warm."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunewright.core.events import Progress
from tunewright.curate.generators.base import Settings
from tunewright.workers.base import Context, JobHandler


class GenerateTexts(JobHandler):
    """Payload: `model` (folder), `content_hash`, `prompts`, `seeds`, `settings`."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        from tunewright.curate.generators.local import LocalModel

        key = f"writer/{payload['content_hash']}"
        if key not in context.warm:
            context.warm[key] = LocalModel(Path(payload["model"]))
        model: LocalModel = context.warm[key]
        prompts = payload["prompts"]
        settings = dict(payload["settings"])

        def tell(done: int) -> None:
            context.emit(Progress(activity="writing", done=done, total=len(prompts)))

        found = model.generate(
            prompts,
            payload["seeds"],
            Settings(**{**settings, "stop": tuple(settings["stop"])}),
            tell,
        )
        return {"answers": [asdict(answer) for answer in found]}
