"""The job that releases a writer: one trial, or the mean of several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_models import WORDS
from tests.tiny_writers import logits_of, make_base
from tunewright.core.hashing import hash_folder
from tunewright.data.prepare_contents import PrepareContents
from tunewright.models.released import load_release, read_release
from tunewright.train.writing.jobs import TrainWriters
from tunewright.train.writing.release import ReleaseWriter
from tunewright.train.writing.workspace import WritingSpec, WritingWorkspace
from tunewright.workers.base import Context


class Bench:
    """A study whose trials can be trained and released."""

    def __init__(self, folder: Path) -> None:
        make_base(folder / "base")
        rows = [
            {"instruction": f"{a} {b}", "output": f"{b} {a}"}
            for a in WORDS[:14]
            for b in WORDS[14:20]
        ]
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.study = folder / "study"
        self.study.mkdir()
        self.context = Context(study=self.study, emit=lambda event: None)
        data = {"train": "rows.jsonl", "row_schema": "alpaca"}
        asked = {"data": data, "folder": str(folder), "seed": 0}
        self.data = PrepareContents().run(self.context, asked)["content_hash"]
        self.spec: dict[str, Any] = {
            "data": self.data,
            "model": "base",
            "folder": str(folder),
            "rendering": {"template": "plain"},
        }

    def trial(self, strategy: str, seed: int) -> dict[str, Any]:
        workspace = WritingWorkspace.of(self.context, WritingSpec(**self.spec))
        values = {"learning_rate": 0.03, "num_train_epochs": 1, "per_device_train_batch_size": 8}
        phase = {
            "objective": "next_token",
            "strategy": {"name": strategy},
            "hyperparameters": values,
        }
        return {
            "recipe": {"model": workspace.resolved.content_hash, "phase": phase},
            "selection": {"fit": "train+dev"},
            "seed": seed,
            "data": self.data,
            "numerics": workspace.numerics.name,
        }

    def train(self, trials: list[dict[str, Any]]) -> None:
        asked = {"workspace": self.spec, "trials": trials, "horizons": [None] * len(trials)}
        TrainWriters().run(self.context, asked)

    def release(self, trials: list[dict[str, Any]], name: str) -> dict[str, Any]:
        asked = {
            "workspace": self.spec,
            "trials": trials,
            "folder": f"candidates/{name}",
            "metric": "exact_match",
            "generation": {"max_new_tokens": 5},
        }
        return ReleaseWriter().run(self.context, asked)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("release"))


@pytest.mark.parametrize("strategy", ["lora", "full"])
def test_a_soup_is_the_mean_of_what_each_seed_alone_would_be(bench: Bench, strategy: str) -> None:
    trials = [bench.trial(strategy, seed) for seed in (0, 1)]
    bench.train(trials)
    alone = [bench.release([trial], f"{strategy}-{n}") for n, trial in enumerate(trials)]
    both = bench.release(trials, f"{strategy}-soup")
    folder = bench.study / "candidates"
    names = (f"{strategy}-0", f"{strategy}-1", f"{strategy}-soup")
    first, second, soup = (load_release(folder / name, bench.study.parent) for name in names)
    apart = 0.0
    for (name, weight), one, other in zip(
        soup.model.named_parameters(),
        first.model.parameters(),
        second.model.parameters(),
        strict=True,
    ):
        assert (weight - (one + other) / 2).abs().max() < 1e-6, name
        apart = max(apart, float((one - other).detach().abs().max()))
    assert apart > 1e-3
    release = read_release(folder / names[2])
    assert (release.soup, release.seeds, release.content) == (True, (0, 1), "conversation")
    assert release.form == ("adapter" if strategy == "lora" else "whole")
    factor = 2 if strategy == "lora" else 1
    assert both["parameters"] == factor * alone[0]["parameters"]
    assert (both["all_parameters"] > both["parameters"]) is (strategy == "lora")


def test_the_job_run_again_writes_the_same_bytes(bench: Bench) -> None:
    trial = bench.trial("lora", 0)
    bench.train([trial])
    bench.release([trial], "again")
    folder = bench.study / "candidates" / "again"
    before = hash_folder(folder)
    (folder / "left-over").touch()
    bench.context.warm.clear()
    bench.release([trial], "again")
    assert hash_folder(folder) == before
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_the_base_model_stays_as_it_was(bench: Bench) -> None:
    workspace = WritingWorkspace.of(bench.context, WritingSpec(**bench.spec))
    before = logits_of(workspace.model)
    trial = bench.trial("full", 3)
    bench.train([trial])
    bench.release([trial], "full-3")
    assert torch.equal(logits_of(workspace.model), before)
