"""Which tokens a constraint lets follow, for each row that is written under it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tunewright.core.errors import ConfigError, ModelError
from tunewright.models.generation.closing import Closing
from tunewright.models.generation.config import ConstraintConfig
from tunewright.models.generation.grammar import begins_with_blank, grammar_of
from tunewright.models.generation.pieces import pieces_of
from tunewright.models.generation.scores import NEVER

_MARK = "\x02"
"""Stands before a text that is not the beginning of one."""
_ROOM_TO_CLOSE = 16
"""Tokens by which a single token may lengthen the way to the end of an answer."""

_LONGER_BY = 4
"""Tokens by which the way is thought to grow with each token, until it is looked for again."""
_UNKNOWN = 1_000_000


class _Vocabulary:
    """The tokens as llguidance wants them, and behind them one that only means an end."""

    bos_token_id = None

    def __init__(self, tokenizer: Any, words: int, ends: Collection[int]) -> None:
        pieces = pieces_of(tokenizer)
        known = [*pieces[:words], *[None] * (words - len(pieces))]
        for end in ends:
            known[end] = None
        self.pieces = known
        self.tokens = [*(piece or b"" for piece in known), b"\xff<end>"]
        self._tokenizer = tokenizer
        self._numbers = {piece: number for number, piece in enumerate(known) if piece}
        self._most = max(map(len, self._numbers), default=0)
        self.eos_token_id = words
        self.special_token_ids = [words]

    def __call__(self, text: bytes | str) -> list[int]:
        """The tokens of a text that stands in the middle of another.

        llguidance asks this where the constraint leaves only one text, and then allows its first
        token alone, so it has to be what the model has learned to write there.
        """
        wanted = text.encode() if isinstance(text, str) else text
        ids = self._encode(_MARK + wanted.decode("utf-8", "replace"))
        before = self._encode(_MARK)
        rest = ids[len(before) :]
        if ids[: len(before)] == before and self._joined(rest) == wanted:
            return rest
        return self._longest_first(wanted)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False).input_ids)

    def _joined(self, ids: Sequence[int]) -> bytes:
        return b"".join(self.pieces[token] or b"" for token in ids)

    def _longest_first(self, rest: bytes) -> list[int]:
        """Tokens of a text, each as long as it can be; the end where none goes on."""
        found: list[int] = []
        while rest:
            starts = (rest[:length] for length in range(min(len(rest), self._most), 0, -1))
            token = next((self._numbers[s] for s in starts if s in self._numbers), None)
            if token is None:
                return [*found, self.eos_token_id]
            found.append(token)
            rest = rest[len(self.pieces[token] or b"") :]
        return found


class Guides:
    """Compiled constraints for one tokenizer. Each is compiled once.

    Args:
        tokenizer: of the model.
        words: width of the model's logits.
        ends: tokens that end an answer.

    Raises:
        ModelError: when texts of the tokenizer cannot be held to a constraint.
    """

    def __init__(self, tokenizer: Any, words: int, ends: Collection[int]) -> None:
        from llguidance import LLTokenizer, TokenizerWrapper

        vocabulary = _Vocabulary(tokenizer, words, ends)
        self.pieces = vocabulary.pieces
        self.words = words
        self.usable_v = np.array([piece is not None for piece in self.pieces])
        self.ends = [end for end in ends if end < words]
        self._tokenizer = LLTokenizer(TokenizerWrapper(vocabulary), slices=[])
        self._made: dict[str, tuple[Any, bool, Closing]] = {}

    def open(self, constraint: ConstraintConfig, room: int) -> Guide:
        """The beginning of an answer.

        Args:
            room: tokens that it may have.

        Raises:
            ConfigError: when no answer of so few tokens was found.
            ModelError: when the vocabulary lacks what every answer needs.
        """
        from llguidance import LLMatcher

        key = constraint.content_hash()
        if key not in self._made:
            matcher = LLMatcher(self._tokenizer, grammar_of(constraint), log_level=0)
            closing = Closing(self.pieces, matcher)
            self._made[key] = (matcher, begins_with_blank(constraint), closing)
        matcher, blank, closing = self._made[key]
        if closing.shortest > room:
            raise ConfigError(
                "no answer under this constraint is so short",
                field="generation.max_new_tokens",
                found=f"{room} tokens",
                expected=f"at least {closing.shortest} tokens, better twice the longest answer",
                fix="raise `max_new_tokens`",
            )
        return Guide(self, matcher.deep_copy(), blank, closing)


class Guide:
    """Follows one answer."""

    def __init__(self, guides: Guides, matcher: Any, blank: bool, closing: Closing) -> None:
        self._guides, self._matcher, self._blank, self._closing = guides, matcher, blank, closing
        self._way: list[int] | None = None
        self._measured = (_UNKNOWN, 0)
        """Tokens of the way that was found last, and the room there was then."""

    def copy(self) -> Guide:
        """Another that goes on from here."""
        other = Guide(self._guides, self._matcher.deep_copy(), self._blank, self._closing)
        other._way, other._measured = self._way, self._measured
        return other

    @property
    def complete(self) -> bool:
        """Whether what is written meets the constraint."""
        return bool(self._matcher.is_accepting())

    @property
    def finished(self) -> bool:
        """Whether it does, and nothing can follow."""
        return bool(self._matcher.is_stopped())

    def allowed(self, room: int) -> np.ndarray:
        """Which tokens may follow, bool [v].

        Args:
            room: tokens that may still be written; when it is short, only tokens are allowed after
                which the answer can be completed.

        Raises:
            ModelError: when the vocabulary has no token that could follow.
        """
        guides = self._guides
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask_v = np.unpackbits(bits, bitorder="little")[: guides.words].astype(bool)
        mask_v &= guides.usable_v
        mask_v[guides.ends] = self.complete
        if not mask_v.any():
            raise self._dead_end()
        way = self._way_out(room)
        if way is not None and (way or guides.ends):
            mask_v = np.zeros_like(mask_v)
            mask_v[way[0] if way else guides.ends] = True
        return mask_v

    def _way_out(self, room: int) -> list[int] | None:
        """How the answer is completed, when it is time for that."""
        if room > 2 * self._closing.shortest + _ROOM_TO_CLOSE:
            return None
        ample = min(self._closing.shortest, _ROOM_TO_CLOSE)
        if self._way is None:
            length, at = self._measured
            if length + _LONGER_BY * (at - room) + ample < room:
                return None
            self._way = self._closing.way(self._matcher)
            self._measured = (room if self._way is None else len(self._way), room)
        if self._way is None or len(self._way) + ample < room:
            return None
        return self._way

    def advance(self, token: int) -> None:
        """One more token, of those allowed; a token that ends an answer changes nothing."""
        if self._guides.pieces[token] is None:
            return
        self._matcher.consume_token(token)
        follows = self._way is not None and self._way[:1] == [token]
        self._way = self._way[1:] if self._way is not None and follows else None

    def text(self, ids: Sequence[int]) -> str:
        """The text that tokens stand for, without the blank that the constraint does not count."""
        joined = b"".join(self._guides.pieces[token] or b"" for token in ids)
        text = joined.decode("utf-8", "replace")
        return text if self._blank else text.removeprefix(" ")

    def _dead_end(self) -> ModelError:
        return ModelError(
            "the vocabulary of this model has no token that could follow under the constraint",
            expected="a vocabulary with every character that the constraint asks for",
            fix="use other characters in `generation.constraint`, or another model",
        )


def mask_scores(scores_bv: Tensor, guides: Sequence[Guide | None], rooms: Sequence[int]) -> Tensor:
    """Scores with minus infinity where a row's constraint allows no token.

    Args:
        guides: of each row; None where nothing is held to a constraint.
        rooms: tokens that each row may still write.
    """
    if all(guide is None for guide in guides):
        return scores_bv
    every = np.ones(scores_bv.shape[1], dtype=bool)
    masks = [
        every if guide is None else guide.allowed(room)
        for guide, room in zip(guides, rooms, strict=True)
    ]
    allowed_bv = torch.from_numpy(np.stack(masks)).to(scores_bv.device)
    return scores_bv.masked_fill(~allowed_bv, NEVER)
