"""A model folder that writes text: causal, with its chat template if it has one, or with an
encoder and a decoder. Loaded in the worker process alone.

Shapes: b prompts of a batch, t tokens, v words of the vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tunewright.core.errors import ModelError
from tunewright.curate.generators.base import Generated, Settings
from tunewright.models.safety import check_model_folder
from tunewright.models.writing import load_writing_model

_BATCH_ROWS = {"cpu": 8, "cuda": 64}
_UNLIMITED = 1_000_000
_TAIL_TOKENS = 32
"""The last tokens of a text in which a stop text is looked for at each step."""

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
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._model, self._tokenizer = load_writing_model(
            folder, two_sequences=True, device=self._device
        )
        self._encodes = bool(self._model.config.is_encoder_decoder)
        self._ends = _end_tokens(self._model, self._tokenizer)
        pad = self._tokenizer.pad_token_id
        self._pad = int(pad if pad is not None else min(self._ends, default=0))
        self._most = _most_tokens(self._model.config, self._tokenizer)

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
        found: list[Generated | None] = [None] * len(prompts)
        for place, ids in enumerate(encoded):
            if len(ids) >= self._most:
                found[place] = _too_long(len(ids), self._most)
        # Prompts of like length share a batch, so that little is padded.
        rest = sorted((p for p in range(len(prompts)) if found[p] is None), key=_by_length(encoded))
        step = _BATCH_ROWS.get(self._device, 8)
        for start in range(0, len(rest), step):
            places = rest[start : start + step]
            answers = self._batch(
                [encoded[p] for p in places], [seeds[p] for p in places], settings
            )
            for place, answer in zip(places, answers, strict=True):
                found[place] = answer
            on_done(min(start + step, len(rest)))
        return [answer for answer in found if answer is not None]

    def _encode(self, prompt: PlainPrompt) -> list[int]:
        """Token ids of a prompt; of a continued text without the end mark some tokenizers add."""
        chats = bool(getattr(self._tokenizer, "chat_template", None)) and not self._encodes
        if chats:
            turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            return list(self._tokenizer(self._rendered(turns), add_special_tokens=False).input_ids)
        text = prompt if isinstance(prompt, str) else _joined(prompt)
        ids = list(self._tokenizer(text).input_ids)
        while not self._encodes and len(ids) > 1 and ids[-1] in self._ends:
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

    @torch.inference_mode()
    def _batch(
        self, encoded: list[list[int]], seeds: Sequence[int], settings: Settings
    ) -> list[Generated]:
        started = time.monotonic()
        longest = max(map(len, encoded))
        pads = [longest - len(ids) for ids in encoded]
        ids_bt = torch.tensor([[self._pad] * n + ids for n, ids in zip(pads, encoded, strict=True)])
        mask_bt = torch.tensor(
            [[0] * n + [1] * len(ids) for n, ids in zip(pads, encoded, strict=True)]
        )
        room = settings.max_new_tokens
        if not self._encodes:
            room = min(room, self._most - longest)
        written_bt = self._model.generate(
            input_ids=ids_bt.to(self._device),
            attention_mask=mask_bt.to(self._device),
            generation_config=self._generation_config(room),
            logits_processor=_drawing(seeds, settings.temperature),
            stopping_criteria=self._stopping(settings.stop, 0 if self._encodes else longest),
        )
        new_bt = written_bt[:, 1 if self._encodes else longest :].tolist()
        seconds = (time.monotonic() - started) / len(encoded)
        return [
            self._answer(new, len(ids), seconds, settings)
            for new, ids in zip(new_bt, encoded, strict=True)
        ]

    def _generation_config(self, room: int) -> Any:
        """Ours alone: what a folder says of drawing, penalties or lengths is not asked for."""
        from transformers import GenerationConfig

        config, own = self._model.config, self._model.generation_config
        start = getattr(own, "decoder_start_token_id", None)
        if start is None and self._encodes:
            start = getattr(config, "decoder_start_token_id", None)
        return GenerationConfig(
            max_new_tokens=room,
            do_sample=False,
            num_beams=1,
            pad_token_id=self._pad,
            eos_token_id=sorted(self._ends) or None,
            bos_token_id=getattr(config, "bos_token_id", None),
            decoder_start_token_id=start,
        )

    def _stopping(self, stop: Sequence[str], skipped: int) -> Any:
        from transformers import StoppingCriteriaList

        return StoppingCriteriaList([_Stops(self._tokenizer, stop, skipped)] if stop else [])

    def _answer(
        self, new: list[int], prompt_tokens: int, seconds: float, settings: Settings
    ) -> Generated:
        end = next((place for place, token in enumerate(new) if token in self._ends), None)
        written = new if end is None else new[:end]
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        cuts = [text.index(stop) for stop in settings.stop if stop in text]
        while end is None and cuts and written and written[-1] == self._pad:
            written.pop()  # of a row that stopped before the others of its batch
        return Generated(
            text=(text[: min(cuts)] if cuts else text).strip(),
            tokens=len(written),
            prompt_tokens=prompt_tokens,
            seconds=seconds,
            finished=end is not None or bool(cuts),
        )


class _Stops:
    """Ends a row as soon as a stop text stands in what it has written."""

    def __init__(self, tokenizer: Any, stop: Sequence[str], skipped: int) -> None:
        self._tokenizer, self._stop, self._skipped = tokenizer, tuple(stop), skipped

    def __call__(self, ids_bt: Tensor, scores_bv: Tensor, **_: Any) -> Tensor:
        tails = ids_bt[:, self._skipped :][:, -_TAIL_TOKENS:].tolist()
        texts = self._tokenizer.batch_decode(tails, skip_special_tokens=True)
        found = [any(stop in text for stop in self._stop) for text in texts]
        return torch.tensor(found, device=ids_bt.device)


class _Drawing:
    """Draws tokens from softmax(logits / T) with a stream of its own for each row.

    The largest of logits / T plus Gumbel noise is a draw from that softmax (Gumbel-max; Maddison,
    Tarlow and Minka 2014, "A* Sampling"), so the likeliest token of the noisy row is taken as it
    is without drawing. What a row draws then does not depend on the rows beside it.
    """

    def __init__(self, seeds: Sequence[int], temperature: float) -> None:
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._temperature = temperature

    def __call__(self, ids_bt: Tensor, scores_bv: Tensor) -> Tensor:
        size = scores_bv.shape[-1]
        uniform_bv = torch.stack([torch.rand(size, generator=s) for s in self._streams])
        gumbel_bv = -torch.log(-torch.log(uniform_bv.clamp(1e-20, 1 - 1e-7)))
        return scores_bv.float() / self._temperature + gumbel_bv.to(scores_bv.device)


def _drawing(seeds: Sequence[int], temperature: float) -> Any:
    from transformers import LogitsProcessorList

    return LogitsProcessorList([_Drawing(seeds, temperature)] if temperature > 0 else [])


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Every token that ends a text, as model, generation settings and tokenizer say."""
    ends: set[int] = set()
    told = (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id)
    for value in told:
        ends |= set(value) if isinstance(value, list) else {value} if value is not None else set()
    return {int(end) for end in ends}


def _most_tokens(config: Any, tokenizer: Any) -> int:
    told = (getattr(config, "max_position_embeddings", None), tokenizer.model_max_length)
    return min((int(min(value, _UNLIMITED)) for value in told if value), default=_UNLIMITED)


def _joined(turns: list[dict[str, str]]) -> str:
    """Turns for a model without a chat template: what is said, with blank lines between."""
    return "\n\n".join(turn["content"] for turn in turns)


def _without_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(turns) < 2 or turns[0]["role"] != "system":
        return turns
    first = {**turns[1], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
    return [first, *turns[2:]]


def _by_length(encoded: list[list[int]]) -> Callable[[int], tuple[int, int]]:
    return lambda place: (len(encoded[place]), place)


def _too_long(tokens: int, most: int) -> Generated:
    return Generated(
        text="",
        tokens=0,
        seconds=0.0,
        prompt_tokens=tokens,
        finished=False,
        problem=f"the prompt has {tokens:,} tokens, and the model takes {most:,} with its answer",
    )
