"""A study of written answers that was never run: requests in, small JSON actions or reports out.

Scores, comparisons, details and the verdict come from the same code as in a real run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.decide.config import DecisionConfig
from tunewright.decide.texts import (
    TextEvidenceInput,
    TextFinalist,
    TextInfo,
    TextItems,
    TextScored,
    conclude,
)
from tunewright.evaluate.generation.base import Reference

Page = tuple[dict[str, Any], dict[str, Any]]
"""Evidence and verdict."""

TITLES = {
    "fixed": ("floor", "always the most frequent answer"),
    "nearest": ("nearest", "the answer of the most similar example"),
    "few_shot": ("few_shot", "the base model shown 5 examples"),
    "tune": ("tune", "the tuned model"),
}
_ITEMS = ("the blue lamp", "a kettle", "two chairs", "my headphones", "the green rug", "a mirror")
_FAULTS = ("arrived broken", "is not what I ordered", "never came", "stopped working after a day")
_WISHES = (
    ("refund", "I want my money back"),
    ("replace", "please send me another one"),
    ("track", "where is it?"),
    ("close", "you can close this, it has solved itself"),
)


@dataclass(kw_only=True)
class TextStudy:
    """What may differ between the studies of the tests."""

    metric: str = "exact_match"
    metric_settings: dict[str, Any] = field(default_factory=dict)
    secondary: list[str] | None = None
    prose: bool = False
    """Reports in sentences in place of JSON."""
    items: int = 220
    skill: dict[str, float] = field(
        default_factory=lambda: {"fixed": 0.02, "nearest": 0.55, "few_shot": 0.62, "tune": 0.93}
    )
    """How often each finalist is right."""
    unreadable: float = 0.03
    long: int = 0
    """Characters by which every third input is lengthened."""
    groups: bool = False
    margin: float = 0.01
    seeds: int = 3
    seed: int = 0
    words: str = ""
    """Put into inputs, references and answers."""
    context: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Page:
        """Evidence and verdict, as they read back from their files."""
        evidence, verdict = conclude(self.given())
        return json.loads(json.dumps(evidence)), json.loads(json.dumps(verdict))

    def given(self) -> TextEvidenceInput:
        rng = np.random.default_rng(self.seed)
        dev, _ = self._items(rng, 120)
        test, texts = self._items(rng, self.items)
        secondary = {} if self.secondary is None else {"secondary_metrics": self.secondary}
        config = {"metric": self.metric, "metric_settings": self.metric_settings, **secondary}
        return TextEvidenceInput(
            config=DecisionConfig.model_validate({**config, "margin": self.margin}),
            folder=Path(),
            dev=dev,
            test=test,
            info=TextInfo(
                texts=texts,
                lengths=[len(text.split()) for text in texts],
                sources=["test.jsonl"] * self.items,
                columns={"channel": [("chat", "email", None)[n % 3] for n in range(self.items)]},
            ),
            finalists=[
                TextFinalist(
                    record=_record(name),
                    dev=self._scored(rng, name, dev, skill),
                    test=self._scored(rng, name, test, skill),
                )
                for name, skill in self.skill.items()
            ],
            others=[],
            seeds=[
                self._scored(rng, f"tune-{n}", test, self.skill["tune"])
                for n in range(self.seeds if "tune" in self.skill else 0)
            ],
            context={**_context(self.items, tuned="tune" in self.skill), **self.context},
        )

    def _items(self, rng: np.random.Generator, count: int) -> tuple[TextItems, list[str]]:
        references, texts = [], []
        for number in range(count):
            thing, fault = str(rng.choice(_ITEMS)), str(rng.choice(_FAULTS))
            action, wish = _WISHES[rng.integers(len(_WISHES))]
            order = int(rng.integers(10_000, 99_999))
            text = f"Hello, {thing} from order {order} {fault}, {wish}. {self.words}"
            if number % 3 == 0:
                text += " I have waited for a long time." * (self.long // 31)
            fields = {"action": action, "order": order, "item": thing, "urgent": bool(order % 2)}
            answer = json.dumps(fields)
            if self.prose:
                answer = (
                    f"The customer says that {thing} of order {order} {fault} and asks us to "
                    f"{action} it. {self.words}"
                )
            texts.append(text)
            references.append(
                Reference(texts=(answer,), question=text, file="test.jsonl", row=number + 1)
            )
        ids = [f"{n:016x}" for n in range(count)]
        groups = [f"g{n // 4}" for n in range(count)] if self.groups else None
        return TextItems(ids=ids, references=references, groups=groups), texts

    def _scored(
        self, rng: np.random.Generator, name: str, items: TextItems, skill: float
    ) -> TextScored:
        answers = [self._answer(rng, r.texts[0], skill) for r in items.references]
        if name == "fixed":
            answers = [items.references[0].texts[0]] * len(answers)
        tokens = np.full(len(answers), 24.0)
        model = name.startswith(("tune", "few_shot"))
        likelihoods = -tokens * rng.gamma(2.0, 0.6 * (1.05 - skill), len(answers))
        return TextScored(
            id=name,
            answers=answers,
            likelihoods=likelihoods if model else None,
            reference_tokens=tokens if model else None,
            cut_off=int(self.unreadable * len(answers)) if model else None,
        )

    def _answer(self, rng: np.random.Generator, right: str, skill: float) -> str | None:
        luck = rng.random()
        if luck < skill:
            return right
        if luck > 1 - self.unreadable:
            return right[: len(right) // 2] if luck < 1 - self.unreadable / 3 else None
        if self.prose:
            words = [w for w in right.split() if rng.random() < 0.8]
            return " ".join(words).replace("customer", "client")
        fields = json.loads(right)
        name = str(rng.choice(list(fields)))
        fields[name] = {"order": 12_345, "urgent": not fields["urgent"]}.get(name, "refund")
        return json.dumps(fields)


def _record(name: str) -> dict[str, Any]:
    kind, title = TITLES[name]
    tuned, model = name == "tune", name in ("tune", "few_shot")
    make = {"fixed": 0.01, "nearest": 4.0, "few_shot": 0.5, "tune": 340.0}[name]
    run = {"fixed": 0.001, "nearest": 1.2, "few_shot": 310.0, "tune": 120.0}[name]
    return {
        "id": name,
        "candidate": name,
        "kind": kind,
        "title": title,
        "settings": {"recipe": _RECIPE} if tuned else {"examples": 5} if model else {},
        "cost": {
            "make_seconds": make,
            "make_cpu_seconds": 2 * make,
            **({"search_seconds": 180.0, "training_seconds": 160.0} if tuned else {}),
            "run_seconds_per_1000": run,
            "run_cpu_seconds_per_1000": 2 * run,
            "peak_memory_bytes": 9.1e8 if model else 1.2e8,
            "parameters": 15_000_000 if model else 0,
            "trained_parameters": 15_000_000 if tuned else 0,
            "tokens": 5_400_000 if tuned else 0,
        },
    }


_RECIPE = "full, lr 0.0005, 4 epochs, batch 32"


def _context(items: int, *, tuned: bool) -> dict[str, Any]:
    # The parts that do not depend on the task, as the builder of labelled studies makes them.
    from tests.report.builder import Study

    study = Study(labels=["x", "y"], items=items)
    if not tuned:
        study.rights.pop("tune")
    shared = study._context()
    data = {**shared["data"], "labels": []}
    for split in data["files"]:
        for file in split["files"]:
            file["file"] = file["file"].replace(".csv", ".jsonl")
            file["columns"] = ["prompt", "completion"]
    audit = [f for f in shared["audit"] if f["check"] != "balance"]
    return {
        **shared,
        "project": {**shared["project"], "task": "generate", "model": "little-llama-15m"},
        "data": data,
        "audit": audit,
        "generation": {
            "method": "greedy",
            "max_new_tokens": 64,
            "constraint": "json_schema",
            "renderer_hash": "5d41402abc4b2a76b9719d911017c592",
        },
    }
