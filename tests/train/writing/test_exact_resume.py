"""A writer that is killed at any step ends with the bytes of one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.writers import make_writer_model
from tests.train.writing import helpers
from tunewright.core.events import Event, Progress
from tunewright.models.layers import states_at
from tunewright.train import engine, watchdog
from tunewright.train.engine import train
from tunewright.train.member import Member
from tunewright.train.writing.rows import Ragged, TokenRows
from tunewright.train.writing.source import StoredSource

ROWS = 20
LORA = {"lora_r": 2, "lora_dropout": 0.2}
CASES: dict[str, dict[str, Any]] = {
    "lora": {"settings": LORA},
    "lora plus": {"settings": {**LORA, "loraplus_lr_ratio": 8}, "warmup_steps": 3},
    "full": {"strategy": "full", "dropout": 0.2, "lr_scheduler_type": "cosine_with_min_lr"},
    "adafactor": {"strategy": "full", "optim": "adafactor", "lr_scheduler_type": "inverse_sqrt"},
    "ema": {"settings": LORA, "ema_decay": 0.8},
    "noise": {"settings": LORA, "neftune_noise_alpha": 5.0},
    "tokens": {"settings": LORA, "tokens_per_step": 40, "gradient_accumulation_steps": 2},
    "packed": {"strategy": "full", "neftune_noise_alpha": 5.0, "packing": True},
    "stored": {"strategy": "top_layers", "settings": {"layers": 1}},
    "smoothed": {"settings": LORA, "label_smoothing_factor": 0.1, "ema_decay": 0.9},
}


@pytest.fixture(autouse=True)
def _no_memory_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what these small trainings would take."""
    monkeypatch.setattr(engine, "release_memory", lambda: None)


class KilledError(Exception):
    """Stands in for a kill."""


def _stored(rows: TokenRows, model: Any, depth: int) -> StoredSource:
    with torch.no_grad():
        found = [
            states_at(model.base_model, [depth], _ids(rows, row), None)[0][depth][0].numpy()
            for row in range(len(rows))
        ]
    offsets = np.concatenate([[0], np.cumsum([len(states) for states in found])])
    states = Ragged(values=np.concatenate(found), offsets=offsets)
    return StoredSource(rows, rows.lengths, states, depth)


def _ids(rows: TokenRows, row: int) -> torch.Tensor:
    return torch.from_numpy(rows.ids.of_row(row)[:-1].astype(np.int64))[None]


def run(folder: Path, name: str, emit: Callable[[Event], None] = lambda event: None) -> Member:
    """One of the cases, from its checkpoint if there is one."""
    rows, values = helpers.token_rows(ROWS), dict(CASES[name])
    chosen = helpers.trial(values.pop("strategy", "lora"), **values)
    model = make_writer_model("llama")
    packed = bool(values.get("packing"))
    member, stream, judge = helpers.prepared(rows, folder, chosen, model=model, packed=packed)
    if name == "stored":
        assert member.starts_from == 2
        stream = replace(stream, source=_stored(rows, model, 2))
    train([member], stream, judge, emit)
    return member


def _killing(after: int) -> Callable[[Event], None]:
    seen = 0

    def emit(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, Progress)
        if seen == after:
            raise KilledError

    return emit


def assert_same(whole: Path, cut: Path, members: tuple[Member, Member] | None = None) -> None:
    """The same weights, history and files but for what the clock says."""
    if members is not None:
        first, second = (member.weights() for member in members)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert members[0].progress.history == members[1].progress.history
    for kind in ("best", "dev"):
        files = [sorted((folder / kind).glob("*.safetensors")) for folder in (whole, cut)]
        assert [path.name for path in files[0]] == [path.name for path in files[1]] != []
        for one, other in zip(*files, strict=True):
            assert one.read_bytes() == other.read_bytes(), one.name


@pytest.mark.parametrize("name", CASES)
def test_killed_and_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Killed several times over: in both epochs, twice at one step, and right after an epoch."""
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(watchdog, "SNAPSHOT_STEPS", 2)
    steps: list[Event] = []
    whole = run(tmp_path / "whole", name, steps.append)
    count = sum(isinstance(event, Progress) for event in steps)
    rng = np.random.default_rng(len(name))
    kills = [1, 1, *rng.integers(1, max(2, count // 2), 2).tolist()]
    for kill in kills:
        with pytest.raises(KilledError):
            run(tmp_path / "cut", name, _killing(int(kill)))
    resumed = run(tmp_path / "cut", name)
    assert resumed.progress.rollbacks == 0
    assert_same(tmp_path / "whole", tmp_path / "cut", (whole, resumed))


def test_what_is_set_has_an_effect(tmp_path: Path) -> None:
    """The cases differ from one another, so that none of them is a test of nothing."""
    names = ("lora", "lora plus", "noise", "tokens", "smoothed")
    found = [run(tmp_path / name, name) for name in names]
    losses = {member.progress.history[-1]["dev_loss"] for member in found}
    assert len(losses) == len(names)


@pytest.mark.slow
def test_a_killed_process(tmp_path: Path) -> None:
    """A real SIGKILL of a real process, several times."""
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.train.writing.test_exact_resume import run\n"
        "from tunewright.train import engine\n"
        "engine.CHECKPOINT_SECONDS = 0.0\n"
        "run(Path(sys.argv[1]), 'ema', lambda event: print(event, flush=True))\n"
    )
    run(tmp_path / "whole", "ema")
    kills = 0
    for lines in (2, 3, 2, 1000):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "cut")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert child.stdout is not None
        for number, _ in enumerate(child.stdout, 1):
            if number == lines and hasattr(signal, "SIGKILL"):
                os.kill(child.pid, signal.SIGKILL)
        kills += child.wait() < 0
    assert kills >= 2 or not hasattr(signal, "SIGKILL")
    assert_same(tmp_path / "whole", tmp_path / "cut")
