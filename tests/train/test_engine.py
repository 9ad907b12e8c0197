"""The engine: exact accumulation, exact resume, exact stores, nothing moves that should not."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train import helpers
from tunewright.core.events import Event
from tunewright.core.events import Progress as ProgressEvent
from tunewright.models.encoder import Encoder
from tunewright.objectives.base import Batch
from tunewright.study.store import Store
from tunewright.train import engine
from tunewright.train.engine import train
from tunewright.train.member import DivergedError
from tunewright.train.probe import fit_probe
from tunewright.train.recipe import Selection
from tunewright.train.schedule import Schedule
from tunewright.train.source import FrozenOutputs, TokenSource

CONSTANT = Schedule(kind="constant", warmup_steps=0, total_steps=100, horizon_steps=100)


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return helpers.load(tiny_model)


class KilledError(Exception):
    """Stands in for a kill."""


def _kill_after(steps: int):  # type: ignore[no-untyped-def]
    seen = 0

    def emit(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, ProgressEvent)
        if seen >= steps:
            raise KilledError

    return emit


def test_training_learns_and_keeps_its_history(encoder: Encoder, tmp_path: Path) -> None:
    tokens, data = helpers.problem(encoder, 200)
    found = helpers.run(encoder, tokens, data, tmp_path, helpers.trial("full", num_train_epochs=6))
    history = found.progress.history
    assert len(history) == 6
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]
    assert max(entry["dev_score"] for entry in history) > 0.6
    assert found.progress.best_epoch == 1 + int(
        np.argmax([entry["dev_score"] - 1e-6 * entry["dev_loss"] for entry in history])
    )
    assert found.progress.cpu_seconds > 0


def test_the_base_model_is_left_as_it_was(encoder: Encoder, tmp_path: Path) -> None:
    before = {n: p.clone() for n, p in encoder.backbone.named_parameters()}
    tokens, data = helpers.problem(encoder)
    helpers.run(encoder, tokens, data, tmp_path / "a", helpers.trial("full"))
    helpers.run(encoder, tokens, data, tmp_path / "b", helpers.trial("lora"))
    for name, parameter in encoder.backbone.named_parameters():
        assert torch.equal(parameter, before[name])
        assert not parameter.requires_grad


def test_same_seed_same_bytes(encoder: Encoder, tmp_path: Path) -> None:
    tokens, data = helpers.problem(encoder)
    first = helpers.run(encoder, tokens, data, tmp_path / "a", helpers.trial("full"))
    again = helpers.run(encoder, tokens, data, tmp_path / "b", helpers.trial("full"))
    other = helpers.run(encoder, tokens, data, tmp_path / "c", helpers.trial("full", seed=6))
    assert helpers.same_weights(first, again)
    assert not helpers.same_weights(first, other)


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
def test_without_horizons_a_trial_simply_goes_on(
    encoder: Encoder, tmp_path: Path, kind: str
) -> None:
    tokens, data = helpers.problem(encoder)
    chosen = helpers.trial("full", num_train_epochs=3, lr_scheduler_type=kind, dropout=0.2)
    whole = helpers.run(encoder, tokens, data, tmp_path / "whole", chosen)
    steps: list[Event] = []
    spent = 0.0
    for horizon in (1, 2, None):
        found = helpers.run(
            encoder, tokens, data, tmp_path / "rungs", chosen, horizon=horizon, emit=steps.append
        )
        assert found.progress.cpu_seconds > spent
        spent = found.progress.cpu_seconds
    assert sum(isinstance(event, ProgressEvent) for event in steps) == 3 * 9
    assert helpers.same_weights(whole, found)
    assert whole.progress.history == found.progress.history


@pytest.mark.parametrize("strategy", ["full", "top_layers", "lora"])
@pytest.mark.parametrize("killed_after", [1, 8, 9, 10, 17])
def test_a_killed_run_ends_with_the_same_bytes(
    encoder: Encoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strategy: str,
    killed_after: int,
) -> None:
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 0.0)
    tokens, data = helpers.problem(encoder)
    chosen = helpers.trial(strategy, dropout=0.2)
    whole = helpers.run(encoder, tokens, data, tmp_path / "whole", chosen)
    with pytest.raises(KilledError):
        helpers.run(encoder, tokens, data, tmp_path / "cut", chosen, emit=_kill_after(killed_after))
    resumed = helpers.run(encoder, tokens, data, tmp_path / "cut", chosen)
    assert helpers.same_weights(whole, resumed)
    assert whole.progress.history == resumed.progress.history
    best = [sorted((tmp_path / name / "best").glob("*.safetensors")) for name in ("whole", "cut")]
    assert [path.name for path in best[0]] == [f"epoch-{whole.progress.best_epoch}.safetensors"]
    assert [path.name for path in best[1]] == [path.name for path in best[0]]
    assert best[0][0].read_bytes() == best[1][0].read_bytes()


def test_a_later_horizon_trains_on_and_ends_where_one_run_would(
    encoder: Encoder, tmp_path: Path
) -> None:
    tokens, data = helpers.problem(encoder)
    chosen = helpers.trial("full", num_train_epochs=4, lr_scheduler_type="warmup_stable_decay")
    whole = helpers.run(encoder, tokens, data, tmp_path / "whole", chosen)
    steps = 0

    def count(event: Event) -> None:
        nonlocal steps
        steps += isinstance(event, ProgressEvent)

    for horizon in (1, 2, None):
        found = helpers.run(
            encoder, tokens, data, tmp_path / "rungs", chosen, horizon=horizon, emit=count
        )
    assert helpers.same_weights(whole, found)
    per_epoch = 9
    # The falling halves of the first two horizons are all that is done twice.
    assert 4 * per_epoch < steps <= 4 * per_epoch + 5 + 9
    assert found.progress.horizon == 4


def test_a_rung_is_the_same_whether_or_not_it_was_killed(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 0.0)
    tokens, data = helpers.problem(encoder)
    chosen = helpers.trial("full", num_train_epochs=4)
    for name, kills in (("calm", ()), ("wild", (3, 7, 8))):
        helpers.run(encoder, tokens, data, tmp_path / name, chosen, horizon=1)
        for kill in kills:
            with pytest.raises(KilledError):
                helpers.run(
                    encoder,
                    tokens,
                    data,
                    tmp_path / name,
                    chosen,
                    horizon=3,
                    emit=_kill_after(kill),
                )
    calm = helpers.run(encoder, tokens, data, tmp_path / "calm", chosen, horizon=3)
    wild = helpers.run(encoder, tokens, data, tmp_path / "wild", chosen, horizon=3)
    assert helpers.same_weights(calm, wild)
    assert calm.progress.history == wild.progress.history


def test_accumulation_equals_one_large_batch(encoder: Encoder, tmp_path: Path) -> None:
    """In float64 and without dropout the two agree to the last digits, unequal parts included."""
    double = copy.copy(encoder)
    double.backbone = copy.deepcopy(encoder.backbone).double()
    tokens, data = helpers.problem(encoder)
    source = TokenSource.of(tokens, encoder)
    chosen = helpers.trial("full", dropout=0.0)
    rows = data.fit[:11]

    def batch(part: np.ndarray) -> Batch:
        targets = torch.from_numpy(data.targets[part])
        return Batch(inputs=source.inputs(part), targets=targets, rows=part)

    one = helpers.member(double, data, tmp_path, chosen)
    many = helpers.member(double, data, tmp_path, chosen)
    for found in (one, many):
        found.model.double()
    one.step([batch(rows)], 0, CONSTANT)
    many.step([batch(rows[:2]), batch(rows[2:9]), batch(rows[9:])], 0, CONSTANT)
    for name, weight in one.weights().items():
        torch.testing.assert_close(weight, many.weights()[name], rtol=1e-9, atol=1e-11)
    assert one.progress.epoch_loss_total == pytest.approx(many.progress.epoch_loss_total)


def test_batches_of_many_tokens_come_in_parts(encoder: Encoder) -> None:
    """Every row once a step, and no part holds more tokens than allowed."""
    tokens, data = helpers.problem(encoder)
    stream = helpers.stream(tokens, encoder, data, helpers.trial())
    whole = [[batch.rows for batch in step] for step in stream.steps(0, 0)]
    assert all(len(step) == 1 for step in whole)
    small = replace(stream, micro_batch_tokens=20)
    parts = [[batch.rows for batch in step] for step in small.steps(0, 0)]
    assert [np.concatenate(step).tolist() for step in parts] == [s[0].tolist() for s in whole]
    assert max(len(step) for step in parts) > 1
    for step in parts:
        for rows in step:
            assert len(rows) == 1 or len(rows) * tokens.lengths[rows].max() <= 20


@pytest.mark.parametrize("layers", [1, 2])
def test_stored_states_give_the_training_that_tokens_give(
    encoder: Encoder, tmp_path: Path, layers: int
) -> None:
    tokens, data = helpers.problem(encoder)
    outputs = FrozenOutputs(
        store=Store(tmp_path / "store"),
        encoder=encoder,
        tokens=tokens,
        tokens_hash="t",
        numerics="float32",
    )
    depth = encoder.depth - layers
    outputs.ensure([depth], lambda done, total: None)
    chosen = helpers.trial(settings={"layers": layers}, dropout=0.1)
    plain = helpers.run(encoder, tokens, data, tmp_path / "tokens", chosen)
    stored = helpers.run(
        encoder, tokens, data, tmp_path / "states", chosen, source=outputs.states(depth)
    )
    assert plain.lowest_trained_layer == depth
    for name, weight in plain.weights().items():
        if name.endswith("key.bias"):
            continue  # it adds the same to all scores of a query: its gradient is rounding alone
        torch.testing.assert_close(weight, stored.weights()[name], rtol=1e-4, atol=1e-5)
    losses = [[entry["train_loss"] for entry in m.progress.history] for m in (plain, stored)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_the_store_is_exact_and_computed_once(encoder: Encoder, tmp_path: Path) -> None:
    tokens, _ = helpers.problem(encoder, 40)
    store = Store(tmp_path / "store")
    outputs = FrozenOutputs(
        store=store, encoder=encoder, tokens=tokens, tokens_hash="t", numerics="float32"
    )
    calls: list[int] = []
    outputs.ensure([1, 2], lambda done, total: calls.append(done))
    assert calls
    made = len(calls)
    outputs.ensure([1, 2], lambda done, total: calls.append(done))
    assert len(calls) == made
    source = TokenSource.of(tokens, encoder)
    for row in range(40):
        inputs = source.inputs(np.array([row]))
        with torch.no_grad():
            hidden = encoder.backbone(
                input_ids=inputs.input_ids_bt, output_hidden_states=True
            ).hidden_states
            vector = encoder.pooled(inputs.input_ids_bt, None)
        for depth in (1, 2):
            found = outputs.states(depth).inputs(np.array([row])).states_btd
            torch.testing.assert_close(found, hidden[depth], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(outputs.vectors()[row], vector[0].numpy(), atol=1e-5)


def test_frozen_parts_have_no_dropout(encoder: Encoder, tmp_path: Path) -> None:
    _, data = helpers.problem(encoder)
    found = helpers.member(encoder, data, tmp_path, helpers.trial(settings={"layers": 1}))
    found._train_mode()
    blocks = found.model.blocks
    assert [any(m.training for m in block.modules()) for block in blocks] == [False, False, True]
    assert not found.model.backbone.embeddings.training


def test_the_head_starts_from_the_probe(encoder: Encoder, tmp_path: Path) -> None:
    tokens, data = helpers.problem(encoder)
    outputs = FrozenOutputs(
        store=Store(tmp_path / "s"), encoder=encoder, tokens=tokens, tokens_hash="t", numerics="x"
    )
    outputs.ensure([], lambda done, total: None)
    vectors = outputs.vectors()
    probe = fit_probe(vectors[data.fit], data.targets[data.fit], data.classes, 20.0)
    found = helpers.member(encoder, data, tmp_path, helpers.trial(head_init="probe"), probe)
    logits = helpers.logits_of(found, TokenSource.of(tokens, encoder), data.dev)
    np.testing.assert_allclose(logits, probe.logits(vectors[data.dev]), atol=1e-3)


def test_divergence_is_a_failed_trial_with_its_reason(encoder: Encoder, tmp_path: Path) -> None:
    tokens, data = helpers.problem(encoder)
    found = helpers.member(encoder, data, tmp_path, helpers.trial("full"))
    with torch.no_grad():
        found.model.head.linear.weight.fill_(float("nan"))
    with pytest.raises(DivergedError, match="diverged in epoch 1, step 1"):
        train(
            [found],
            helpers.stream(tokens, encoder, data, helpers.trial("full")),
            None,
            lambda event: None,
        )


def test_early_stopping_keeps_the_best_epoch(encoder: Encoder, tmp_path: Path) -> None:
    tokens, data = helpers.problem(encoder)
    chosen = helpers.trial("full", num_train_epochs=30, early_stopping_patience=2)
    found = helpers.run(encoder, tokens, data, tmp_path, chosen)
    progress = found.progress
    assert progress.stopped_early
    assert progress.epoch == progress.best_epoch + 2 < 30
    found.load_judged()
    source = TokenSource.of(tokens, encoder)
    answers = helpers.logits_of(found, source, data.dev).argmax(1)
    best = progress.history[progress.best_epoch - 1]["dev_score"]
    assert helpers.accuracy(data.targets[data.dev], answers) == best


def test_a_point_of_the_learning_curve_is_scored_at_its_end_alone(
    encoder: Encoder, tmp_path: Path
) -> None:
    tokens, data = helpers.problem(encoder)
    whole = helpers.trial("full", num_train_epochs=3)
    point = whole.model_copy(update={"selection": Selection(size=72)})
    scored = [
        [("dev_score" in entry) for entry in found.progress.history]
        for found in (
            helpers.run(encoder, tokens, data, tmp_path / name, chosen)
            for name, chosen in (("whole", whole), ("point", point))
        )
    ]
    assert scored == [[True] * 3, [False, False, True]]
    kept = [path.name for path in sorted((tmp_path / "point" / "best").glob("*.safetensors"))]
    assert kept == ["epoch-3.safetensors"]
    dev = [path.name for path in sorted((tmp_path / "point" / "dev").glob("*.safetensors"))]
    assert dev == ["epoch-3.safetensors"]


def test_a_later_horizon_forgets_what_was_best_after_the_branch(
    encoder: Encoder, tmp_path: Path
) -> None:
    """Its best epoch is one on its own way, with the weights of that epoch."""
    tokens, data = helpers.problem(encoder)
    chosen = helpers.trial(
        "full",
        num_train_epochs=6,
        early_stopping_patience=6,
        lr_scheduler_type="warmup_stable_decay",
    )
    whole = helpers.run(encoder, tokens, data, tmp_path / "whole", chosen)
    found = helpers.member(encoder, data, tmp_path / "cut", chosen)
    batches = helpers.stream(tokens, encoder, data, chosen)
    train([found], batches, helpers.judge(batches), lambda event: None, horizon=4)
    flattered = tmp_path / "cut" / "best" / "epoch-4.safetensors"
    flattered.write_bytes((tmp_path / "cut" / "last" / "state.safetensors").read_bytes())
    train([found], batches, helpers.judge(batches), lambda event: None)
    assert found.progress.history == whole.progress.history
    for member in (whole, found):
        member.load_judged()
    assert helpers.same_weights(whole, found)
    kept = [path.name for path in (tmp_path / "cut" / "best").glob("*.safetensors")]
    assert kept == [f"epoch-{whole.progress.best_epoch}.safetensors"]


def test_a_cohort_shares_its_batches_and_stays_apart(encoder: Encoder, tmp_path: Path) -> None:
    tokens, data = helpers.problem(encoder)
    trials = [helpers.trial("full", learning_rate=rate) for rate in (1e-2, 3e-3)]
    alone = [
        helpers.run(encoder, tokens, data, tmp_path / f"alone{i}", t) for i, t in enumerate(trials)
    ]
    together = [
        helpers.member(encoder, data, tmp_path / f"cohort{i}", t) for i, t in enumerate(trials)
    ]
    batches = helpers.stream(tokens, encoder, data, trials[0])
    train(together, batches, helpers.judge(batches), lambda event: None)
    for a, b in zip(alone, together, strict=True):
        assert helpers.same_weights(a, b)


def test_gradient_clipping(encoder: Encoder, tmp_path: Path) -> None:
    tokens, data = helpers.problem(encoder)
    found = helpers.member(encoder, data, tmp_path, helpers.trial("full", max_grad_norm=1e-3))
    rows = data.fit[:8]
    targets = torch.from_numpy(data.targets[rows])
    inputs = TokenSource.of(tokens, encoder).inputs(rows)
    norms: list[float] = []
    step = found._optimizer.step
    found._optimizer.step = lambda factor: (  # type: ignore[method-assign]
        norms.append(
            float(
                torch.stack(
                    [p.grad.norm() for p in found._optimizer.parameters if p.grad is not None]
                ).norm()
            )
        ),
        step(factor),
    )[1]
    found.step([Batch(inputs=inputs, targets=targets, rows=rows)], 0, CONSTANT)
    assert norms[0] == pytest.approx(1e-3, rel=1e-3)
