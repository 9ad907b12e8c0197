"""Loading, pooling, and running a model in two parts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from tests.tiny_models import FAMILIES, make_model
from tunewright.core.errors import ModelError
from tunewright.models.classifier import Classifier, save_classifier
from tunewright.models.encoder import Encoder, load_encoder
from tunewright.models.layers import Tail, blocks, states_at, tail_matches
from tunewright.models.pooling import Pooling
from tunewright.models.resolve import resolve_model
from tunewright.models.tokens import tokenize


def _load(folder: Path) -> Encoder:
    return load_encoder(resolve_model(str(folder), folder))


def _batch(encoder: Encoder) -> tuple[torch.Tensor, torch.Tensor]:
    found = encoder.tokenizer(
        ["help my card", "where is the refund of my order please"],
        padding=True,
        return_tensors="pt",
    )
    return found["input_ids"], found["attention_mask"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_runs_in_two_parts(tmp_path: Path, family: str) -> None:
    encoder = _load(make_model(tmp_path / family, family))
    assert len(blocks(encoder.backbone)) == encoder.depth == 3
    for depth in range(3):
        assert tail_matches(encoder.backbone, depth), f"{family} cannot be cut below block {depth}"


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_of_the_tail_are_those_of_the_whole(tmp_path: Path, family: str) -> None:
    encoder = _load(make_model(tmp_path / family, family))
    model = encoder.backbone.eval()
    ids, mask = _batch(encoder)
    top = blocks(model)[-1]
    model(input_ids=ids, attention_mask=mask).last_hidden_state.pow(2).sum().backward()
    whole = [p.grad.clone() for p in top.parameters() if p.grad is not None]
    model.zero_grad()
    states, _ = states_at(model, [2], ids, mask)
    Tail(model, 2)(states[2].detach(), mask).pow(2).sum().backward()
    parts = [p.grad for p in top.parameters() if p.grad is not None]
    assert whole
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_model_that_shares_its_layers_is_found_out() -> None:
    from transformers import DebertaV2Config, DebertaV2Model

    torch.manual_seed(0)
    config = DebertaV2Config(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_kernel_size=3,
        relative_attention=True,
        pos_att_type=["c2p"],
    )
    model = DebertaV2Model(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    assert not tail_matches(model, 1)


def test_states_at_stops_early_or_runs_to_the_end(tmp_path: Path) -> None:
    encoder = _load(make_model(tmp_path / "m"))
    ids, mask = _batch(encoder)
    with torch.no_grad():
        early, nothing = states_at(encoder.backbone, [0, 2], ids, mask)
        late, last = states_at(encoder.backbone, [0, 2], ids, mask, to_end=True)
    assert nothing is None
    assert last is not None
    assert sorted(early) == [0, 2]
    assert torch.equal(early[2], late[2])
    assert not blocks(encoder.backbone)[0]._forward_pre_hooks


@pytest.mark.parametrize("mode", ["mean", "cls", "max"])
def test_pooling_follows_the_card(tmp_path: Path, mode: str) -> None:
    encoder = _load(make_model(tmp_path / mode, pooling=mode))
    assert encoder.pooling == Pooling(mode=mode, normalize=True, from_card=True)
    assert encoder.max_length == 24
    states = torch.randn(2, 5, 16)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    expected = []
    for row, length in enumerate((5, 3)):
        real = states[row, :length]
        pooled = {"mean": real.mean(0), "cls": real[0], "max": real.amax(0)}[mode]
        expected.append(normalize(pooled, dim=-1))
    torch.testing.assert_close(encoder.pooling(states, mask), torch.stack(expected))
    torch.testing.assert_close(
        encoder.pooling(states[:, :3], None), encoder.pooling(states[:, :3], torch.ones(2, 3))
    )


def test_without_a_card_the_mean_is_taken_and_said(tmp_path: Path) -> None:
    encoder = _load(make_model(tmp_path / "plain", pooling=None))
    assert encoder.pooling == Pooling(mode="mean", normalize=False, from_card=False)


def test_pooling_equals_sentence_transformers(tiny_model: Path) -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["help my card", "where is the refund of my order please", "hello"]
    expected = SentenceTransformer(str(tiny_model)).encode(texts)
    encoder = _load(tiny_model)
    found = encoder.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        vectors = encoder.pooled(found["input_ids"], found["attention_mask"])
    np.testing.assert_allclose(vectors.numpy(), expected, atol=1e-5)


def test_an_unknown_part_of_the_card_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(tiny_model, folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 3, "name": "3", "path": "3_LSTM", "type": "x.models.LSTM"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="LSTM"):
        _load(folder)


def test_weights_that_are_missing_are_never_made_up(tiny_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "holes"
    shutil.copytree(tiny_model, folder)
    weights = load_file(folder / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks part of the model"):
        _load(folder)


def test_remote_code_is_never_run(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "remote"
    shutil.copytree(tiny_model, folder)
    trace = tmp_path / "trace"
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w').write('x')\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.E", "AutoModel": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="never run"):
        _load(folder)
    assert not trace.exists()


def test_a_decoder_of_another_kind_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import T5Config

    folder = tmp_path / "t5"
    shutil.copytree(tiny_model, folder)
    T5Config(vocab_size=30, d_model=16).save_pretrained(folder)
    with pytest.raises(ModelError, match="not a text encoder"):
        _load(folder)


def test_what_is_saved_does_not_depend_on_what_was_tokenised_last(
    tiny_model: Path, tmp_path: Path
) -> None:
    """A worker that takes over from a killed one may save without having tokenised anything."""
    saved = []
    for calls in (0, 1, 2):
        encoder = load_encoder(resolve_model(str(tiny_model), tiny_model))
        if calls == 0:
            encoder.tokenizer.backend_tokenizer.enable_truncation(128)
        if calls == 1:
            encoder.tokenizer(["a card"])
        if calls == 2:
            encoder.tokenizer(
                ["a card", "a lost card"], truncation=True, max_length=4, padding=True
            )
        folder = tmp_path / str(calls)
        save_classifier(
            Classifier(encoder, 2), folder, labels=["a", "b"], renderer="r", temperature=1.0
        )
        saved.append((folder / "tokenizer.json").read_bytes())
    assert saved[0] == saved[1] == saved[2]


def test_tokens_are_cut_and_counted(tiny_model: Path) -> None:
    encoder = _load(tiny_model)
    texts = ["help", "card " * 50, "", "lone \ud800 surrogate"]
    tokens = tokenize(encoder.tokenizer, texts, max_length=10)
    assert tokens.lengths.tolist() == [3, 10, 2, 5]
    assert tokens.full_lengths.tolist() == [3, 52, 2, 5]
    assert tokens.of(1)[-1] == encoder.tokenizer.sep_token_id
    assert len(tokens) == 4
