"""Writing answers with a loaded model."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tunewright.core.errors import ModelError
from tunewright.core.hashing import hash_value
from tunewright.core.seeds import derive_seed
from tunewright.models.generation.beams import write_beams
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.ends import Stops, end_tokens
from tunewright.models.generation.guide import Guides
from tunewright.models.generation.prefixes import Group, groups_of
from tunewright.models.generation.reader import Prefix, Reader, start_token
from tunewright.models.generation.rows import Row, Rules, write_rows
from tunewright.models.generation.streaming import TextStream
from tunewright.models.generation.written import Written

_BATCH_TOKENS = {"cpu": 16_384, "cuda": 262_144}
"""Tokens of a batch, those included that may be written."""
_BATCH_ROWS = {"cpu": 64, "cuda": 512}
_NO_LIMIT = 1_000_000


class Decoder:
    """Writes answers with a causal model, or one with encoder and decoder.

    What is written for a prompt depends on the prompt, its seed and the settings; never on the
    prompts beside it, up to the last bits of sums.

    Args:
        model: as `models/writing.py` loads it, in evaluation mode.
        tokenizer: of the model.
        ends: tokens that end an answer; by default those that model and tokenizer name. Tokens that
            end a turn of a chat template are found by `ends.end_tokens`.
        batch_tokens: tokens of a batch; by default what suits the machine.

    Raises:
        ModelError: when models of this family cannot be written with.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        ends: Collection[int] | None = None,
        batch_tokens: int | None = None,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.ends = end_tokens(model, tokenizer) if ends is None else frozenset(ends)
        pad = tokenizer.pad_token_id
        self._pad = int(pad if pad is not None else min(self.ends, default=0))
        self.reader = Reader(model, self._pad)
        kind = model.device.type
        self._batch_tokens = batch_tokens or _BATCH_TOKENS.get(kind, _BATCH_TOKENS["cpu"])
        self._batch_rows = _BATCH_ROWS.get(kind, _BATCH_ROWS["cpu"])
        self._guides: Guides | None = None

    @property
    def most_tokens(self) -> int:
        """Tokens of prompt and answer together; of a model with an encoder those of the prompt."""
        told = int(min(getattr(self.tokenizer, "model_max_length", _NO_LIMIT), _NO_LIMIT))
        return min(self.reader.most_tokens, told)

    @property
    def shares_nothing_because(self) -> str | None:
        """Why what prompts begin with is computed for each of them; None where it is shared."""
        return self.reader.alone

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        config: GenerationConfig,
        *,
        seeds: Sequence[int] | None = None,
        share: bool = True,
        on_done: Callable[[int], None] = lambda done: None,
    ) -> list[Written]:
        """One answer for each prompt, in their order.

        Args:
            prompts: token ids, as the renderer makes them; for a model with an encoder what that
                reads.
            config: how to write.
            seeds: of each prompt, where tokens are drawn; by default of the prompt, `config.seed`,
                and its number among equal prompts.
            share: whether what prompts begin with is computed once, where the model allows it.
            on_done: told how many are done.

        Raises:
            ConfigError: when `max_new_tokens` is too few for any answer under the constraint.
            ModelError: when the constraint asks for what the vocabulary lacks.
        """
        own = _seeds_of(prompts, config.seed) if seeds is None else list(seeds)
        found: dict[int, Written] = {}
        for place, prompt in enumerate(prompts):
            unfit = self._unfit(prompt)
            if unfit is not None:
                found[place] = unfit
        fit = [place for place in range(len(prompts)) if place not in found]
        work = _Work(prompts, own, config, self._rules(config))
        with torch.inference_mode():
            for group in self._groups(prompts, fit, share):
                prefix = (
                    self.reader.prefix(prompts[group.places[0]][: group.shared])
                    if group.shared
                    else None
                )
                for places in self._batches(work, group):
                    started = time.monotonic()
                    rows = self._written(work, places, prefix)
                    each = (time.monotonic() - started) / len(places)
                    for row in rows:
                        found[row.place] = self._answer(row, work.rules, each)
                    on_done(len(found))
        return [found[place] for place in range(len(prompts))]

    def stream(
        self, prompt: Sequence[int], config: GenerationConfig, *, seed: int | None = None
    ) -> Stream:
        """One answer, piece by piece.

        Args:
            prompt: token ids.
            config: how to write; without beams.
            seed: as for `write`.

        Raises:
            ModelError: when the prompt is too long for the model.
        """
        seed = _seeds_of([prompt], config.seed)[0] if seed is None else seed
        unfit = self._unfit(prompt)
        if unfit is not None:
            raise ModelError(
                "the prompt does not fit the model", found=unfit.problem, fix="shorten it"
            )
        return Stream(self, _Work([prompt], [seed], config, self._rules(config)))

    # -- inside ---------------------------------------------------------------------------------

    def _rules(self, config: GenerationConfig) -> Rules:
        start = (start_token(self.model),) if self.reader.encodes else None
        return Rules(config, self.ends, Stops(self.tokenizer, config.stop), self._pad, start)

    def _unfit(self, prompt: Sequence[int]) -> Written | None:
        """An answer that says why there is none; None for a prompt that can be answered."""
        if not prompt:
            problem = "the prompt has no tokens"
        elif len(prompt) >= self.most_tokens:
            problem = (
                f"the prompt has {len(prompt):,} tokens, and the model takes {self.most_tokens:,} "
                "with its answer"
            )
        else:
            return None
        return Written(
            token_ids=(), text="", ended=False, prompt_tokens=len(prompt), problem=problem
        )

    def _room(self, prompt: Sequence[int], config: GenerationConfig) -> int:
        """Tokens that may be written behind a prompt."""
        if self.reader.encodes:
            return min(config.max_new_tokens, self.reader.most_tokens - 1)
        return min(config.max_new_tokens, self.most_tokens - len(prompt))

    def _groups(
        self, prompts: Sequence[Sequence[int]], fit: Sequence[int], share: bool
    ) -> list[Group]:
        if not fit:
            return []
        if not share or self.shares_nothing_because is not None:
            return [Group(tuple(fit), 0)]
        groups = groups_of([prompts[place] for place in fit])
        return [Group(tuple(fit[p] for p in group.places), group.shared) for group in groups]

    def _batches(self, work: _Work, group: Group) -> Iterator[list[int]]:
        """Places of a group, those of like length together, as many as a batch may have."""
        lengths = {place: len(work.prompts[place]) for place in group.places}
        beams = work.config.num_beams
        batch: list[int] = []
        for place in sorted(group.places, key=lambda place: (lengths[place], place)):
            tokens = lengths[place] + min(work.config.max_new_tokens, self.most_tokens)
            rows = (len(batch) + 1) * beams
            uneven = bool(batch) and lengths[batch[0]] != lengths[place]
            if batch and (
                rows * tokens > self._batch_tokens
                or rows > self._batch_rows
                or (uneven and not self.reader.pads)
            ):
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _written(self, work: _Work, places: Sequence[int], prefix: Prefix | None) -> list[Row]:
        """Rows written to their end; in halves where the memory does not do."""
        rows = [self._row(work, place) for place in places]
        try:
            for _ in self._steps(rows, work, prefix):
                pass
            return rows
        except torch.OutOfMemoryError as problem:
            if len(places) == 1:
                raise ModelError(
                    "one prompt alone takes more memory than there is",
                    found=f"{len(rows[0].prompt):,} tokens, and room for {rows[0].room:,} more",
                    fix="lower `generation.max_new_tokens`, or shorten the prompt",
                ) from problem
        del rows
        torch.cuda.empty_cache()
        self._batch_rows = max(1, len(places) * work.config.num_beams // 2)
        half = len(places) // 2
        return [
            *self._written(work, places[:half], prefix),
            *self._written(work, places[half:], prefix),
        ]

    def _steps(self, rows: list[Row], work: _Work, prefix: Prefix | None) -> Iterator[list[Row]]:
        shared = prefix.tokens if prefix is not None else 0
        room = max(row.room for row in rows)
        kept = self.reader.open([row.prompt[shared:] for row in rows], room, prefix)
        if work.config.num_beams > 1:
            write_beams(kept, rows, work.rules)
            yield rows
        else:
            yield from write_rows(kept, rows, work.rules)

    def _row(self, work: _Work, place: int) -> Row:
        prompt = work.prompts[place]
        room = self._room(prompt, work.config)
        guide = None
        if work.config.constraint is not None:
            if self._guides is None:
                words = int(self.model.get_output_embeddings().weight.shape[0])
                self._guides = Guides(self.tokenizer, words, self.ends)
            guide = self._guides.open(work.config.constraint, room)
        return Row(place=place, prompt=prompt, room=room, seed=work.seeds[place], guide=guide)

    def _answer(self, row: Row, rules: Rules, seconds: float = 0.0) -> Written:
        if row.guide is not None:
            text = row.guide.text(row.ids)
        else:
            text = str(self.tokenizer.decode(row.ids, skip_special_tokens=True))
        text, stopped = rules.stops.cut(text)
        return Written(
            token_ids=tuple(row.ids),
            text=text,
            ended=row.ended or stopped,
            end_id=row.end_id,
            log_probabilities=tuple(row.log_probabilities),
            prompt_tokens=len(row.prompt),
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """All that is asked for at once."""

    prompts: Sequence[Sequence[int]]
    seeds: Sequence[int]
    config: GenerationConfig
    rules: Rules


class Stream:
    """An answer that is being written: iterate over it for its pieces of text."""

    def __init__(self, decoder: Decoder, work: _Work) -> None:
        self._decoder, self._work = decoder, work
        self.written: Written | None = None
        """The whole answer, once it is there."""

    def __iter__(self) -> Iterator[str]:
        """Pieces of text, none empty; together the text of the answer."""
        decoder, work = self._decoder, self._work
        row = decoder._row(work, 0)
        pieces = TextStream(decoder.tokenizer, work.config.stop)
        steps = decoder._steps([row], work, None)
        told = 0
        while True:
            with torch.inference_mode():  # not while the caller has the turn
                if next(steps, None) is None:
                    break
            new, told = row.ids[told:], len(row.ids)
            piece = "".join(map(pieces.push, new))
            if piece:
                yield piece
        rest = pieces.finish()
        if rest:
            yield rest
        self.written = decoder._answer(row, work.rules)


def _seeds_of(prompts: Sequence[Sequence[int]], seed: int) -> list[int]:
    """A seed for each prompt: of its tokens, and its number among equal ones."""
    seen: Counter[str] = Counter()
    seeds = []
    for prompt in prompts:
        name = hash_value(list(prompt))
        seeds.append(derive_seed(seed, name, seen[name]))
        seen[name] += 1
    return seeds
