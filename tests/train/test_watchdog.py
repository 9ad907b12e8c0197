"""The watchdog: calm where training is merely noisy, and back to the last good step where not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.writing import helpers
from tunewright.core.events import Event, Notice
from tunewright.train import engine, watchdog
from tunewright.train.checkpoint import load_progress
from tunewright.train.engine import train
from tunewright.train.member import DivergedError, Member
from tunewright.train.watchdog import PATIENCE, WINDOW, Verdict, Watchdog, rolls_back


@pytest.fixture(autouse=True)
def _no_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what these small trainings would take."""
    monkeypatch.setattr(engine, "release_memory", lambda: None)


def _watchdog(weight: torch.Tensor, *, keeps: bool = True) -> Watchdog:
    def restore(tensors: dict[str, torch.Tensor]) -> None:
        weight.copy_(tensors["weights/w"])

    return Watchdog(
        lambda: {"weights/w": weight},
        restore,
        are_numbers=lambda: bool(torch.isfinite(weight).all()),
        keeps_snapshots=keeps,
    )


def _calm(dog: Watchdog, steps: int, first: int = 0) -> None:
    rng = np.random.default_rng(1)
    for step in range(first, first + steps):
        assert dog.look(2.0 + 0.1 * rng.random(), 1.0, step) is Verdict.UPDATE


NOISES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    # Batches of eight, of which one in a hundred rows is labelled wrongly.
    "rare wrong labels": lambda rng, n: (
        0.01 * rng.lognormal(0, 0.5, n) + 0.75 * rng.binomial(8, 0.01, n)
    ),
    "many wrong labels": lambda rng, n: 0.01 + 0.75 * rng.binomial(8, 0.1, n),
    "falling": lambda rng, n: 3 * np.exp(-np.arange(n) / 300) * rng.lognormal(0, 0.3, n),
    "rising slowly": lambda rng, n: (0.1 + np.arange(n) / n) * rng.lognormal(0, 0.2, n),
    "nothing left to learn": lambda rng, n: np.where(rng.random(n) < 0.03, 1e-3, 1e-8),
}


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_no_spike(kind: str) -> None:
    rng = np.random.default_rng(0)
    losses, norms = NOISES[kind](rng, 3000), NOISES[kind](rng, 3000)
    dog = _watchdog(torch.zeros(1))
    assert {dog.look(float(a), float(b), n) for n, (a, b) in enumerate(zip(losses, norms))} == {  # noqa: B905
        Verdict.UPDATE
    }


@pytest.mark.parametrize(("loss", "norm"), [(9.0, 1.0), (2.0, 50.0)])
def test_what_stays_far_above_all_is_taken_back(loss: float, norm: float) -> None:
    weight = torch.zeros(2)
    dog = _watchdog(weight)
    _calm(dog, WINDOW)
    weight.fill_(7.0)  # since the last snapshot
    for step in range(WINDOW, WINDOW + PATIENCE - 1):
        assert dog.look(loss, norm, step) is Verdict.UPDATE
    assert dog.look(loss, norm, WINDOW + PATIENCE) is Verdict.ROLL_BACK
    assert weight.tolist() == [0.0, 0.0]


def test_nothing_is_judged_in_the_first_steps() -> None:
    dog = _watchdog(torch.zeros(1))
    _calm(dog, WINDOW - 1)
    for step in range(PATIENCE):
        assert dog.look(100.0, 100.0, WINDOW + step) is Verdict.UPDATE


def test_a_gradient_that_is_no_number_is_left_out() -> None:
    weight = torch.ones(1)
    dog = _watchdog(weight)
    _calm(dog, 3)
    weight.fill_(2.0)
    assert dog.look(float("nan"), 1.0, 3) is Verdict.SKIP
    assert dog.look(1.0, float("inf"), 4) is Verdict.SKIP
    assert weight.item() == 2.0
    assert dog.look(float("nan"), 1.0, 5) is Verdict.ROLL_BACK  # three in a row
    assert weight.item() == 1.0
    weight.fill_(float("nan"))
    assert dog.look(float("nan"), 1.0, 6) is Verdict.ROLL_BACK  # the weights are gone: at once
    assert weight.item() == 1.0


def test_without_snapshots_the_trial_fails() -> None:
    weight = torch.ones(1)
    dog = _watchdog(weight, keeps=False)
    _calm(dog, WINDOW)
    with pytest.raises(DivergedError, match=r"after a median of 2\.0"):
        for step in range(PATIENCE):
            dog.look(50.0, 1.0, step)


def test_what_it_remembers_survives() -> None:
    """Continued from its state at any step it judges as it would have."""
    rng = np.random.default_rng(3)
    losses = [*rng.lognormal(0, 0.1, WINDOW + 9), 90.0, 90.0, float("nan"), 90.0, 90.0, 90.0, 1.0]
    for cut in (0, 30, WINDOW + 10, WINDOW + 11, WINDOW + 12, WINDOW + 14):
        found = []
        for resumed in (False, True):
            weight = torch.zeros(1)
            dog, verdicts = _watchdog(weight), []
            for step, loss in enumerate(losses):
                if resumed and step == cut:
                    saved = {n: v.clone() for n, v in dog.state().items()}
                    dog = _watchdog(weight)
                    dog.load_state(saved)
                verdicts.append((dog.look(float(loss), 1.0, step), weight.item()))
                weight += 1
            found.append((verdicts, dog.state()))
        assert found[0][0] == found[1][0]
        assert Verdict.ROLL_BACK in [verdict for verdict, _ in found[0][0]]
        assert found[0][1].keys() == found[1][1].keys()
        assert all(torch.equal(v, found[1][1][n]) for n, v in found[0][1].items())


def test_snapshots_are_kept_where_they_are_cheap() -> None:
    assert rolls_back(None, 10**6, 10**6)
    assert rolls_back(None, 40_000_000, 8_000_000_000)
    assert not rolls_back(None, 22_000_000, 22_000_000)
    assert rolls_back(True, 22_000_000, 22_000_000)
    assert not rolls_back(False, 1, 1)


def _spoil(member: Member, at: set[int], how: str) -> None:
    """Before some steps the weights are replaced by nonsense, as by an update far too large."""
    step_of = member.step

    def step(batches: object, step: int, *rest: object) -> None:
        if step in at:
            with torch.no_grad():
                for number, weight in enumerate(member.weights().values()):
                    generator = torch.Generator().manual_seed(number)
                    weight.copy_(torch.randn(weight.shape, generator=generator) * 30)
                    if how == "nan":
                        weight.fill_(float("nan"))
        step_of(batches, step, *rest)  # type: ignore[arg-type]

    member.step = step  # type: ignore[method-assign]


def _spoilt(
    folder: Path, at: set[int], how: str, emit: Callable[[Event], None], epochs: int = 4
) -> Member:
    chosen = helpers.trial("full", num_train_epochs=epochs, ema_decay=0.9)
    member, stream, judge = helpers.prepared(helpers.token_rows(60), folder, chosen)
    _spoil(member, at, how)
    train([member], stream, judge, emit)
    return member


@pytest.mark.parametrize("how", ["nan", "far off"])
def test_a_spoilt_training_goes_on_from_its_last_good_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(watchdog, "SNAPSHOT_STEPS", 4)
    monkeypatch.setattr(watchdog, "WINDOW", 12)
    events: list[Event] = []
    member = _spoilt(tmp_path, {20, 37}, how, events.append)
    assert member.progress.rollbacks == 2
    assert member.progress.skipped_steps == 2
    told = [event.text for event in events if isinstance(event, Notice)]
    assert len(told) == 2
    assert "went back by" in told[0]
    assert "goes on with the next batch" in told[0]
    losses = [record["dev_loss"] for record in member.progress.history]
    assert losses[-1] < losses[0] < 6.0
    assert load_progress(tmp_path / "last" / "state.safetensors")["rollbacks"] == 2


class KilledError(Exception):
    """Stands in for a kill."""


def test_a_rollback_after_a_kill_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "SNAPSHOT_STEPS", 4)
    monkeypatch.setattr(watchdog, "WINDOW", 12)
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 0.0)
    whole = _spoilt(tmp_path / "whole", {20}, "far off", lambda event: None, 2)
    for kill in (21, 22, 23):  # before the harm, and between it and what is done about it
        folder, seen = tmp_path / f"cut{kill}", 0

        def emit(event: Event, kill: int = kill) -> None:
            nonlocal seen
            seen += type(event).__name__ == "Progress"
            if seen == kill:
                raise KilledError

        with pytest.raises(KilledError):
            _spoilt(folder, {20}, "far off", emit, 2)
        # A kill comes before its step is saved: 21 goes on with step 20.
        again = {20} if kill == 21 else set()
        resumed = _spoilt(folder, again, "far off", lambda event: None, 2)
        assert resumed.progress.rollbacks == whole.progress.rollbacks == 1
        for name, weight in whole.weights().items():
            assert torch.equal(weight, resumed.weights()[name])


def test_after_three_rollbacks_the_trial_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "SNAPSHOT_STEPS", 4)
    with pytest.raises(DivergedError, match="after 3 rollbacks") as problem:
        _spoilt(tmp_path, {6, 12, 18, 24}, "nan", lambda event: None)
    assert problem.value.found == "learning_rate 0.01"
