"""The contract that every strategy keeps, on every model family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_models import FAMILIES, make_model
from tests.train import helpers
from tunewright.core.errors import ConfigError
from tunewright.models.classifier import load_classifier, save_classifier
from tunewright.models.encoder import Encoder
from tunewright.strategies import STRATEGIES
from tunewright.strategies.base import EMBEDDINGS, build_strategy
from tunewright.train.classifying import score_rows
from tunewright.train.source import TokenSource

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "full": [{}, {"train_embeddings": False}],
    "top_layers": [{"layers": 1}, {"layers": 3}],
    "lora": [{"lora_r": 4}, {"lora_r": 2, "layers": 1, "lora_dropout": 0.1}],
}
CASES = [(name, settings) for name in STRATEGIES for settings in SETTINGS[name]]
PROMISED = {
    "full": lambda name: True,
    "top_layers": lambda name: "lora_" not in name and "embeddings" not in name,
    "lora": lambda name: "lora_" in name,
}


@pytest.fixture(scope="module", params=FAMILIES)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = tmp_path_factory.mktemp("families") / request.param
    return helpers.load(make_model(folder, request.param))


def test_every_strategy_is_in_this_suite() -> None:
    assert set(SETTINGS) == set(STRATEGIES.names())


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_contract(encoder: Encoder, tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    tokens, data = helpers.problem(encoder, 40)
    source = TokenSource.of(tokens, encoder)
    chosen = helpers.trial(name, settings=settings, num_train_epochs=1, dropout=0.1)
    member = helpers.member(encoder, data, tmp_path / "a", chosen)
    every = np.arange(40)
    untouched = {n: p.detach().clone() for n, p in encoder.backbone.named_parameters()}

    # Inserted modules change nothing at the start.
    with torch.no_grad():
        torch.manual_seed(0)
        base = encoder.pooled(source.inputs(every).input_ids_bt, source.inputs(every).mask_bt)
        start = member.model.eval().pooled(source.inputs(every))
    torch.testing.assert_close(start, base, rtol=1e-4, atol=1e-5)

    # Only what was promised moves, and nothing below the lowest trained layer.
    before = {n: p.detach().clone() for n, p in member.model.named_parameters()}
    trained = helpers.run(encoder, tokens, data, tmp_path / "b", chosen)
    moved = {n for n, p in trained.model.named_parameters() if not torch.equal(p, before[n])}
    assert moved <= set(trained.weights())
    body = {n.removeprefix("backbone.") for n in moved if n.startswith("backbone.")}
    assert body, "nothing of the model was trained"
    assert all(PROMISED[name](n) for n in body)
    assert {n for n in moved if n.startswith("head.")} == {"head.linear.weight", "head.linear.bias"}
    if trained.lowest_trained_layer != EMBEDDINGS:
        _check_depth(encoder, body, trained.lowest_trained_layer)

    # Saved and loaded as a plain model it gives the same logits, adapters merged.
    logits = score_rows(trained.model, source, every, trained.device)
    folder = tmp_path / "model"
    save_classifier(trained.finish(), folder, labels=helpers.LABELS, renderer="r", temperature=2.0)
    loaded = load_classifier(folder)
    assert loaded.labels == helpers.LABELS
    with torch.no_grad():
        again = loaded.model(TokenSource.of(tokens, encoder).inputs(every)).numpy()
    np.testing.assert_allclose(again, logits / 2.0, rtol=1e-3, atol=1e-4)

    # Others start from the same base model, also after this one was finished.
    for parameter_name, parameter in encoder.backbone.named_parameters():
        assert torch.equal(parameter, untouched[parameter_name]), parameter_name


def _check_depth(encoder: Encoder, moved: set[str], lowest: int) -> None:
    from tunewright.models.layers import blocks_path

    prefix = blocks_path(encoder.backbone) + "."
    indices = {int(n[len(prefix) :].split(".")[0]) for n in moved if n.startswith(prefix)}
    assert min(indices) == lowest


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_biases_and_norms_are_not_decayed(
    tiny_model: Path, tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    encoder = helpers.load(tiny_model)
    _, data = helpers.problem(encoder, 20)
    member = helpers.member(encoder, data, tmp_path, helpers.trial(name, settings=settings))
    for group in member._groups:
        for parameter_name, parameter in group.parameters.items():
            assert group.decayed == (parameter.ndim > 1), parameter_name
    names = [n for group in member._groups for n in group.parameters]
    assert len(names) == len(set(names))


def test_lora_is_the_published_formula(tiny_model: Path, tmp_path: Path) -> None:
    """Merged weight = W + (alpha / r) B A."""
    encoder = helpers.load(tiny_model)
    _, data = helpers.problem(encoder, 20)
    chosen = helpers.trial("lora", settings={"lora_r": 2, "lora_alpha": 8, "layers": 1})
    member = helpers.member(encoder, data, tmp_path, chosen)
    path = "encoder.layer.2.output.dense"
    layer = member.model.backbone.get_submodule(path)
    with torch.no_grad():
        layer.lora_B["default"].weight.normal_()
        update = layer.lora_B["default"].weight @ layer.lora_A["default"].weight
        expected = layer.get_base_layer().weight + 8 / 2 * update
    merged = member.finish().backbone.get_submodule(path)
    assert type(merged) is torch.nn.Linear
    torch.testing.assert_close(merged.weight, expected)


def test_lora_says_which_layers_there_are(tiny_model: Path, tmp_path: Path) -> None:
    encoder = helpers.load(tiny_model)
    _, data = helpers.problem(encoder, 20)
    chosen = helpers.trial("lora", settings={"target_modules": "no_such_layer"})
    with pytest.raises(ConfigError) as caught:
        helpers.member(encoder, data, tmp_path, chosen)
    assert "attention.self.query" in str(caught.value.expected)


def test_too_many_layers_are_refused_by_name() -> None:
    for name in ("top_layers", "lora"):
        reason = build_strategy(name, {"layers": 9}).supports(6)
        assert reason == "the model has 6 blocks, fewer than layers: 9"


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        build_strategy("top_layers", {"layer": 2})
    assert caught.value.fix == "did you mean 'layers'?"
    assert build_strategy("lora", {"r": 4}).settings.lora_r == 4  # type: ignore[attr-defined]


def test_the_saved_model_loads_in_sentence_transformers(tiny_model: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = helpers.load(tiny_model)
    tokens, data = helpers.problem(encoder, 40)
    member = helpers.run(encoder, tokens, data, tmp_path / "t", helpers.trial("full"))
    logits = score_rows(member.model, TokenSource.of(tokens, encoder), np.arange(40), member.device)
    save_classifier(
        member.finish(), tmp_path / "m", labels=helpers.LABELS, renderer="r", temperature=1.0
    )
    from tests.conftest import make_rows

    texts = [text for text, _ in make_rows(40, seed=3)]
    found = SentenceTransformer(str(tmp_path / "m")).encode(texts)
    np.testing.assert_allclose(found, logits, rtol=1e-3, atol=1e-3)
