"""Attention with repeatable dropout: equal to transformers' own, and drawn from the thread."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from tests.tiny_models import FAMILIES, make_model
from tunewright.models import attention as attention_module
from tunewright.models.attention import (
    draw_from,
    fused_attention,
    make_repeatable,
    plain_attention,
)
from tunewright.models.encoder import load_encoder
from tunewright.models.resolve import resolve_model


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_same_states_as_the_familys_own_attention(
    tmp_path: Path, family: str, attention: str
) -> None:
    from transformers import AutoModel

    folder = make_model(tmp_path / family, family)
    ours = load_encoder(resolve_model(str(folder), folder), attention).backbone
    own = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.arange(5, 17).reshape(2, 6)
    mask = torch.ones_like(ids)
    mask[0, 3:] = 0
    for module in (*ours.modules(), *own.modules()):
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for training in (False, True):  # which go different ways
        with torch.inference_mode():
            found = ours.train(training)(input_ids=ids, attention_mask=mask).last_hidden_state
            expected = own.train(training)(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(found[mask == 1], expected[mask == 1], rtol=1e-4, atol=1e-5)


def test_a_model_whose_attention_does_more_keeps_its_own(tiny_model: Path) -> None:
    backbone = load_encoder(resolve_model(str(tiny_model), tiny_model)).backbone
    backbone.set_attn_implementation("eager")
    for layer in backbone.encoder.layer:  # as a family with its own scaling would
        layer.attention.self.forward = _halved(layer.attention.self.forward, backbone)
    assert not make_repeatable(backbone, "eager")
    assert backbone.config._attn_implementation == "eager"


def test_products_are_plain_only_in_training(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    backbone = load_encoder(resolve_model(str(tiny_model), tiny_model), "eager").backbone
    for name in ("plain_attention", "fused_attention"):
        before = getattr(attention_module, name)
        monkeypatch.setattr(attention_module, name, _counted(before, name, calls))
    for training in (False, True):
        backbone.train(training)(input_ids=torch.arange(4, 10)[None])
    depth = len(backbone.encoder.layer)
    assert calls == ["fused_attention"] * depth + ["plain_attention"] * depth


def _counted(attention, name: str, calls: list[str]):  # type: ignore[no-untyped-def]
    def counted(*args, **options):  # type: ignore[no-untyped-def]
        calls.append(name)
        return attention(*args, **options)

    return counted


@pytest.mark.parametrize("attention", [plain_attention, fused_attention])
def test_without_a_mask_a_causal_layer_sees_nothing_later(attention) -> None:  # type: ignore[no-untyped-def]
    layer = torch.nn.Identity().eval()
    query, key, value = (torch.randn(1, 2, 5, 8) for _ in range(3))
    layer.is_causal = True
    first = attention(layer, query, key, value, None)[0][:, 0]
    torch.testing.assert_close(first, value[:, :, 0])
    layer.is_causal = False
    assert not torch.allclose(attention(layer, query, key, value, None)[0][:, 0], first)


def _halved(forward, backbone):  # type: ignore[no-untyped-def]
    def changed(*args, **options):  # type: ignore[no-untyped-def]
        states, weights = forward(*args, **options)
        own = backbone.config._attn_implementation == "eager"
        return (states / 2 if own else states), weights

    return changed


def _attend(layer: torch.nn.Module, dropout: float) -> torch.Tensor:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 2, 5, 8) for _ in range(3))
    return plain_attention(layer, query, key, value, None, dropout=dropout)[0]


def test_dropout_takes_its_mask_from_the_thread() -> None:
    layer = torch.nn.Identity().train()
    asked: list[tuple[torch.Size, float]] = []
    found: list[torch.Tensor] = []

    def keep(shape: torch.Size, probability: float) -> torch.Tensor:
        asked.append((shape, probability))
        return torch.ones(shape, dtype=torch.bool)

    def in_thread() -> None:
        draw_from(keep)
        found.append(_attend(layer, 0.5))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert asked == [(torch.Size([2, 2, 5, 5]), 0.5)]
    torch.testing.assert_close(found[0], 2 * _attend(layer.eval(), 0.5))


def test_no_dropout_when_it_is_not_training() -> None:
    layer = torch.nn.Identity().eval()
    torch.testing.assert_close(_attend(layer, 0.9), _attend(layer, 0.0))
