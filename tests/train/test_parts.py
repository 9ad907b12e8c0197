"""Optimiser, dropout, checkpoints, probe, numerics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tunewright.core.errors import ModelError
from tunewright.strategies.base import ParameterGroup
from tunewright.train.checkpoint import load_state, save_state
from tunewright.train.dropout import DropoutStream, StreamDropout, set_dropout, use_stream
from tunewright.train.numerics import Numerics, calibrate
from tunewright.train.optimizers.adamw import NamedAdamW
from tunewright.train.probe import fit_probe
from tunewright.train.recipe import Hyperparameters


def _groups(model: nn.Module) -> list[ParameterGroup]:
    named = dict(model.named_parameters())
    return [
        ParameterGroup(parameters={n: p for n, p in named.items() if p.ndim > 1}),
        ParameterGroup(
            parameters={n: p for n, p in named.items() if p.ndim == 1},
            decayed=False,
            learning_rate_scale=0.5,
        ),
    ]


class TestOptimizer:
    def test_equals_torch_with_the_same_groups(self) -> None:
        torch.manual_seed(0)
        ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
        theirs.load_state_dict(ours.state_dict())
        values = Hyperparameters(learning_rate=0.1, weight_decay=0.3)
        optimizer = NamedAdamW(_groups(ours), values)
        oracle = torch.optim.AdamW(
            [
                {"params": [theirs.weight], "lr": 0.1 * 0.25, "weight_decay": 0.3},
                {"params": [theirs.bias], "lr": 0.1 * 0.25 * 0.5, "weight_decay": 0.0},
            ]
        )
        for step in range(5):
            x = torch.randn(6, 4, generator=torch.Generator().manual_seed(step))
            for model in (ours, theirs):
                model.zero_grad()
                model(x).pow(2).sum().backward()
            optimizer.step(0.25)
            oracle.step()
        torch.testing.assert_close(ours.weight, theirs.weight)
        torch.testing.assert_close(ours.bias, theirs.bias)

    def test_state_survives_by_name(self) -> None:
        torch.manual_seed(0)
        model, values = nn.Linear(4, 3), Hyperparameters(learning_rate=0.1)
        optimizer = NamedAdamW(_groups(model), values)
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step(1.0)
        twin = nn.Linear(4, 3)
        twin.load_state_dict(model.state_dict())
        other = NamedAdamW(_groups(twin), values)
        other.load_state({name: value.clone() for name, value in optimizer.state().items()})
        for m, o in ((model, optimizer), (twin, other)):
            m(torch.ones(2, 4)).pow(2).sum().backward()
            o.step(1.0)
        assert torch.equal(model.weight, twin.weight)


class TestDropout:
    def test_share_and_scale(self) -> None:
        layer = StreamDropout(0.3, DropoutStream(1, alone=True))
        found = layer(torch.ones(400, 400))
        dropped = (found == 0).float().mean().item()
        assert dropped == pytest.approx(0.3, abs=0.01)
        torch.testing.assert_close(found.max(), torch.tensor(1 / 0.7))
        assert found.mean().item() == pytest.approx(1.0, abs=0.02)

    def test_a_step_draws_the_same_numbers_again(self) -> None:
        stream = DropoutStream(1, alone=True)
        layer = StreamDropout(0.5, stream)
        stream.restart(3, 0)
        first = layer(torch.ones(50))
        attention = torch.rand(3)
        stream.restart(4, 0)
        other = layer(torch.ones(50))
        stream.restart(3, 0)
        assert torch.equal(layer(torch.ones(50)), first)
        assert torch.equal(torch.rand(3), attention)
        assert not torch.equal(first, other)

    def test_nothing_happens_outside_training(self) -> None:
        layer = StreamDropout(0.5, DropoutStream(1, alone=True)).eval()
        assert torch.equal(layer(torch.ones(9)), torch.ones(9))

    def test_every_dropout_of_a_block_is_replaced(self) -> None:
        block = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1), nn.Sequential(nn.Dropout(0.4)))
        set_dropout([block], 0.2)
        use_stream([block], DropoutStream(1, alone=True))
        rates = [m.p for m in block.modules() if isinstance(m, StreamDropout)]
        assert rates == [0.2, 0.2]
        use_stream([block], DropoutStream(2, alone=True))
        assert [m.p for m in block.modules() if isinstance(m, StreamDropout)] == [0.2, 0.2]


class TestCheckpoint:
    def test_round_trip_with_readable_progress(self, tmp_path: Path) -> None:
        path = tmp_path / "last" / "state.safetensors"
        tensors = {"a": torch.randn(3, 2), "b": torch.tensor(4.0)}
        save_state(path, tensors, {"epoch": 2, "history": [{"loss": 0.5}]})
        found, progress = load_state(path)
        assert torch.equal(found["a"], tensors["a"])
        assert progress == {"epoch": 2, "history": [{"loss": 0.5}]}
        assert json.loads(path.with_name("progress.json").read_text()) == progress

    def test_a_damaged_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "state.safetensors"
        save_state(path, {"a": torch.ones(100)}, {})
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(ModelError, match="damaged"):
            load_state(path)


class TestProbe:
    def test_equals_scikit_learn(self) -> None:
        from sklearn.linear_model import LogisticRegression

        rng = np.random.default_rng(0)
        vectors = rng.normal(size=(120, 6)).astype(np.float32)
        targets = rng.integers(0, 4, 120)
        probe = fit_probe(vectors, targets, 4, 2.0)
        oracle = LogisticRegression(C=2.0, max_iter=2000, tol=1e-8).fit(vectors, targets)
        np.testing.assert_allclose(
            probe.logits(vectors), oracle.decision_function(vectors), atol=2e-2
        )

    def test_two_classes_and_absent_ones(self) -> None:
        rng = np.random.default_rng(0)
        vectors = rng.normal(size=(60, 3)).astype(np.float32)
        targets = np.where(vectors[:, 0] > 0, 3, 1)
        probe = fit_probe(vectors, targets, 5, 10.0)
        answers = probe.logits(vectors).argmax(1)
        assert (answers == targets).mean() > 0.95
        assert set(answers) <= {1, 3}

    def test_one_class(self) -> None:
        probe = fit_probe(np.ones((4, 2), np.float32), np.array([2, 2, 2, 2]), 3, 1.0)
        assert probe.logits(np.zeros((1, 2), np.float32)).argmax() == 2


class TestNumerics:
    def test_calibration_gives_reasons_and_survives_json(self) -> None:
        found = calibrate(dim=16, heads=2, batch=4, tokens=8, threads=1)
        assert found.matmul in {"default", "onednn"}
        assert found.attention in {"eager", "sdpa"}
        assert len(found.reasons) == 3
        assert Numerics.from_dict(json.loads(json.dumps(found.as_dict()))) == found
        assert found.name == f"{found.precision}-{found.matmul}-{found.attention}-1-1-2"

    @pytest.mark.parametrize("matmul", ["default", "onednn"])
    def test_both_ways_compute_in_float32(self, matmul: str) -> None:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(64, 96, generator=generator)
        w = torch.randn(48, 96, generator=generator)
        exact = x.double() @ w.double().t()
        try:
            Numerics(matmul=matmul, precision="float32", attention="eager", threads=1).apply()
            error = (nn.functional.linear(x, w) - exact).abs().max() / exact.abs().max()
        finally:
            Numerics(matmul="default", precision="float32", attention="eager", threads=1).apply()
        if matmul == "default":
            assert error < 5e-6
        else:  # with bfloat16 tiles it is coarser, which is what the calibration looks for
            assert error < 5e-2
