"""The evidence and the verdict with the questions that several sections ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tunewright.decide.verdict import contenders_of
from tunewright.evaluate.generation import TOKEN_PROBABILITY
from tunewright.report.words import capital, percent

TUNED = frozenset({"tune", "tune_and_rag"})
"""Kinds of candidates for which a language model was trained."""

_COSTS = ("make_cpu_seconds", "run_cpu_seconds_per_1000")

METRICS = {
    "accuracy": ("accuracy", "the share of items that are answered rightly"),
    "macro_f1": ("macro F1", "the F1 of each label, averaged so that every label counts the same"),
    "weighted_f1": ("weighted F1", "the F1 of each label, averaged by how often the label occurs"),
    "balanced_accuracy": (
        "balanced accuracy",
        "the share of right answers of each label, averaged so that every label counts the same",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the page is drawn from."""

    evidence: dict[str, Any]
    verdict: dict[str, Any]

    @property
    def metric(self) -> str:
        """The score that counts, in words."""
        if self.writes:
            return str(self.evidence["metric_info"]["title"])
        name = str(self.evidence["metric"])
        return METRICS.get(name, (name.replace("_", " "), ""))[0]

    @property
    def metric_meaning(self) -> str:
        """What that score is."""
        if self.writes:
            return str(self.evidence["metric_info"]["meaning"])
        return METRICS.get(self.evidence["metric"], ("", ""))[1]

    @property
    def writes(self) -> bool:
        """Whether the candidates write their answers."""
        return self.evidence["metric_info"] is not None

    @property
    def right_wrong(self) -> bool:
        """Whether an item is answered rightly or wrongly, and nothing between."""
        return not self.writes or bool(self.evidence["metric_info"]["right_wrong"])

    @property
    def running_text(self) -> bool:
        """Whether rows are held probable or not, and nothing is answered."""
        return str(self.evidence["metric"]) == TOKEN_PROBABILITY

    @property
    def winner(self) -> str:
        return str(self.verdict["winner"])

    @property
    def baseline(self) -> str:
        return str(self.verdict["baseline"])

    @property
    def challenger(self) -> str:
        return str(self.verdict["challenger"])

    @property
    def cannot_tell(self) -> bool:
        return bool(self.verdict["decision"] == "cannot_tell")

    @cached_property
    def candidates(self) -> dict[str, dict[str, Any]]:
        """Every candidate by id."""
        return {c["id"]: c for c in self.evidence["candidates"]}

    @cached_property
    def tested(self) -> list[dict[str, Any]]:
        """Candidates with a test score, the best first."""
        found = [c for c in self.evidence["candidates"] if c["test"] is not None]
        return sorted(found, key=lambda c: (-c["test"]["score"], c["id"]))

    @cached_property
    def untested(self) -> list[dict[str, Any]]:
        """Candidates that were left behind on dev, the best first."""
        found = [c for c in self.evidence["candidates"] if c["test"] is None]
        return sorted(found, key=lambda c: (-c["dev"]["score"] if c["dev"] else 0.0, c["id"]))

    @cached_property
    def costs(self) -> dict[str, float | None]:
        """Processor seconds to make each tested candidate and to give the expected answers."""
        measured = [
            c for c in self.tested if c["dev"] and all(c["cost"].get(n) is not None for n in _COSTS)
        ]
        known = {c.id: c.cost for c in contenders_of({**self.evidence, "candidates": measured})}
        return {candidate["id"]: known.get(candidate["id"]) for candidate in self.tested}

    @property
    def tuned(self) -> list[dict[str, Any]]:
        """Tested candidates for which a model was trained."""
        return [c for c in self.tested if c["kind"] in TUNED]

    def title(self, id_: str) -> str:
        """What a candidate is called inside a sentence."""
        return str(self.candidates[id_]["title"]) if id_ in self.candidates else id_

    def headline(self, id_: str) -> str:
        """What a candidate is called where a line begins."""
        return capital(self.title(id_))

    def pair(self, a: str, b: str) -> dict[str, Any] | None:
        """The comparison score(a) - score(b), whichever way round it is stored."""
        for entry in self.evidence["comparisons"]:
            if (entry["a"], entry["b"]) == (a, b):
                return dict(entry)
            if (entry["a"], entry["b"]) == (b, a):
                interval = entry["interval"]
                turned = {**interval, "low": -interval["high"], "high": -interval["low"]}
                return {
                    **entry,
                    "a": a,
                    "b": b,
                    "difference": -entry["difference"],
                    "interval": turned,
                    "only_a_right": entry["only_b_right"],
                    "only_b_right": entry["only_a_right"],
                }
        return None

    @property
    def sure(self) -> str:
        """The confidence of the intervals, such as `95 %`."""
        return percent(1 - self.evidence["decision"]["alpha"], 0)

    def finding(self, check: str) -> dict[str, Any] | None:
        """The first audit finding of this check."""
        return next((f for f in self.evidence["audit"] if f["check"] == check), None)
