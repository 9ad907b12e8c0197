"""Where an answer ends: tokens that end it, and texts at which it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Closed(Protocol):
    """A rendered row that knows where its turns end (`tasks/generate`)."""

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Tokens of the row."""

    @property
    def ends(self) -> tuple[int, ...]:
        """Index of the last token of the end of each turn."""


def end_tokens(model: Any, tokenizer: Any, rendered: Iterable[Closed] = ()) -> frozenset[int]:
    """Every token that ends an answer.

    As model, generation settings and tokenizer say, and as turns end in rendered rows: a chat
    template may end them with a token of its own. What is no token of its own there (a plain word)
    ends nothing.
    """
    ends: set[int] = set()
    told = (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id)
    for value in told:
        ends |= set(value) if isinstance(value, list) else {value} if value is not None else set()
    own = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    for row in rendered:
        ends |= {row.token_ids[end] for end in row.ends} & own
    return frozenset(int(end) for end in ends)


class Stops:
    """Finds stop texts in what is written.

    Args:
        tokenizer: of the model.
        stop: the texts.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str]) -> None:
        self._tokenizer, self._stop = tokenizer, tuple(stop)
        longest = max((len(text.encode()) for text in stop), default=0)
        self._tail = longest + 8

    def in_new(self, ids: Sequence[int]) -> bool:
        """Whether a stop text stands at the end of what is written."""
        if not self._stop:
            return False
        text = self._tokenizer.decode(list(ids[-self._tail :]), skip_special_tokens=True)
        return any(stop in text for stop in self._stop)

    def cut(self, text: str) -> tuple[str, bool]:
        """A text up to the first stop text, and whether there was one."""
        found = [text.index(stop) for stop in self._stop if stop in text]
        return (text[: min(found)], True) if found else (text, False)
