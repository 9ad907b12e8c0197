"""A study that was never run: answers drawn at random, everything else as a run would write it.

Scores, comparisons, details and the verdict come from the same code as in a real run, so that the
page is tested against the shape that the evidence really has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunewright.decide.config import DecisionConfig
from tunewright.decide.evidence import EvidenceInput, Finalist, TestInfo
from tunewright.decide.scored import Items, Scored
from tunewright.decide.verdict import candidate_title
from tunewright.workflow.stages.evidence import compute

Page = tuple[dict[str, Any], dict[str, Any]]
"""Evidence and verdict."""

KINDS = {"majority": "floor", "tfidf": "floor", "probe": "probe", "tune": "tune"}


@dataclass(kw_only=True)
class Study:
    """What may differ between the studies of the tests."""

    labels: list[str] = field(default_factory=lambda: ["card_lost", "login", "refund", "bill"])
    items: int = 160
    rights: dict[str, float] = field(
        default_factory=lambda: {"majority": 0.25, "tfidf": 0.7, "probe": 0.78, "tune": 0.93}
    )
    """Share of right answers of each finalist."""
    others: dict[str, float] = field(default_factory=dict)
    """The same of candidates that were left behind on dev."""
    texts: list[str] | None = None
    metric: str = "accuracy"
    margin: float = 0.01
    columns: dict[str, list[str | None]] | None = None
    groups: bool = False
    seeds: int = 3
    changes: dict[str, Any] = field(default_factory=dict)
    """Parts of the context that replace the usual ones."""
    blur: float = 0.05
    """How much the candidates differ in what they find hard; 0 makes the better ones win all."""
    seed: int = 0

    def build(self) -> Page:
        """Evidence and verdict, as they read back from their files."""
        evidence, verdict = compute(self._input())
        return json.loads(json.dumps(evidence)), json.loads(json.dumps(verdict))

    @property
    def tuned(self) -> bool:
        return "tune" in self.rights

    def _input(self) -> EvidenceInput:
        rng = np.random.default_rng(self.seed)
        dev, test = self._items(rng, 100), self._items(rng, self.items)
        luck = rng.random((2, max(100, self.items)))
        texts = self.texts or [f"message number {n} about something" for n in range(self.items)]
        return EvidenceInput(
            config=DecisionConfig(metric=self.metric, margin=self.margin),  # type: ignore[arg-type]
            dev=dev,
            test=test,
            info=TestInfo(
                texts=[texts[n % len(texts)] for n in range(self.items)],
                lengths=[3 + n % 40 for n in range(self.items)],
                sources=["test.csv"] * self.items,
                columns=self.columns
                if self.columns is not None
                else {"channel": [("chat", "email", None)[n % 3] for n in range(self.items)]},
            ),
            finalists=[
                Finalist(
                    record=self._record(name),
                    dev=self._scored(rng, name, dev, right, luck[0]),
                    test=self._scored(rng, name, test, right, luck[1]),
                )
                for name, right in self.rights.items()
            ],
            others=[
                (
                    {**self._record(name), "cost": None},
                    self._scored(rng, name, dev, right, luck[0]),
                )
                for name, right in self.others.items()
            ],
            seeds=[
                self._scored(rng, f"tune-seed-{n}", test, self.rights["tune"], luck[1])
                for n in range(self.seeds if self.tuned else 0)
            ],
            context={**self._context(), **self.changes},
        )

    def _scored(
        self, rng: np.random.Generator, name: str, items: Items, right: float, luck: np.ndarray
    ) -> Scored:
        """Answers that are right where an item's luck, blurred a little, stays below `right`."""
        count, classes = len(items.ids), items.classes
        hit = luck[:count] + rng.normal(0, self.blur, count) < right
        wrong = (items.targets_n + rng.integers(1, max(2, classes), count)) % classes
        answers = np.where(hit, items.targets_n, wrong)
        confidences = np.clip(rng.beta(6, 2, count) - 0.2 * ~hit, 0.01, 0.999)
        return Scored(
            id=name,
            answers_n=answers.astype(np.int64),
            confidences_n=confidences,
            target_probabilities_n=np.where(hit, confidences, 0.1),
        )

    def _items(self, rng: np.random.Generator, count: int) -> Items:
        targets = np.concatenate(
            [
                np.arange(min(count, len(self.labels))),
                rng.integers(0, len(self.labels), max(0, count - len(self.labels))),
            ]
        )
        return Items(
            ids=[f"{n:016x}" for n in range(count)],
            targets_n=targets.astype(np.int64),
            labels=self.labels,
            groups=[f"g{n // 4}" for n in range(count)] if self.groups else None,
        )

    def _record(self, name: str) -> dict[str, Any]:
        candidate = name.partition("-")[0]
        tuned = candidate == "tune"
        suffix = name.removeprefix(candidate)
        return {
            "id": name,
            "candidate": candidate,
            "kind": KINDS.get(candidate, candidate),
            "title": candidate_title(candidate, suffix),
            "settings": {"recipe": _LABEL} if tuned else {"c": 10.0, "shots": [5]},
            "cost": {
                "make_seconds": 420.0 if tuned else 3.5,
                "make_cpu_seconds": 800.0 if tuned else 4.1,
                **({"search_seconds": 200.0, "training_seconds": 220.0} if tuned else {}),
                "run_seconds_per_1000": 15.0 if tuned else 0.06,
                "run_cpu_seconds_per_1000": 30.0 if tuned else 0.07,
                "peak_memory_bytes": 7.8e8,
                "parameters": 22_720_916 if tuned else 7_700,
                "trained_parameters": 7_105_556 if tuned else 0,
            },
        }

    def _context(self) -> dict[str, Any]:
        return {
            "project": {
                "task": "classify",
                "model": "all-MiniLM-L6-v2",
                "seed": 0,
                "study": "demo",
            },
            "data": _data(self.labels, self.items),
            "audit": _audit(self.labels),
            "plan": _plan(self.items),
            "calibration": _CALIBRATION,
            "tokens": {"fit": 9_000},
            "search": _search() if self.tuned else [],
            "tuning": _tuning() if self.tuned else {},
            "curve": _curve() if self.tuned else [],
            "curve_answer": _curve_answer() if self.tuned else None,
            "test_openings": 1,
            "incidents": [],
            "warnings": [],
            "environment": _ENVIRONMENT,
        }


_LABEL = "top_layers(layers=2), lr 0.0001, 3 epochs, batch 32"


def _data(labels: list[str], items: int) -> dict[str, Any]:
    def split(name: str, rows: int) -> dict[str, Any]:
        return {
            "split": name,
            "rows_read": rows,
            "examples": rows,
            "rejected": {},
            "missing_groups": 0,
            "files": [
                {
                    "file": f"{name}.csv",
                    "format": "csv",
                    "encoding": "utf-8",
                    "delimiter": ",",
                    "quoted": True,
                    "header": True,
                    "columns": ["text", "label"],
                    "blank_lines": 0,
                    "sample_rows": None,
                }
            ],
            "assumptions": ["the fields are separated by a comma"],
        }

    return {
        "content_hash": "c8b77ee9b4645194687227e4217f9173",
        "test_hash": "237d3bd6036620c879f8a3186f7220e6",
        "labels": labels,
        "rows_read": 505 + items,
        "train": 400,
        "dev": 100,
        "folds": 0,
        "test": items,
        "leaked": 2,
        "rejected": {"leaked": 2, "empty_text": 3},
        "files": [split("train", 505), split("test", items)],
        "has_groups": False,
    }


def _finding(check: str, severity: str, count: int, message: str, **more: Any) -> dict[str, Any]:
    return {
        "check": check,
        "severity": severity,
        "count": count,
        "message": message,
        "consequence": "",
        "fix": "",
        "rows": [],
        "numbers": {},
        **more,
    }


def _audit(labels: list[str]) -> list[dict[str, Any]]:
    row = {"file": "train.csv", "row": 7, "line": 8, "id": None, "detail": "the column is empty"}
    counts = {label: max(3, 90 - n) for n, label in enumerate(labels)}
    lengths = {
        "median": 12.0,
        "p90": 30.0,
        "p99": 41.0,
        "longest": 60,
        "max_length": 256,
        "tokens": 9_000,
    }
    return [
        _finding(
            "empty_text",
            "warning",
            30,
            "30 rows have no text (4.5 % of all)",
            consequence="they cannot be learned from",
            fix="mend them in the file named by `train:`",
            rows=[row],
        ),
        _finding("balance", "info", 500, "the labels are even", numbers={"counts": counts}),
        _finding("length", "info", 660, "texts are short", numbers=lengths),
    ]


def _plan(items: int) -> dict[str, Any]:
    names = ("audit", "candidates", "search", "curve", "final", "test")
    return {
        "steps": [{"step": n, "what": f"do the {n}", "runs": 3, "seconds": 20.0} for n in names],
        "seconds": 120.0,
        "memory_bytes": 1.1e9,
        "store_bytes": 1e8,
        "power": {
            "items": items,
            "effective_items": items,
            "discordance": 0.1,
            "minimum_detectable_effect": 0.04,
            "power": 0.8,
            "alpha": 0.05,
        },
        "margin": 0.01,
        "notes": ["to fit 10 minutes: four recipes in the search"],
        "numerics": ["matrix products by onednn: 2.26 times as fast"],
    }


_CALIBRATION = {
    "numerics": {
        "matmul": "onednn",
        "attention": "eager",
        "threads": 2,
        "reasons": ["matrix products by onednn: 2.26 times as fast"],
        "name": "float32-onednn-eager-2",
    },
    "encode_seconds_per_token": 0.0003,
    "training": [],
    "max_length": 256,
    "depth": 6,
    "dim": 384,
    "parameters": 22_713_216,
    "pooling": "mean",
    "pooling_from_card": True,
    "model_hash": "cb62ef6d85a8d32d26d519a7c7e07fa7",
    "model_source": "embedded",
}
_ENVIRONMENT = {
    "python": "3.11.7",
    "system": "Linux",
    "processor": "a processor",
    "cores": 2,
    "memory_bytes": 25_276_510_208,
    "packages": {"numpy": "2.4.6", "torch": "2.13.0"},
}


def run(rung: int, rate: float, score: float | None, **more: Any) -> dict[str, Any]:
    """One entry of the search; without a score it failed."""
    strategy = more.pop("strategy", "top_layers(layers=2)")
    return {
        "phase": "halving" if rung else "draw",
        "rung": rung,
        "recipe": f"{strategy}, lr {rate:g}, 3 epochs, batch 32",
        "strategy": strategy,
        "learning_rate": rate,
        "num_train_epochs": 3,
        "per_device_train_batch_size": 32,
        "dropout": None,
        "seed": 1389170713839555773,
        "epochs": rung + 1,
        "fit_rows": 400,
        "score": score,
        "loss": None if score is None else 0.4,
        "cpu_seconds": 12.5,
        "wall_seconds": 6.5,
        "trials": [f"{strategy}-{rate:g}"],
        "failed": None if score is not None else "the loss was not a number",
        **more,
    }


def _search() -> list[dict[str, Any]]:
    return [
        run(0, 5e-5, 0.84),
        run(0, 1e-4, 0.88),
        run(0, 2e-4, 0.86, strategy="lora"),
        run(0, 4e-4, None, strategy="full"),
        run(1, 1e-4, 0.91),
        run(2, 1e-4, 0.93),
    ]


def _tuning() -> dict[str, Any]:
    return {
        "recipe": {
            "model": "cb62ef6d85a8d32d26d519a7c7e07fa7",
            "phase": {
                "objective": "supervised",
                "strategy": {"name": "top_layers", "settings": {"layers": 2}},
                "hyperparameters": {"learning_rate": 0.0001, "dropout": None},
            },
        },
        "label": _LABEL,
        "temperature": 1.4,
        "averaged": True,
        "soup_dev_score": 0.93,
        "seed_dev_scores": [0.93, 0.92],
        "seeds": 3,
    }


def _curve() -> list[dict[str, Any]]:
    scores = ((50, 0.70), (100, 0.80), (200, 0.87), (400, 0.92))
    return [
        {"size": size, "seed": seed, "score": score + 0.01 * seed, "cpu_seconds": 30.0}
        for size, score in scores
        for seed in (0, 1)
    ]


def _curve_answer() -> dict[str, Any]:
    sizes = [int(size) for size in np.geomspace(50, 1600, 20)]
    return {
        "answer": "yes",
        "sentence": "More labelled data is worth it: 400 more rows should bring 1.0 points.",
        "predictions": [
            {
                "multiple": multiple,
                "size": round(400 * multiple),
                "gain": 0.01 * multiple,
                "low": 0.004 * multiple,
                "high": 0.016 * multiple,
                "level": 0.9,
            }
            for multiple in (1.25, 1.5, 2.0, 3.0, 4.0)
        ],
        "laws": [{"name": "power", "parameters": [1.0, 0.3], "weight": 1.0}],
        "fitted": [{"size": size, "score": 1 - 1.9 * size**-0.5} for size in sizes],
    }
