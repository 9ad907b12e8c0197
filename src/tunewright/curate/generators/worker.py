"""A model folder whose work is done in the worker process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tunewright.core.hashing import hash_file, hash_value
from tunewright.curate.generators.base import (
    OPEN_LENGTH_TOKENS,
    Generated,
    Generator,
    Prompt,
    Settings,
    plain_prompt,
    prompt_seeds,
)
from tunewright.models.resolve import ResolvedModel
from tunewright.workers.base import Job, OnEvent, Worker

_HANDLER = "tunewright.curate.generators.job:GenerateTexts"
_ALSO_HASHED = ("generation_config.json", "chat_template.jinja", "special_tokens_map.json")
_HASH_DIGITS = 12


class WorkerGenerator(Generator):
    """Asks a worker to write.

    Args:
        worker: closed with the generator.
        model: found and checked.
        on_event: told what the worker tells.
    """

    def __init__(
        self, worker: Worker, model: ResolvedModel, on_event: OnEvent = lambda event: None
    ) -> None:
        self._worker = worker
        self._model = model
        self._on_event = on_event
        files = (model.path / name for name in _ALSO_HASHED)
        others = {file.name: hash_file(file) for file in files if file.is_file()}
        self._content_hash = hash_value([model.content_hash, others])

    @property
    def identity(self) -> str:
        return f"{self._model.path.name}@{self._content_hash[:_HASH_DIGITS]}"

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int = OPEN_LENGTH_TOKENS,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
    ) -> list[Generated]:
        if not prompts:
            return []
        settings = Settings(
            max_new_tokens=max_new_tokens, temperature=temperature, stop=tuple(stop), seed=seed
        )
        payload = {
            "model": str(self._model.path),
            "content_hash": self._content_hash,
            "prompts": [plain_prompt(prompt) for prompt in prompts],
            "seeds": prompt_seeds(prompts, seed),
            "settings": asdict(settings),
        }
        job = Job(handler=_HANDLER, payload=payload, title=f"writing {len(prompts)} texts")
        found = self._worker.run(job, self._on_event)
        return [Generated(**answer) for answer in found["answers"]]

    def close(self) -> None:
        self._worker.close()
