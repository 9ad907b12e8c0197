"""Answers rows with a finalist that was not trained: what it remembers, or the base model asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tunewright.candidates.generate.asking import Asker
from tunewright.candidates.generate.base import Said, TextSetting, load_text_candidate
from tunewright.core.errors import ModelError
from tunewright.data.content import ASSISTANT, USER, Completion, Content, Conversation, Message
from tunewright.models.chat import load_chat_model
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.grammar import meets
from tunewright.models.resolve import resolve_model
from tunewright.serve.texts import TextAnswer
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.renderer import Renderer

_CLOSED = (
    Conversation(messages=(Message(role=USER, content="a"), Message(role=ASSISTANT, content="a"))),
    Completion(prompt="a", completion="a"),
)
"""Rows that show how the template ends an answer."""


class CandidateTexts:
    """A saved candidate that writes.

    Args:
        folder: of the candidate.
        project_folder: where a relative name of the base model starts.
        allow_network: whether the hub may be asked for it.

    Raises:
        ModelError: when it is damaged, was made with another renderer, or its base model is missing
            or another one.
    """

    def __init__(self, folder: Path, project_folder: Path, allow_network: bool = False) -> None:
        self._candidate, told = load_text_candidate(folder)
        self.generation = GenerationConfig(**(told["generation"] or {}))
        self._seed = int(told["seed"])
        self._asked_with: tuple[Any, Any, Renderer] | None = None
        if told["model"] is not None:
            self._asked_with = _base(folder, told, project_folder, allow_network)

    def answer(
        self,
        contents: Sequence[Content],
        generation: GenerationConfig | None = None,
        on_done: Callable[[int], None] = lambda done: None,
    ) -> list[TextAnswer]:
        """One answer for each row, in their order."""
        config = generation or self.generation
        setting = TextSetting(seed=self._seed)
        if self._asked_with is not None:
            asker = Asker(*self._asked_with, config, _CLOSED)
            setting = TextSetting(
                seed=self._seed,
                prompted=lambda rows: asker.ask(rows, on_done),
                prompt_tokens=asker.prompt_tokens,
                most_tokens=asker.most_tokens,
            )
        return [_answer(said, config) for said in self._candidate.answer(contents, setting)]


def _base(
    folder: Path, told: dict[str, Any], project_folder: Path, allow_network: bool
) -> tuple[Any, Any, Renderer]:
    """The base model, its tokenizer, and the renderer."""
    from tunewright.models.released import default_device
    from tunewright.models.writing import load_writing_model

    resolved = resolve_model(str(told["model"]), project_folder, allow_network)
    if resolved.content_hash != told["model_hash"]:
        raise ModelError(
            f"the base model '{told['model']}' is not the one this candidate was made with",
            file=resolved.path,
            found=resolved.content_hash,
            expected=str(told["model_hash"]),
            fix="put the former model back, or run `tunewright run` again",
        )
    chat = load_chat_model(resolved.path)
    renderer = Renderer(
        chat.tokenizer,
        chat.templates,
        RenderingConfig(**told["rendering"]),
        told["template_source"],
        two_sequences=chat.two_sequences,
    )
    if renderer.renderer != told["renderer"]:
        raise ModelError(
            "the candidate was made with another renderer of its inputs",
            file=folder,
            found=str(told["renderer"]),
            expected=renderer.renderer,
            fix="use the version of Tunewright that made it, or run `tunewright run` again",
        )
    model, tokenizer = load_writing_model(
        resolved.path, two_sequences=True, device=default_device()
    )
    return model, tokenizer, renderer


def _answer(said: Said, config: GenerationConfig) -> TextAnswer:
    if said.text is None:
        problem = "there is no answer: the prompt does not fit the model"
        return TextAnswer(text=None, problem=problem, prompt_tokens=said.read_tokens)
    fails = config.constraint is not None and not meets(config.constraint, said.text)
    return TextAnswer(
        text=said.text,
        ended=not said.cut_off,
        cut_off=said.cut_off,
        tokens=said.written_tokens,
        prompt_tokens=said.read_tokens,
        probability=None if said.confidence is None else round(said.confidence, 6),
        parse_failure="it does not meet the constraint" if fails else None,
    )
