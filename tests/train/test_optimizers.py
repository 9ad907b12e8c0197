"""The contract of every optimiser, held against the library's own, and the groups of LoRA+."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch
from torch import nn

from tests.models.writers import make_writer_model
from tunewright.core.errors import ConfigError
from tunewright.models.writer import Writer
from tunewright.strategies.base import ParameterGroup, build_strategy
from tunewright.train.optimizers import (
    OPTIMIZERS,
    build_optimizer,
    check_optimizer,
    optimizer_class,
)
from tunewright.train.optimizers.base import NamedOptimizer
from tunewright.train.recipe import Hyperparameters

_HAS_8_BITS = importlib.util.find_spec("bitsandbytes") is not None
NAMES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif("8bit" in name and not _HAS_8_BITS, reason="no bitsandbytes"),
    )
    for name in OPTIMIZERS
]


def _model() -> nn.Sequential:
    """With a matrix large enough to be kept in eight bits, and vectors."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 80), nn.Tanh(), nn.Linear(80, 3))


def _optimizer(name: str, model: nn.Module) -> NamedOptimizer:
    named = dict(model.named_parameters())
    groups = [
        ParameterGroup(parameters={n: p for n, p in named.items() if p.ndim > 1}),
        ParameterGroup(
            parameters={n: p for n, p in named.items() if p.ndim == 1},
            decayed=False,
            learning_rate_scale=0.5,
        ),
    ]
    values = Hyperparameters(optim=name, learning_rate=0.01, weight_decay=0.1, adam_beta2=0.95)  # type: ignore[arg-type]
    return optimizer_class(name)(groups, values)


def _gradients(model: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    model(torch.randn(8, 64, generator=generator)).pow(2).sum().backward()


def _library(name: str, groups: list[dict[str, Any]]) -> Any:
    """The library's own optimiser, as transformers' Trainer would make it."""
    options: dict[str, Any] = {"betas": (0.9, 0.95), "eps": 1e-8}
    if name == "adamw_torch_fused":
        return torch.optim.AdamW(groups, **options)
    if name == "adafactor":
        from transformers.optimization import Adafactor

        return Adafactor(groups, scale_parameter=False, relative_step=False)
    import bitsandbytes as bnb

    kinds = {"adamw_8bit": bnb.optim.AdamW8bit, "paged_adamw_8bit": bnb.optim.PagedAdamW8bit}
    return kinds[name](groups, **options)


@pytest.mark.parametrize("name", NAMES)
def test_the_library_does_the_same(name: str) -> None:
    ours, theirs = _model(), _model()
    optimizer = _optimizer(name, ours)
    named = dict(theirs.named_parameters())
    oracle = _library(
        name,
        [
            {"params": [p for p in named.values() if p.ndim > 1], "weight_decay": 0.1, "lr": 1.0},
            {"params": [p for p in named.values() if p.ndim == 1], "weight_decay": 0.0, "lr": 1.0},
        ],
    )
    for step in range(6):
        factor = (step + 1) / 6
        for model in (ours, theirs):
            _gradients(model, step)
        for group, scale in zip(oracle.param_groups, (1.0, 0.5), strict=True):
            group["lr"] = 0.01 * factor * scale
        optimizer.step(factor)
        oracle.step()
        oracle.zero_grad()
        assert all(p.grad is None for p in ours.parameters())
    for name_, weight in ours.named_parameters():
        torch.testing.assert_close(weight, named[name_], rtol=1e-6, atol=1e-7)
    assert not torch.equal(ours[0].weight, _model()[0].weight)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stopped", [0, 1, 4])
def test_what_was_saved_goes_on_bit_for_bit(name: str, stopped: int) -> None:
    whole = _model()
    optimizer = _optimizer(name, whole)
    for step in range(7):
        if step == stopped:
            weights = {n: p.detach().clone() for n, p in whole.named_parameters()}
            saved = {n: value.clone() for n, value in optimizer.state().items()}
        _gradients(whole, step)
        optimizer.step(1.0)
    parts = {n.split("/")[0] for n in saved}
    assert parts <= {*optimizer.parts, "step"}
    assert bool(parts) == (stopped > 0)
    kept = {n: value.clone() for n, value in saved.items()}

    resumed = _model()
    other = _optimizer(name, resumed)
    _gradients(resumed, 99)  # what it did before must leave no trace
    other.step(1.0)
    with torch.no_grad():
        for n, p in resumed.named_parameters():
            p.copy_(weights[n])
    other.load_state(saved)
    for step in range(stopped, 7):
        _gradients(resumed, step)
        other.step(1.0)
    for n, p in whole.named_parameters():
        assert torch.equal(p, resumed.get_parameter(n)), n
    assert all(torch.equal(kept[n], saved[n]) for n in kept)  # a snapshot serves more than once


def test_adafactor_keeps_next_to_nothing() -> None:
    model = _model()
    sizes = {}
    for name in ("adamw_torch_fused", "adafactor"):
        optimizer = _optimizer(name, model)
        _gradients(model, 0)
        optimizer.step(1.0)
        sizes[name] = sum(value.numel() for value in optimizer.state().values())
    assert sizes["adafactor"] < 0.05 * sizes["adamw_torch_fused"]


@pytest.mark.parametrize("name", ["adamw_8bit", "paged_adamw_8bit"])
def test_eight_bits_are_refused_without_a_gpu(name: str) -> None:
    values = Hyperparameters(optim=name)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs an NVIDIA GPU") as problem:
        build_optimizer([], values, "cpu")
    assert problem.value.field == "optim"
    assert "adafactor" in str(problem.value.fix)
    check_optimizer("adafactor", "cpu")


def test_divided_weights_want_the_default() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    weight.device_mesh = "as FSDP has it"  # type: ignore[attr-defined]
    groups = [ParameterGroup(parameters={"w": weight})]
    with pytest.raises(ConfigError, match="divided among processes"):
        build_optimizer(groups, Hyperparameters(optim="adafactor"), "cpu")
    build_optimizer(groups, Hyperparameters(), "cpu")


def test_other_spellings() -> None:
    values = Hyperparameters(optim="adamw_torch", lr_scheduler_type="constant_with_warmup")  # type: ignore[arg-type]
    assert (values.optim, values.lr_scheduler_type) == ("adamw_torch_fused", "constant")
    assert Hyperparameters(optimizer="adamw_bnb_8bit").optim == "adamw_8bit"  # type: ignore[call-arg]


def test_lora_plus_groups_are_those_of_peft() -> None:
    from peft import LoraConfig, get_peft_model
    from peft.optimizers import create_loraplus_optimizer

    writer = Writer(make_writer_model("llama"))
    strategy = build_strategy("lora", {"lora_r": 4, "loraplus_lr_ratio": 16})
    strategy.prepare(writer)
    values = Hyperparameters(learning_rate=1e-3, weight_decay=0.1)
    ours = build_optimizer(strategy.parameter_groups(writer), values, "cpu")
    ours.step(1.0)
    found = {
        name.removeprefix("model."): (group["lr"], group["weight_decay"])
        for group in ours.optimizer.param_groups
        for name, parameter in zip(ours.names, ours.parameters, strict=True)
        if any(parameter is other for other in group["params"])
    }
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    peft_model = get_peft_model(make_writer_model("llama"), config)
    oracle = create_loraplus_optimizer(
        peft_model, torch.optim.AdamW, lr=1e-3, loraplus_lr_ratio=16, loraplus_weight_decay=0.1
    )
    names = {id(p): n for n, p in peft_model.named_parameters()}
    expected = {
        names[id(p)].removeprefix("base_model.model."): (group["lr"], 0.1)
        for group in oracle.param_groups
        for p in group["params"]
    }
    assert found.keys() == expected.keys()
    for name, rates in expected.items():
        assert found[name] == pytest.approx(rates)
        assert rates[0] == pytest.approx(1.6e-2 if "lora_B" in name else 1e-3)


@pytest.mark.parametrize("name", ["adamw_torch_fused", "adafactor"])
def test_small_steps_add_up_in_bfloat16(name: str) -> None:
    """A step of 1e-5 is far below what bfloat16 tells apart near 0.1, a hundred of them are not."""
    exact, half = _model(), _model().to(torch.bfloat16)
    start = [p.detach().float().clone() for p in half.parameters()]
    kept: dict[str, torch.Tensor] = {}

    def trained(model: nn.Module, first: int, last: int, state: dict[str, torch.Tensor]) -> Any:
        groups = [ParameterGroup(parameters=dict(model.named_parameters()), decayed=False)]
        values = Hyperparameters(optim=name, learning_rate=1e-5)  # type: ignore[arg-type]
        optimizer = optimizer_class(name)(groups, values)
        optimizer.load_state(state)
        for _ in range(first, last):
            for parameter in model.parameters():
                parameter.grad = torch.ones_like(parameter)
            optimizer.step(1.0)
            assert all(p.grad is None for p in model.parameters())
        return {n: v.clone() for n, v in optimizer.state().items()}

    trained(exact, 0, 150, {})
    kept = trained(half, 0, 70, {})
    assert kept["twin/0.weight"].dtype == torch.float32
    trained(half, 70, 150, kept)  # as a continued trial does
    for before, found, sure in zip(start, half.parameters(), exact.parameters(), strict=True):
        assert found.dtype == torch.bfloat16
        moved = float((found.detach().float() - before).mean())
        assert moved == pytest.approx(-1.5e-3, rel=0.1)
        torch.testing.assert_close(found.float(), sure.detach(), rtol=1e-2, atol=1e-3)


def test_adapters_on_a_base_in_bfloat16_move_in_float32() -> None:
    writer = Writer(make_writer_model("llama").to(torch.bfloat16))
    build_strategy("lora", {}).prepare(writer)
    assert {p.dtype for p in writer.parameters() if p.requires_grad} == {torch.float32}
