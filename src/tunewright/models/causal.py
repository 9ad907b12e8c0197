"""A model that writes text, asked how likely answers are.

What prompts share is computed once and kept (keys and values of every layer), and so is each prompt
for all of its answers.

Shapes: b prompts of a batch, a answers of a prompt, t tokens, v words of the vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tunewright.models.safety import check_model_folder
from tunewright.models.writing import load_writing_model

_ROWS = 64
"""Prompts times answers that are computed at once."""
_LIMITS = ("max_position_embeddings", "n_positions", "max_seq_len")
_NO_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely the answers to one prompt are."""

    log_likelihoods: np.ndarray
    """Natural logarithm of the probability of each answer, float64 [a]."""
    tokens: np.ndarray
    """Tokens of each answer, int64 [a]."""


class CausalModel:
    """A loaded causal language model.

    Args:
        folder: in safetensors form; no code in it is ever run.

    Raises:
        ModelError: when it cannot be loaded, or is none.
    """

    def __init__(self, folder: Path) -> None:
        check_model_folder(folder)
        self._model, self.tokenizer = load_writing_model(folder)
        config = self._model.config
        limits = [getattr(config, name, None) for name in _LIMITS]
        limits.append(int(min(getattr(self.tokenizer, "model_max_length", _NO_LIMIT), _NO_LIMIT)))
        self.most_tokens = min([int(limit) for limit in limits if limit] or [_NO_LIMIT])
        """Tokens of prompt and answer together."""

    @property
    def chats(self) -> bool:
        """Whether it has a chat template."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    def encode(self, prompt: str | list[dict[str, str]]) -> list[int]:
        """Token ids of a prompt: a text with the start that the tokenizer puts before it, or turns
        by the chat template; without the end that some tokenizers put behind."""
        if not isinstance(prompt, str):
            text = self.tokenizer.apply_chat_template(
                prompt, tokenize=False, add_generation_prompt=True
            )
            return list(self.tokenizer(text, add_special_tokens=False).input_ids)
        ids = list(self.tokenizer(prompt).input_ids)
        bare = list(self.tokenizer(prompt, add_special_tokens=False).input_ids)
        if bare and ids != bare:  # what stands behind the text goes, what stands before it stays
            start = next((s for s in range(3) if ids[s : s + len(bare)] == bare), None)
            ids = ids if start is None else ids[: start + len(bare)]
        return ids or self._start()

    def encode_answer(self, answer: str) -> list[int]:
        """Token ids of what follows a prompt."""
        return list(self.tokenizer(answer, add_special_tokens=False).input_ids)

    def likelihoods(
        self,
        prompts: Sequence[Sequence[int]],
        answers: Sequence[Sequence[Sequence[int]]],
        on_done: Callable[[int], None] = lambda done: None,
    ) -> list[Likelihood]:
        """How likely each prompt's answers are.

        Args:
            prompts: token ids; none is empty.
            answers: for each prompt the token ids of its answers; none is empty.
            on_done: told how many prompts are done.
        """
        shared = shared_prefix(prompts)
        found: list[Likelihood | None] = [None] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda p: (len(prompts[p]), p))
        most = max(len(several) for several in answers)
        step = max(1, _ROWS // most)
        with torch.inference_mode():
            cache = self._prefix(prompts[0][:shared]) if shared else None
            for start in range(0, len(order), step):
                places = order[start : start + step]
                rests = [list(prompts[p][shared:]) for p in places]
                batch = self._batch(cache, shared, rests, [answers[p] for p in places])
                for place, likelihood in zip(places, batch, strict=True):
                    found[place] = likelihood
                on_done(start + len(places))
        return [likelihood for likelihood in found if likelihood is not None]

    def greedy(self, prompt: Sequence[int], most_tokens: int) -> str:
        """What the model writes behind a prompt, always the likeliest token, up to its end."""
        ids = torch.tensor([list(prompt)])
        with torch.inference_mode():
            written = self._model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=most_tokens,
                pad_token_id=self._pad,
            )
        text = self.tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
        return str(text)

    # -- inside ---------------------------------------------------------------------------------

    @property
    def _pad(self) -> int:
        return int(self.tokenizer.pad_token_id or 0)

    def _start(self) -> list[int]:
        """Something to begin with where there is no prompt."""
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return [int(token)]
        return [0]

    def _prefix(self, ids: Sequence[int]) -> Any:
        """Keys and values of what all prompts begin with."""
        return self._model(input_ids=torch.tensor([list(ids)]), use_cache=True).past_key_values

    def _batch(
        self,
        prefix: Any,
        shared: int,
        rests_bt: list[list[int]],
        answers_ba: list[Sequence[Sequence[int]]],
    ) -> list[Likelihood]:
        """Likelihoods of the answers to prompts that begin alike."""
        count = len(rests_bt)
        cache = copy.deepcopy(prefix)
        if cache is not None and count > 1:
            cache.batch_repeat_interleave(count)
        ids_bt, own_bt = _padded(rests_bt, self._pad)
        mask_bt = torch.cat([torch.ones(count, shared, dtype=torch.long), own_bt], 1)
        places_bt = shared + torch.arange(ids_bt.shape[1]).expand(count, -1)
        out = self._model(
            input_ids=ids_bt,
            attention_mask=mask_bt,
            position_ids=places_bt,
            past_key_values=cache,
            use_cache=True,
        )
        lengths_b = own_bt.sum(1)
        first_bv = out.logits[torch.arange(count), lengths_b - 1].float().log_softmax(-1)
        most = max(len(several) for several in answers_ba)
        flat = [
            list(several[a]) if a < len(several) else list(several[0])
            for several in answers_ba
            for a in range(most)
        ]
        sums = self._continued(out.past_key_values, mask_bt, shared + lengths_b, first_bv, flat)
        table_ba = sums.reshape(count, most)
        return [
            Likelihood(
                table_ba[place, : len(several)],
                np.array([len(answer) for answer in several], dtype=np.int64),
            )
            for place, several in enumerate(answers_ba)
        ]

    def _continued(
        self,
        cache: Any,
        mask_bt: Tensor,
        lengths_b: Tensor,
        first_bv: Tensor,
        answers: list[list[int]],
    ) -> np.ndarray:
        """Log-likelihood of each answer, [b * a], behind prompts that have been read."""
        repeat = len(answers) // len(mask_bt)
        targets, real = _padded(answers, self._pad)
        rows = torch.arange(len(answers))
        total = first_bv.repeat_interleave(repeat, 0)[rows, targets[:, 0]].double()
        if targets.shape[1] > 1:
            if repeat > 1:
                cache.batch_repeat_interleave(repeat)
            read, follow = targets[:, :-1], targets[:, 1:]
            mask = torch.cat([mask_bt.repeat_interleave(repeat, 0), real[:, :-1]], 1)
            starts = lengths_b.repeat_interleave(repeat)[:, None]
            logits = self._model(
                input_ids=read,
                attention_mask=mask,
                position_ids=starts + torch.arange(read.shape[1]),
                past_key_values=cache,
                use_cache=True,
            ).logits
            found = logits.float().log_softmax(-1).gather(-1, follow[..., None])[..., 0]
            total = total + (found.double() * real[:, 1:]).sum(1)
        result: np.ndarray = total.numpy()
        return result


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Tokens with which all prompts begin; each keeps at least one of its own."""
    least = min(len(prompt) for prompt in prompts) - 1
    first = prompts[0]
    for place in range(least):
        if any(prompt[place] != first[place] for prompt in prompts):
            return place
    return max(0, least)


def _padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Ids filled up behind to the longest row, and 1 where a token is real."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    real = torch.zeros((len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(list(row))
        real[place, : len(row)] = 1
    return ids, real
