"""The job that trains: what it tells of trials that are trained already."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.experiment.helpers import FakeTraining, evaluator, recipe, two_label_data
from tunewright.core.events import Event, Progress
from tunewright.experiment import trials as jobs
from tunewright.experiment.evaluator import Run
from tunewright.study.ledger import Ledger
from tunewright.train.numerics import Numerics
from tunewright.train.recipe import Trial

LANES = Numerics(matmul="default", precision="float32", attention="eager", threads=2, lanes=2)


@pytest.fixture
def three(tmp_path: Path) -> tuple[FakeTraining, list[Trial]]:
    """Three trials, of which the first is trained to its end and the second to its first epoch."""
    training = FakeTraining(two_label_data(), tmp_path, lambda recipe, epoch: 0.8)
    with_ledger = evaluator(training, Ledger(tmp_path / "ledger.sqlite"))
    runs = [Run(recipe=recipe(num_train_epochs=3), seed=seed) for seed in range(3)]
    with_ledger.score(runs[0])
    with_ledger.score(Run(recipe=runs[1].recipe, seed=1, horizon=1))
    return training, [with_ledger.trials(run)[0] for run in runs]


def test_what_is_trained_counts_as_done(
    three: tuple[FakeTraining, list[Trial]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a worker that has died would seem to have got nowhere, and two lanes would share
    the seconds of one."""
    training, chosen = three
    told: list[Event] = []
    workspace: Any = SimpleNamespace(
        layout=training.layout,
        numerics=LANES,
        context=SimpleNamespace(emit=told.append),
        dataset=training.data,
    )
    data = SimpleNamespace(dev=[])
    made = SimpleNamespace(folder=training.layout.trial("made"))
    monkeypatch.setattr(
        jobs,
        "prepare_trial",
        lambda *_: (made, SimpleNamespace(source=None, data=data, device=None)),
    )
    monkeypatch.setattr(jobs, "_result", lambda member, data: {})
    clocks = []

    def train(members: Any, stream: Any, judge: Any, emit: Any, horizon: Any, clock: Any) -> None:
        clocks.append(clock)
        emit(Progress(activity="training", done=1, total=2))

    monkeypatch.setattr(jobs, "train", train)
    job = jobs._Training(workspace, "accuracy", chosen, [None, None, None])
    thread = threading.Thread(target=lambda: job.train(1))
    thread.start()
    thread.join()
    job.train(2)
    shares = [event.done / event.total for event in told if isinstance(event, Progress)]
    assert shares == [pytest.approx(1.5 / 3, abs=1e-3), pytest.approx(2.5 / 3, abs=1e-3)]
    assert [clock.works for clock in clocks] == [2, 2]
