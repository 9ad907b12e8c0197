"""Constraints as grammars over bytes, without a model: what is wrong with one, and whether a text
meets it. Parsing is done by llguidance; docs/decisions/0017-constrained-decoding.md says why.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewright.models.generation.config import ConstraintConfig

_BYTES = 256
_BREAKS = r"( |\n {0,32})?"
"""White space that an answer in JSON may have between its parts: one blank, or a new line with its
indentation. Unlimited white space would let a model write nothing else."""
SPACE = 0x20
_SAID = 300
_PLACE = re.compile(r"^(at )?\d+\(\d+\): ")


class _ByteTokenizer:
    """Every byte is a token; the end of a text is the one behind them."""

    eos_token_id = _BYTES
    bos_token_id = None
    special_token_ids: tuple[int, ...] = (_BYTES,)
    tokens = (*(bytes([number]) for number in range(_BYTES)), b"\xff<end>")

    def __call__(self, text: bytes | str) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


@lru_cache(maxsize=1)
def byte_tokenizer() -> Any:
    """llguidance's view of a tokenizer that writes bytes."""
    from llguidance import LLTokenizer, TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(_ByteTokenizer()), slices=[])


def fault_of(constraint: ConstraintConfig) -> str | None:
    """Why a constraint cannot be used, in the words of the parser; None where it can."""
    from llguidance import LLMatcher

    schema = constraint.json_schema
    if isinstance(schema, dict) and not isinstance(schema.get("x-guidance", {}), dict):
        return "`x-guidance` holds options, as in `x-guidance: {whitespace_flexible: false}`"
    wrong, told = LLMatcher.validate_grammar_with_warnings(_bare(constraint), byte_tokenizer())
    if wrong:
        return _plain(told[0])
    matcher = LLMatcher(byte_tokenizer(), _bare(constraint), log_level=0)
    if matcher.is_error():
        return _plain(matcher.get_error())
    if not any(allowed_bytes(matcher)) and not matcher.is_accepting():
        return "no text meets it"
    return None


def grammar_of(constraint: ConstraintConfig) -> str:
    """The grammar of an answer: the constraint, behind one blank if the model begins with that.

    A word that follows a prompt begins with a blank in most vocabularies. Without that blank the
    model would have to write it in pieces that it has never seen there.
    """
    from llguidance import LLMatcher

    body = _body(constraint)
    if begins_with_blank(constraint):
        return str(LLMatcher.grammar_from_lark(f"start: body\n{body}"))
    return str(LLMatcher.grammar_from_lark(f'start: LEAD? body\nLEAD: " "\n{body}'))


def begins_with_blank(constraint: ConstraintConfig) -> bool:
    """Whether a text that meets the constraint may begin with a blank of its own."""
    return allowed_bytes(byte_matcher(_bare(constraint)))[SPACE]


def meets(constraint: ConstraintConfig, text: str) -> bool:
    """Whether a whole text meets a constraint."""
    matcher = byte_matcher(_bare(constraint))
    return all(map(matcher.consume_token, text.encode())) and bool(matcher.is_accepting())


def byte_matcher(grammar: str) -> Any:
    """Follows a text byte by byte."""
    from llguidance import LLMatcher

    return LLMatcher(byte_tokenizer(), grammar, log_level=0)


def allowed_bytes(matcher: Any) -> list[bool]:
    """Which bytes may follow, for each of the 256."""
    mask = matcher.compute_bitmask()
    return [bool(mask[number >> 3] >> (number & 7) & 1) for number in range(_BYTES)]


def _bare(constraint: ConstraintConfig) -> str:
    from llguidance import LLMatcher

    return str(LLMatcher.grammar_from_lark(f"start: body\n{_body(constraint)}"))


def _body(constraint: ConstraintConfig) -> str:
    if constraint.choices is not None:
        texts = (json.dumps(choice, ensure_ascii=False) for choice in constraint.choices)
        return f"body: {' | '.join(texts)}\n"
    if constraint.regex is not None:
        return f"body: /{_escaped(constraint.regex)}/\n"
    schema = constraint.json_schema
    assert isinstance(schema, dict), "the path of a schema is read before it is used"
    options = {"whitespace_pattern": _BREAKS, **schema.get("x-guidance", {})}
    return f"body: %json {json.dumps({**schema, 'x-guidance': options})}\n"


def _escaped(regex: str) -> str:
    """A regular expression between slashes, on one line."""
    parts, at = [], 0
    while at < len(regex):
        step = 2 if regex[at] == "\\" else 1
        part = regex[at : at + step]
        parts.append({"/": "\\/", "\n": "\\n", "\r": "\\r", "\\\n": "\\n"}.get(part, part))
        at += step
    return "".join(parts)


def _plain(said: str) -> str:
    """The parser's words without its own place marks and quotations of the grammar."""
    lines = [line.strip() for line in said.splitlines()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return errors[0][:_SAID]
    first = _PLACE.sub("", lines[0] if lines else said)
    return first.removeprefix("failed to compile JSON schema: ").split("(in regex): ")[-1][:_SAID]
