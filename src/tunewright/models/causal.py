"""A model that writes text, asked how likely answers are.

What prompts share is computed once and kept (keys and values of every layer), and so is each prompt
for all of its answers.

Shapes: b prompts of a batch, a answers of a prompt, t tokens, v words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.decoder import Decoder
from tunewright.models.generation.prefixes import shared_prefix
from tunewright.models.generation.reader import Prefix
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
        self._decoder = Decoder(self._model, self.tokenizer)
        self._reader = self._decoder.reader
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
        reader = self._reader
        shared = shared_prefix(prompts) if reader.alone is None else 0
        found: dict[int, Likelihood] = {}
        order = sorted(range(len(prompts)), key=lambda p: (len(prompts[p]), p))
        most = max(len(several) for several in answers)
        step = max(1, _ROWS // most) if reader.pads else 1
        with torch.inference_mode():
            prefix = reader.prefix(prompts[0][:shared]) if shared else None
            for start in range(0, len(order), step):
                places = order[start : start + step]
                rests = [prompts[p][shared:] for p in places]
                batch = self._batch(prefix, rests, [answers[p] for p in places])
                found.update(zip(places, batch, strict=True))
                on_done(len(found))
        return [found[place] for place in range(len(prompts))]

    def greedy(self, prompt: Sequence[int], most_tokens: int) -> str:
        """What the model writes behind a prompt, always the likeliest token, up to its end."""
        config = GenerationConfig(max_new_tokens=most_tokens)
        return self._decoder.write([prompt], config)[0].text

    # -- inside ---------------------------------------------------------------------------------

    def _start(self) -> list[int]:
        """Something to begin with where there is no prompt."""
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return [int(token)]
        return [0]

    def _batch(
        self,
        prefix: Prefix | None,
        rests: Sequence[Sequence[int]],
        answers_ba: Sequence[Sequence[Sequence[int]]],
    ) -> list[Likelihood]:
        """Likelihoods of the answers to prompts that begin alike."""
        most = max(len(several) for several in answers_ba)
        flat = [
            several[a] if a < len(several) else several[0]
            for several in answers_ba
            for a in range(most)
        ]
        longest = max(map(len, flat))
        kept = self._reader.open(rests, longest, prefix)
        first_bv = kept.logits_bv.log_softmax(-1).repeat_interleave(most, 0)
        targets_bt, real_bt = _padded(flat)
        total_b = first_bv.gather(1, targets_bt[:, :1])[:, 0].double()
        if longest > 1:
            kept.keep([place for place in range(len(rests)) for _ in range(most)])
            logits_btv = kept.read_on([answer[:-1] or answer for answer in flat])
            follow_bt = targets_bt[:, 1:]
            found_bt = logits_btv[:, : longest - 1].log_softmax(-1).gather(-1, follow_bt[..., None])
            total_b = total_b + (found_bt[..., 0].double() * real_bt[:, 1:]).sum(1)
        table_ba = total_b.reshape(len(rests), most).numpy()
        return [
            Likelihood(
                table_ba[place, : len(several)],
                np.array([len(answer) for answer in several], dtype=np.int64),
            )
            for place, several in enumerate(answers_ba)
        ]


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids filled up behind to the longest row, and 1 where a token is real."""
    longest = max(len(row) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    real = torch.zeros((len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(list(row))
        real[place, : len(row)] = 1
    return ids, real
