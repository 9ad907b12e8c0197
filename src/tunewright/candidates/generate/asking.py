"""From rows to what a model writes to them: the one renderer, then the one decoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tunewright.candidates.generate.base import Said
from tunewright.data.content import Content
from tunewright.models.generation.config import GenerationConfig
from tunewright.tasks.generate.renderer import Renderer
from tunewright.tasks.generate.template import UnrenderableError

if TYPE_CHECKING:
    from tunewright.models.generation.decoder import Decoder
    from tunewright.models.generation.written import Written
    from tunewright.tasks.generate.rendered import Rendered

_LEAST_ROOM = 8
"""Tokens that are kept for an answer where the model's limit leaves less than it may have."""
_EXAMPLES = 8
"""Rows that are rendered to see which tokens end a turn."""


class Asker:
    """Puts rows to one model.

    Args:
        model: as transformers loads it, in evaluation mode.
        tokenizer: of the model.
        renderer: of the model.
        generation: how answers are written.
        closed: rows with answers, which show how the template ends one.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        renderer: Renderer,
        generation: GenerationConfig,
        closed: Sequence[Content] = (),
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._renderer = renderer
        self._generation = generation
        self._closed = closed

    @cached_property
    def _decoder(self) -> Decoder:
        from tunewright.models.generation.decoder import Decoder
        from tunewright.models.generation.ends import end_tokens

        rendered: list[Rendered] = []
        for content in self._closed[:_EXAMPLES]:
            try:
                rendered += self._renderer.render(content)
            except UnrenderableError:
                continue
        ends = end_tokens(self._model, self._tokenizer, rendered)
        return Decoder(self._model, self._tokenizer, ends=ends)

    @property
    def most_tokens(self) -> int:
        """Tokens that a prompt may have, so that its answer still fits."""
        most = self._decoder.most_tokens
        return max(most - self._generation.max_new_tokens, min(most // 2, most - _LEAST_ROOM))

    def prompt_tokens(self, row: Content) -> int:
        """Tokens of what the model is given for a row; more than it takes where it takes none."""
        try:
            return len(self._renderer.prompt(row).token_ids)
        except UnrenderableError:
            return self._decoder.most_tokens + 1

    def ask(
        self, rows: Sequence[Content], on_done: Callable[[int], None] = lambda done: None
    ) -> list[Said]:
        """What the model writes to each row; nothing where the template does not take the row."""
        prompts: dict[int, Sequence[int]] = {}
        for place, row in enumerate(rows):
            try:
                prompts[place] = self._renderer.prompt(row).token_ids
            except UnrenderableError:
                continue
        found = self._decoder.write(list(prompts.values()), self._generation, on_done=on_done)
        written = dict(zip(prompts, found, strict=True))
        return [_said(written.get(place)) for place in range(len(rows))]


def _said(written: Written | None) -> Said:
    if written is None or written.problem is not None:
        return Said(text=None, read_tokens=written.prompt_tokens if written else 0)
    tokens = len(written.log_probabilities)
    mean = written.log_probability / tokens if tokens else None
    return Said(
        text=written.text,
        confidence=None if mean is None else min(1.0, math.exp(mean)),
        cut_off=not written.ended,
        read_tokens=written.prompt_tokens,
        written_tokens=len(written.token_ids),
    )
