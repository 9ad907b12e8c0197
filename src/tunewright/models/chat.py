"""The tokenizer and the chat templates of a model folder, without its weights.

Only `tokenizers` is loaded, no torch and no transformers, so that every process that looks at data
can have its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.hashing import hash_value
from tunewright.models.bounds import TokenBound, bound_of
from tunewright.models.pooling import card_length
from tunewright.models.resolve import local_model, resolve_model
from tunewright.models.safety import opening, read_model_json, wrong_card

_UNLIMITED = 1_000_000
_DEFAULT_LENGTH = 512
"""Tokens, for a model that says nothing about its own limit."""

_SHIFTED = {"roberta", "xlm-roberta", "camembert", "mpnet"}
"""Families whose positions start behind that of the padding."""

_NAMES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


class FileTokenizer:
    """The tokenizer of a `tokenizer.json`.

    Args:
        folder: of the model.

    Raises:
        ModelError: when the files cannot be read, or are no tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tokenizer.json"
        self._file = read_model_json(self._path)
        settings = folder / "tokenizer_config.json"
        self.settings: dict[str, Any] = read_model_json(settings) if settings.is_file() else {}
        named = folder / "special_tokens_map.json"
        self._named: dict[str, Any] = read_model_json(named) if named.is_file() else {}
        with opening(self._path):
            text = self._path.read_text(encoding="utf-8", errors="surrogateescape")
        self._whole, self._bare = _loaded(self._path, text), _loaded(self._path, text)
        self._bare.post_processor = None  # it would take white space out of the offsets

    @cached_property
    def content_hash(self) -> str:
        """Of the vocabulary, the rules, and the names of special tokens."""
        return hash_value([self._file, self.special_tokens])

    @cached_property
    def special_tokens(self) -> dict[str, Any]:
        """`bos_token`, `eos_token`, ... and the text of each that the tokenizer has."""
        found: dict[str, Any] = {}
        for name in _NAMES:
            key = f"{name}_token"
            text = _token_text(self.settings.get(key)) or _token_text(self._named.get(key))
            if text is not None:
                found[key] = text
        return found

    @cached_property
    def control_tokens(self) -> frozenset[str]:
        """Texts of all special tokens."""
        added = self._whole.get_added_tokens_decoder().values()
        special = {token.content for token in added if token.special}
        return frozenset(special | {t for t in self.special_tokens.values() if self.has(t)})

    @cached_property
    def prefix(self) -> tuple[tuple[int, str], ...]:
        """Id and text of each token that is put before plain text."""
        return self._around[0]

    @cached_property
    def suffix(self) -> tuple[tuple[int, str], ...]:
        """Id and text of each token that is put behind plain text."""
        return self._around[1]

    @cached_property
    def bound(self) -> TokenBound | None:
        """The most tokens that a text of so many bytes can have; None where nothing is certain."""
        return bound_of(self._file)

    @cached_property
    def unknown_id(self) -> int | None:
        """What stands for a text that the vocabulary lacks; None where nothing does."""
        named = self._file["model"].get("unk_token")
        if isinstance(named, str):
            return self.token_id(named)
        number = self._file["model"].get("unk_id")
        return number if isinstance(number, int) else None

    def has(self, token: str) -> bool:
        """Whether a text is one whole token."""
        return self.token_id(token) is not None

    def token_id(self, token: str) -> int | None:
        """The id of a whole token; None where there is none."""
        found: int | None = self._whole.token_to_id(token)
        return found

    def token_text(self, number: int) -> str:
        """A token as the vocabulary writes it."""
        return str(self._whole.id_to_token(number))

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]] | None]:
        """Token ids of a text, and the characters of each, without anything added. Tokens that are
        written out in the text (`<s>`) are taken as such."""
        encoded = self._bare.encode(_writable(text), add_special_tokens=False)
        return encoded.ids, encoded.offsets

    def encode_whole(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids and their characters with what is put around a text."""
        encoded = self._whole.encode(_writable(text), add_special_tokens=True)
        return encoded.ids, encoded.offsets

    def count(self, text: str) -> int:
        """Tokens of a text, without anything added."""
        return len(self._bare.encode(_writable(text), add_special_tokens=False).ids)

    def decode(self, ids: list[int]) -> str:
        """The text that tokens stand for, special tokens included."""
        return str(self._bare.decode(ids, skip_special_tokens=False))

    @cached_property
    def _around(self) -> tuple[tuple[tuple[int, str], ...], tuple[tuple[int, str], ...]]:
        bare = self._bare.encode("a", add_special_tokens=False).ids
        whole = self._whole.encode("a", add_special_tokens=True).ids
        for start in range(len(whole) - len(bare) + 1):
            if whole[start : start + len(bare)] == bare:
                before, behind = whole[:start], whole[start + len(bare) :]
                return self._with_texts(before), self._with_texts(behind)
        return (), ()

    def _with_texts(self, ids: list[int]) -> tuple[tuple[int, str], ...]:
        return tuple((number, self.token_text(number)) for number in ids)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatModel:
    """What of a model is needed to make tokens of rows."""

    tokenizer: FileTokenizer
    templates: dict[str, str]
    """Chat templates by name; the one without a name is `default`."""

    max_length: int
    """The most tokens that the model takes."""

    writes: bool
    """Whether it is a model that writes text (a decoder, or an encoder with a decoder)."""

    two_sequences: bool = False
    """Whether prompt and answer are two sequences: an encoder with a decoder."""


def tokenizer_folder(name: str, folder: Path, allow_network: bool = False) -> Path:
    """The folder of a model of which only the tokenizer is needed; it may lack weights.

    Args:
        name: a path, the name of an embedded model, or a hub name.
        folder: relative paths are looked up here.
        allow_network: whether the hub may be asked.

    Raises:
        ModelError: when it cannot be found.
    """
    found = local_model(name, folder)
    if found is not None and (found / "tokenizer.json").is_file():
        return found
    return resolve_model(name, folder, allow_network).path


def load_chat_model(folder: Path) -> ChatModel:
    """The tokenizer, the chat templates and the limit of a model folder.

    Raises:
        ModelError: when a file is missing or says nothing that could be used.
    """
    tokenizer = FileTokenizer(folder)
    config = folder / "config.json"
    described = read_model_json(config) if config.is_file() else {}
    return ChatModel(
        tokenizer=tokenizer,
        templates=_templates(folder, tokenizer.settings),
        max_length=_max_length(folder, described, tokenizer.settings),
        writes=_writes(described),
        two_sequences=bool(described.get("is_encoder_decoder")),
    )


def _loaded(path: Path, text: str) -> Any:
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_str(text)
    except Exception as problem:  # the library raises nothing narrower
        raise ModelError(
            "the tokenizer of this model cannot be loaded",
            file=path,
            found=str(problem)[:300],
            expected="a tokenizer in its fast form",
            fix="download the model again, or save the tokenizer anew: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
        ) from problem
    found.no_truncation()
    found.no_padding()
    return found


def _writable(text: str) -> str:
    """Text without halves of characters, which no tokenizer can be given."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _token_text(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) and value else None


def _templates(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    """Chat templates from wherever a model may keep them; files come before the settings."""
    found: dict[str, str] = {}
    value = settings.get("chat_template")
    if isinstance(value, str):
        found["default"] = value
    elif isinstance(value, list):
        for entry in value:
            if not isinstance(entry, dict) or not isinstance(entry.get("template"), str):
                raise wrong_card(
                    folder / "tokenizer_config.json",
                    "a chat_template that is no list of names and templates",
                    "a text, or a list of objects with `name` and `template`",
                )
            found[str(entry.get("name", "default"))] = entry["template"]
    one = folder / "chat_template.jinja"
    if one.is_file():
        found["default"] = _read(one)
    for path in sorted((folder / "additional_chat_templates").glob("*.jinja")):
        found[path.stem] = _read(path)
    return found


def _read(path: Path) -> str:
    with opening(path):
        content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise wrong_card(path, "bytes that are no UTF-8", "a Jinja template in UTF-8") from problem


def _max_length(folder: Path, config: dict[str, Any], settings: dict[str, Any]) -> int:
    positions = _whole(config.get("max_position_embeddings") or config.get("n_positions"))
    if config.get("model_type") in _SHIFTED:
        positions -= int(config.get("pad_token_id") or 0) + 1
    limits = [positions, _whole(settings.get("model_max_length")), card_length(folder)]
    found = min(limit or _UNLIMITED for limit in limits)
    return _DEFAULT_LENGTH if found >= _UNLIMITED else found


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _UNLIMITED
    return int(min(value, _UNLIMITED)) if value > 0 else _UNLIMITED


def _writes(config: dict[str, Any]) -> bool:
    if config.get("is_encoder_decoder"):
        return True
    named = config.get("architectures")
    names = [str(name) for name in named] if isinstance(named, list) else []
    return any(
        name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in names
    )
