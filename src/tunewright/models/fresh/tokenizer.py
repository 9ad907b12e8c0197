"""A tokenizer learned from texts: byte-level BPE, every digit a token of its own.

Every text can be written with it, since each byte is a token (Radford et al. 2019); digits are
single because numbers are copied and compared, and a model has little chance to learn what a
thousand tokens for numbers have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tunewright.core.errors import DataError
from tunewright.models.fresh.config import ROLE_TOKENS, SPECIAL_TOKENS, FreshModelConfig

PAD, BOS, EOS = range(3)
"""Ids of the special tokens, which come first."""
_LEAST_COUNT = 2

CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- if tools %}{{ '<|system|>' ~ (tools | tojson) ~ eos_token }}{% endif %}"
    "{%- for message in messages %}"
    "{{- '<|' ~ message.role ~ '|>' ~ (message.content or '') }}"
    "{%- for call in message.tool_calls or [] %}{{ '<|call|>' ~ (call.function | tojson) }}"
    "{%- endfor %}{{ eos_token }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""One token before each turn and one behind it, nothing else: every token costs time."""


def train_tokenizer(texts: Iterable[str], vocab_size: int, config: FreshModelConfig) -> Any:
    """A `PreTrainedTokenizerFast`.

    The same texts in the same order give the same tokenizer. A decoder's puts a beginning before a
    text and brings a chat template; one for two sequences puts an end behind each.

    Args:
        texts: of the training rows alone; the pieces of a row (turns, prompt, answer) one by one.
        vocab_size: the most tokens; fewer where no further pair of tokens occurs twice.
        config: of the model that it is for.

    Raises:
        DataError: when there is no text.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = [*SPECIAL_TOKENS, *(() if config.two_sequences else ROLE_TOKENS)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _cutting(config)
    tokenizer.decoder = decoders.ByteLevel()
    counted = _Counted(texts)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=_LEAST_COUNT,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(counted, trainer)
    if not counted.characters:
        raise DataError(
            "there is no text from which a tokenizer could learn",
            found=f"{counted.texts:,} empty texts" if counted.texts else "no rows",
            expected="training rows with texts",
            fix="name your training file with --data",
        )
    tokenizer.post_processor = _around(config)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL_TOKENS[PAD],
        bos_token=SPECIAL_TOKENS[BOS],
        eos_token=SPECIAL_TOKENS[EOS],
        additional_special_tokens=special[len(SPECIAL_TOKENS) :],
        model_max_length=config.max_length,
        clean_up_tokenization_spaces=False,
        padding_side="right" if config.two_sequences else "left",
        chat_template=None if config.two_sequences else CHAT_TEMPLATE,
    )


class _Counted:
    """Texts that are counted while they are read; half characters become question marks."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._source = texts
        self.texts = self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for text in self._source:
            self.texts += 1
            self.characters += len(text)
            if text:
                yield text if text.isascii() else text.encode("utf-8", "replace").decode()


def _cutting(config: FreshModelConfig) -> Any:
    """Where no token may go across."""
    from tokenizers import Regex, pre_tokenizers

    digits = pre_tokenizers.Digits(individual_digits=True)
    if config.words_end_at == "punctuation":
        by_rule = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        return pre_tokenizers.Sequence([digits, by_rule])
    words = pre_tokenizers.Split(Regex(r" ?\S+|\s+"), behavior="isolated")
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([words, digits, plain])


def _around(config: FreshModelConfig) -> Any:
    """What stands around a text: as each family has it."""
    from tokenizers import processors

    begin, end = SPECIAL_TOKENS[BOS], SPECIAL_TOKENS[EOS]
    layouts = {"t5": f"$A {end}", "bart": f"{begin} $A {end}"}
    layout = layouts.get(config.architecture, f"{begin} $A")
    known = [(token, number) for number, token in enumerate(SPECIAL_TOKENS) if token in layout]
    return processors.TemplateProcessing(single=layout, special_tokens=known)
