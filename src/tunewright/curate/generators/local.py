"""A model folder that writes text: causal, with its chat template if it has one, or with an
encoder and a decoder. Loaded in the worker process alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from tunewright.core.errors import ModelError
from tunewright.curate.generators.base import Generated, Settings
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.decoder import Decoder
from tunewright.models.generation.written import Written
from tunewright.models.safety import check_model_folder
from tunewright.models.writing import load_writing_model

PlainPrompt = str | list[dict[str, str]]


class LocalModel:
    """A loaded model.

    Args:
        folder: in safetensors form; no code in it is ever run.
        device: `cpu` or `cuda`; the faster one that is there when None.

    Raises:
        ModelError: when it cannot be loaded, or writes no text.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        check_model_folder(folder)
        self._folder = folder
        where = device or ("cuda" if torch.cuda.is_available() else "cpu")
        model, self._tokenizer = load_writing_model(folder, two_sequences=True, device=where)
        self._encodes = bool(model.config.is_encoder_decoder)
        self._decoder = Decoder(model, self._tokenizer)

    def generate(
        self,
        prompts: Sequence[PlainPrompt],
        seeds: Sequence[int],
        settings: Settings,
        on_done: Callable[[int], None] = lambda done: None,
    ) -> list[Generated]:
        """One answer for each prompt, in their order.

        Args:
            prompts: texts, or turns with `role` and `content`.
            seeds: of each prompt, where texts are drawn.
            settings: lengths, temperature, stop texts.
            on_done: told how many are done.
        """
        encoded = [self._encode(prompt) for prompt in prompts]
        written = self._decoder.write(
            encoded, _config_of(settings), seeds=list(seeds), on_done=on_done
        )
        return [_answer(one) for one in written]

    def _encode(self, prompt: PlainPrompt) -> list[int]:
        """Token ids of a prompt; of a continued text without the end mark some tokenizers add."""
        chats = bool(getattr(self._tokenizer, "chat_template", None)) and not self._encodes
        if chats:
            turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            return list(self._tokenizer(self._rendered(turns), add_special_tokens=False).input_ids)
        text = prompt if isinstance(prompt, str) else _joined(prompt)
        ids = list(self._tokenizer(text).input_ids)
        while not self._encodes and len(ids) > 1 and ids[-1] in self._decoder.ends:
            ids.pop()
        return ids

    def _rendered(self, turns: list[dict[str, str]]) -> str:
        """By the chat template; where it takes no system turn, that opens the user's first."""
        try:
            return self._apply(turns)
        except Exception as problem:
            folded = _without_system(turns)
            if folded == turns:
                raise self._bad_template(problem) from problem
        try:
            return self._apply(folded)
        except Exception as problem:
            raise self._bad_template(problem) from problem

    def _apply(self, turns: list[dict[str, str]]) -> str:
        return str(
            self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        )

    def _bad_template(self, problem: Exception) -> ModelError:
        return ModelError(
            "the chat template of this model cannot render a prompt",
            file=self._folder,
            found=f"{type(problem).__name__}: {problem}",
            fix="download the model again, or take one whose chat template works",
        )


def _joined(turns: list[dict[str, str]]) -> str:
    """Turns for a model without a chat template: what is said, with blank lines between."""
    return "\n\n".join(turn["content"] for turn in turns)


def _without_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(turns) < 2 or turns[0]["role"] != "system":
        return turns
    first = {**turns[1], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
    return [first, *turns[2:]]


def _config_of(settings: Settings) -> GenerationConfig:
    """Ours alone: what a folder says of drawing, penalties or lengths is not asked for."""
    return GenerationConfig(
        max_new_tokens=settings.max_new_tokens,
        do_sample=settings.temperature > 0,
        temperature=settings.temperature,
        stop=settings.stop,
        seed=settings.seed,
    )


def _answer(written: Written) -> Generated:
    return Generated(
        text=written.text.strip(),
        tokens=len(written.token_ids),
        prompt_tokens=written.prompt_tokens,
        seconds=written.seconds,
        finished=written.ended,
        problem=written.problem,
    )
