"""The model that the engine trains, against transformers' own forward."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers.pytorch_utils import Conv1D

from tests.models.writers import CAUSAL, FAMILIES, PAIRED, VOCABULARY, make_writer_model
from tunewright.models.layers import states_at
from tunewright.models.trainable import own_trainable
from tunewright.models.writer import Writer
from tunewright.strategies.base import build_strategy
from tunewright.train.writing.rows import Ragged, TokenRows
from tunewright.train.writing.source import PackedSource, PaddedSource

EVERY = np.arange(4)


def some_rows(family: str, seed: int = 1) -> TokenRows:
    """Four rows of unequal lengths, of which the end is learned, with unequal weights."""
    rng = np.random.default_rng(seed)
    lengths = [9, 4, 13, 6]
    ids = [rng.integers(3, VOCABULARY, n) for n in lengths]
    first = 0 if family in PAIRED else 2
    weights = [[0.0] * first + rng.choice([0.25, 1.0, 2.0], n - first).tolist() for n in lengths]
    source = [rng.integers(3, VOCABULARY, n) for n in (5, 8, 3, 7)]
    return TokenRows(
        ids=Ragged.of(ids, np.int32),
        weights=Ragged.of(weights, np.float32),
        source=Ragged.of(source, np.int32) if family in PAIRED else None,
        example=EVERY,
    )


def padded_source(family: str, rows: TokenRows) -> PaddedSource:
    return PaddedSource(rows, rows.lengths, 0, 0 if family in PAIRED else None)


def by_the_book(model: Any, rows: TokenRows, row: int, start: int | None) -> torch.Tensor:
    """Weighted loss of one row, alone, with all logits: the readable twin."""
    ids = torch.from_numpy(rows.ids.of_row(row).astype(np.int64))
    weights = torch.from_numpy(np.array(rows.weights.of_row(row)))
    if rows.source is None:
        logits = model(input_ids=ids[None]).logits[0, :-1]
        ids, weights = ids[1:], weights[1:]
    else:
        read = torch.from_numpy(rows.source.of_row(row).astype(np.int64))
        written = torch.cat([torch.tensor([start]), ids[:-1]])
        logits = model(input_ids=read[None], decoder_input_ids=written[None]).logits[0]
    return (cross_entropy(logits, ids, reduction="none") * weights).sum()


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_are_those_of_the_whole_model_row_by_row(family: str) -> None:
    model = make_writer_model(family)
    rows = some_rows(family)
    inputs = padded_source(family, rows).inputs(EVERY)
    writer = Writer(model)
    assert writer.plain_head is (family not in ("gemma2", "bart"))
    found = writer(inputs) * inputs.weights_n
    owners = torch.from_numpy(np.repeat(EVERY, inputs.counts))
    for row in EVERY:
        expected = by_the_book(model, rows, int(row), 0)
        torch.testing.assert_close(found[owners == row].sum(), expected, rtol=1e-5, atol=1e-5)
    assert inputs.weight == pytest.approx(float(rows.trained.sum()))


@pytest.mark.parametrize("family", CAUSAL)
def test_packed_rows_do_not_see_each_other(family: str) -> None:
    model = make_writer_model(family)
    rows = some_rows(family)
    writer = Writer(model)
    assert writer.packs is (family != "opt"), "it counts positions by its mask"
    if not writer.packs:
        return
    packed = writer(PackedSource(rows, rows.lengths).inputs(EVERY))
    apart = writer(padded_source(family, rows).inputs(EVERY))
    torch.testing.assert_close(packed, apart, rtol=1e-6, atol=1e-6)


def test_packed_gradients_are_those_of_rows_side_by_side() -> None:
    model = make_writer_model("llama")
    rows = some_rows("llama")
    gradients = []
    for source in (PackedSource(rows, rows.lengths), padded_source("llama", rows)):
        writer = Writer(model.double())
        build_strategy("full", {}).prepare(writer)
        own_trainable(writer, model)
        inputs = source.inputs(EVERY)
        (writer(inputs) * inputs.weights_n).sum().backward()
        gradients.append({n: p.grad for n, p in writer.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strategy", ["full", "lora", "top_layers"])
def test_gradients_are_those_of_the_whole_model(family: str, strategy: str) -> None:
    model = make_writer_model(family)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    rows = some_rows(family)
    writer = Writer(model)
    settings = {"layers": 1} if strategy == "top_layers" else {}
    chosen = build_strategy(strategy, settings)
    chosen.prepare(writer)
    own_trainable(writer, model)
    if strategy == "lora":
        with torch.no_grad():
            for name, parameter in writer.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.1)
    inputs = padded_source(family, rows).inputs(EVERY)
    (writer(inputs) * inputs.weights_n).sum().backward()
    found = {n: p.grad for n, p in writer.named_parameters() if p.requires_grad}
    assert found
    assert all(g is not None for g in found.values())
    for parameter in writer.parameters():
        parameter.grad = None
    whole = writer.plain_model()
    torch.stack([by_the_book(whole, rows, int(row), 0) for row in EVERY]).sum().backward()
    again = {n.replace("lm_head.", "lm_head.head."): p.grad for n, p in writer.named_parameters()}
    for name, gradient in found.items():
        expected = again.get(name, again.get(name.replace("lm_head.head.", "lm_head.")))
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]), "the base is never changed"


@pytest.mark.parametrize("family", ["qwen2", "gpt2", "t5"])
def test_what_is_tied_stays_tied(family: str) -> None:
    model = make_writer_model(family)
    writer = Writer(model)
    build_strategy("full", {}).prepare(writer)
    own_trainable(writer, model)
    assert writer.base_head is None
    assert writer.head.weight is writer.model.get_input_embeddings().weight
    assert writer.head.weight is not model.get_input_embeddings().weight


def test_blocks_of_an_encoder_decoder_count_from_the_encoder_up() -> None:
    writer = Writer(make_writer_model("t5"))
    numbers = [("encoder", 0), ("encoder", 1), ("decoder", 0), ("decoder", 1)]
    assert writer.block_names == [f"{part}.block.{number}" for part, number in numbers]
    build_strategy("top_layers", {"layers": 1}).prepare(writer)
    moving = {n for n, p in writer.model.named_parameters() if p.requires_grad}
    assert all(n.startswith(("decoder.block.1.", "decoder.final_layer_norm")) for n in moving)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_runs_on_from_kept_states_only_where_that_is_the_same(family: str) -> None:
    writer = Writer(make_writer_model(family))
    expected = {"llama": True, "qwen2": True, "gemma2": False, "granite": False, "t5": False}
    assert writer.runs_from(1) is expected.get(family, writer.runs_from(1))
    if not writer.runs_from(1):
        return
    rows = some_rows(family)
    inputs = padded_source(family, rows).inputs(EVERY)
    assert inputs.input_ids_bt is not None
    states, _ = states_at(writer.backbone, [1], inputs.input_ids_bt, None)
    from_states = replace(inputs, input_ids_bt=None, states_btd=states[1], depth=1)
    torch.testing.assert_close(writer(from_states), writer(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "qwen2", "granite"])
def test_the_topmost_feed_forward_layer_works_at_trained_positions_alone(family: str) -> None:
    writer = Writer(make_writer_model(family))
    rows = some_rows(family)
    inputs = padded_source(family, rows).inputs(EVERY)
    seen: list[int] = []
    (*_, last) = (
        m
        for n, m in writer.blocks[-1].named_modules()
        if isinstance(m, nn.Linear | Conv1D) and "mlp" in n
    )
    last.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[:-1].numel()))
    writer(inputs)
    assert seen == [len(inputs.places_n)]
    whole = writer.plain_model()
    seen.clear()
    whole(input_ids=inputs.input_ids_bt)
    assert seen == [inputs.input_ids_bt.numel()], "a released model works on every position"


@pytest.mark.parametrize("window", [4, 9])
def test_blocks_above_a_cut_keep_their_own_windows(window: int) -> None:
    """Rows longer than the window of some blocks: the two short rows that are tried cannot tell."""
    changes = {
        "use_sliding_window": True,
        "sliding_window": window,
        "layer_types": ["full_attention", "sliding_attention", "full_attention"],
    }
    writer = Writer(make_writer_model("qwen2", **changes)).eval()
    rows = some_rows("qwen2")
    inputs = padded_source("qwen2", rows).inputs(EVERY)
    assert inputs.input_ids_bt is not None
    assert writer.runs_from(1) and writer.runs_from(2)
    states, _ = states_at(writer.backbone, [1, 2], inputs.input_ids_bt, None)
    for depth in (1, 2):
        above = replace(inputs, input_ids_bt=None, states_btd=states[depth], depth=depth)
        torch.testing.assert_close(writer(above), writer(inputs), rtol=1e-5, atol=1e-5)


def test_a_softcap_that_small_logits_do_not_show_is_found() -> None:
    model = make_writer_model("gemma2", final_logit_softcapping=30.0)
    assert not Writer(model).plain_head


@pytest.mark.parametrize("family", ["llama", "gemma2", "gpt2"])
def test_a_model_in_bfloat16_packs_too(family: str) -> None:
    assert Writer(make_writer_model(family).to(torch.bfloat16)).packs
    assert not Writer(make_writer_model("opt").to(torch.bfloat16)).packs


def test_chunks_that_count_from_the_start_of_the_packed_row_do_not_pack() -> None:
    model = make_writer_model("qwen2")
    writer = Writer(model)
    writer.backbone.config.layer_types[1] = "chunked_attention"
    assert not writer.packs
