"""Small random models with real tokenizers, made on the spot: no download, no seed to trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

# fmt: off
WORDS = [
    "the", "a", "my", "is", "not", "card", "money", "app", "login", "late", "refund", "where",
    "how", "when", "arrive", "lost", "broken", "please", "help", "hello", "order", "status",
    "cancel", "change", "address", "pay", "bill", "invoice", "today", "week", "wrong",
    "thanks",
]
# fmt: on

_SHAPE: dict[str, Any] = {
    "vocab_size": len(WORDS) + 5,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
}
FAMILIES = ("bert", "roberta", "distilbert", "mpnet", "modernbert", "electra")


def config_of(family: str) -> Any:
    """A tiny configuration of one model family."""
    import transformers as t

    if family == "distilbert":
        return t.DistilBertConfig(
            vocab_size=_SHAPE["vocab_size"],
            dim=16,
            n_layers=3,
            n_heads=2,
            hidden_dim=32,
            max_position_embeddings=40,
        )
    kinds = {
        "bert": t.BertConfig,
        "roberta": t.RobertaConfig,
        "mpnet": t.MPNetConfig,
        "modernbert": t.ModernBertConfig,
        "electra": t.ElectraConfig,
    }
    extra: dict[str, Any] = {"pad_token_id": 0}
    if family == "modernbert":
        extra |= {"global_attn_every_n_layers": 2, "local_attention": 8}
    if family == "electra":
        extra["embedding_size"] = 8
    return kinds[family](**_SHAPE, **extra)


def make_tokenizer() -> Any:
    """A word-level tokenizer in the fast form that real models come with."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=32,
    )


def make_model(folder: Path, family: str = "bert", *, pooling: str | None = "mean") -> Path:
    """Write a tiny model folder; with `pooling` it has a sentence-transformers card."""
    from transformers import AutoModel

    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    model = AutoModel.from_config(config_of(family))
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    if pooling is not None:
        write_card(folder, pooling)
    return folder


def write_card(folder: Path, pooling: str) -> None:
    """The files by which sentence-transformers says how a model is pooled."""
    parts = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    names = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    card = {f"pooling_mode_{name}": kind == pooling for kind, name in names.items()}
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 16, **card})
    )
    (folder / "2_Normalize").mkdir(exist_ok=True)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24}))
