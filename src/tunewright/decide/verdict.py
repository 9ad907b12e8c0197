"""The decision in words: one sentence, its reasons, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.core.units import (
    format_count,
    format_difference,
    format_percent,
    format_points,
)
from tunewright.decide.config import DecisionConfig
from tunewright.decide.rule import Contender, Decision, Standing

_NAMES = {
    "majority": "always the most frequent label",
    "tfidf": "TF-IDF with logistic regression",
    "zero_shot": "zero-shot by label descriptions",
    "few_shot": "nearest of a few examples",
    "nearest": "nearest neighbours",
    "probe": "a linear probe on the frozen model",
    "tune": "the tuned model",
}
_UNCALIBRATED = 0.1
_MANY_FAILURES = 0.05
_MANY_CUT_OFF = 0.02


def contenders_of(evidence: dict[str, Any]) -> list[Contender]:
    """The finalists as the rule sees them."""
    requests = evidence["decision"]["expected_requests"]
    return [
        Contender(
            id=c["id"],
            kind=c["kind"],
            cost=c["cost"]["make_cpu_seconds"]
            + requests / 1000 * c["cost"]["run_cpu_seconds_per_1000"],
            dev_score=c["dev"]["score"],
            trained=c["kind"] == "tune",
        )
        for c in evidence["candidates"]
        if c["test"] is not None
    ]


def baseline_of(evidence: dict[str, Any], contenders: Sequence[Contender]) -> str:
    """The candidate without training that did best on the test set; the best of all if none.

    Chosen after the fact, which makes a gain over it look smaller, not larger; the p-values are
    corrected over all pairs and stay valid for the one that is picked.
    """
    scores = {c["id"]: c["test"]["score"] for c in evidence["candidates"] if c["test"]}
    untrained = [c for c in contenders if not c.trained] or list(contenders)
    return max(untrained, key=lambda c: (scores[c.id], c.dev_score, c.id)).id


def challenger_of(contenders: Sequence[Contender], winner: str, baseline: str) -> str:
    """Who is set against the baseline: the tuned model, or the winner where none was tuned."""
    tuned = [c for c in contenders if c.trained]
    if tuned:
        return max(tuned, key=lambda c: (c.dev_score, c.id)).id
    return winner if winner != baseline else baseline


def build_verdict(evidence: dict[str, Any], decision: Decision) -> dict[str, Any]:
    """The content of `verdict.json`: a function of the evidence and the rule's outcome."""
    contenders = contenders_of(evidence)
    baseline = baseline_of(evidence, contenders)
    challenger = challenger_of(contenders, decision.winner, baseline)
    config = DecisionConfig(**evidence["decision"])
    words = _Words(evidence, decision, config, baseline, challenger)
    winner = words.candidate(decision.winner)
    pair = words.pair(challenger, baseline)
    return {
        "decision": "cannot_tell" if decision.cannot_tell else winner["kind"],
        "winner": decision.winner,
        "sentence": words.sentence(),
        "metric": config.metric,
        "score": winner["test"]["score"],
        "interval": winner["test"]["interval"],
        "baseline": baseline,
        "challenger": challenger,
        "gain": pair["difference"] if pair else 0.0,
        "gain_interval": pair["interval"] if pair else None,
        "p_value": pair["p_corrected"] if pair else None,
        "margin": config.margin,
        "test_items": evidence["test_items"],
        "minimum_detectable_effect": evidence["power"]["minimum_detectable_effect"],
        "undecided": decision.undecided,
        "rival": decision.rival,
        "items_needed": decision.items_needed,
        "reasons": words.reasons(),
        "would_change_it": words.would_change_it(),
        "cost": winner["cost"],
        "warnings": words.warnings(),
    }


class _Words:
    """Puts one decision into sentences."""

    def __init__(
        self,
        evidence: dict[str, Any],
        decision: Decision,
        config: DecisionConfig,
        baseline: str,
        challenger: str,
    ) -> None:
        self._evidence = evidence
        self._decision = decision
        self._config = config
        self._baseline = baseline
        self._challenger = challenger
        self._by_id = {c["id"]: c for c in evidence["candidates"]}

    def candidate(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = self._by_id[id_]
        return found

    def pair(self, a: str, b: str) -> dict[str, Any] | None:
        """The comparison score(a) - score(b), whichever way round it is stored."""
        for entry in self._evidence["comparisons"]:
            if (entry["a"], entry["b"]) == (a, b):
                return dict(entry)
            if (entry["a"], entry["b"]) == (b, a):
                low, high = entry["interval"]["low"], entry["interval"]["high"]
                interval = {**entry["interval"], "low": -high, "high": -low}
                return {**entry, "difference": -entry["difference"], "interval": interval}
        return None

    # -- the sentence ---------------------------------------------------------------------------

    def sentence(self) -> str:
        if self._decision.cannot_tell:
            return self._cannot_tell()
        winner = self.candidate(self._decision.winner)
        if winner["kind"] == "tune":
            if self._baseline == winner["id"]:
                return (
                    f"The tuned model {self._reaches(winner['id'])}; nothing was compared with it, "
                    "so whether tuning was worth it is not known."
                )
            return (
                f"Fine-tune: the tuned model {self._reaches(winner['id'])}, "
                f"{self._gain(winner['id'], self._baseline)} than "
                f"{self._name(self._baseline)} "
                f"({self._score(self._baseline)}), the best candidate without training."
            )
        if self.candidate(self._challenger)["kind"] != "tune":
            return f"Use {self._name(winner['id'])}: {self._score(winner['id'])} on the test items."
        return (
            f"Do not fine-tune: {self._name(winner['id'])} reaches {self._score(winner['id'])} on "
            f"the test items, and tuning the model ({self._score(self._challenger)}) "
            f"{self._is_not_worth(self._challenger, winner['id'])}."
        )

    def _cannot_tell(self) -> str:
        decision = self._decision
        assert decision.undecided is not None
        assert decision.rival is not None
        pair = self.pair(decision.rival, decision.undecided)
        assert pair is not None
        needed = (
            f"a new test set of about {decision.items_needed:,} items would settle it in "
            f"{format_percent(self._config.power, 0)} of cases"
            if decision.items_needed is not None
            else "not even a billion test items would settle it"
        )
        return (
            f"Cannot tell yet whether {self._name(decision.undecided)} "
            f"({self._score(decision.undecided)}) is good enough beside "
            f"{self._name(decision.rival)} "
            f"({self._score(decision.rival)}): the difference is "
            f"{format_difference(pair['difference'])} ({_range(pair['interval'])}) and your "
            f"margin {format_points(self._config.margin)}; "
            f"{needed}."
        )

    def _is_not_worth(self, tuned: str, winner: str) -> str:
        pair = self.pair(tuned, winner)
        assert pair is not None
        ratio = self._cost_ratio(tuned, winner)
        costs = f", for {ratio:,.0f} times the cost" if ratio >= 2 else ""
        return (
            f"changes that by {format_difference(pair['difference'])} "
            f"({_range(pair['interval'])}), not more than your margin of "
            f"{format_points(self._config.margin)}{costs}"
        )

    def _gain(self, a: str, b: str) -> str:
        pair = self.pair(a, b)
        assert pair is not None
        return f"{format_points(pair['difference'])} ({_range(pair['interval'])}) more"

    # -- the lists ------------------------------------------------------------------------------

    def reasons(self) -> list[str]:
        lines = [self._reason(standing) for standing in self._decision.standings]
        if self._decision.cannot_tell:
            safe = self._name(self._decision.winner)
            lines.append(f"Until it is settled, {safe} is safe to use; `predict` answers with it.")
        return lines

    def _reason(self, standing: Standing) -> str:
        name = _capital(self._name(standing.id))
        against = self._name(standing.rival)
        pair = self.pair(standing.rival, standing.id)
        if pair is None:
            return f"{name} is the only candidate."
        gap = f"{format_difference(pair['difference'])} ({_range(pair['interval'])})"
        sure = format_percent(1 - self._config.alpha, 0)
        if standing.good_enough:
            return (
                f"{name} is good enough: {against} is ahead by {gap}, and it is {sure} sure that "
                f"this is less than the margin of {format_points(self._config.margin)}."
                if pair["difference"] > 0
                else f"{name} is good enough: no candidate is ahead of it by the margin."
            )
        if standing.beaten:
            assert standing.beaten_by is not None
            lead = self.pair(standing.beaten_by, standing.id)
            assert lead is not None
            return (
                f"{name} is beaten: {self._name(standing.beaten_by)} is better by "
                f"{format_difference(lead['difference'])} ({_range(lead['interval'])}, "
                f"corrected {_p(lead['p_corrected'])})."
            )
        ahead = "is ahead" if pair["difference"] > 0 else "differs"
        margin = format_points(self._config.margin)
        told = (
            "which is neither surely more than nothing nor surely less than the margin of "
            f"{margin}."
        )
        if pair["interval"] and pair["interval"]["high"] < self._config.margin:
            told = (
                f"which taken alone is less than the margin of {margin}; corrected for the number "
                "of comparisons, that is not sure yet."
            )
        return f"{name} is undecided: {against} {ahead} by {gap}, {told}"

    def would_change_it(self) -> list[str]:
        lines = []
        gain = self.pair(self._challenger, self._baseline)
        margin = self._config.margin
        if gain is not None and not self._decision.cannot_tell:
            low, high = gain["interval"]["low"], gain["interval"]["high"]
            if self.candidate(self._decision.winner)["kind"] == "tune":
                lines.append(
                    f"A margin above {format_points(max(high, 0.0))}: "
                    "then the gain would not matter to you."
                )
            elif high > 0:
                lines.append(
                    f"A margin below {format_points(high)}: then "
                    f"{self._name(self._baseline)} could not be shown to be good enough."
                )
            if low < margin < high:
                lines.append("More test items: the interval of the gain still contains the margin.")
        if self._decision.items_needed is not None:
            lines.append(
                f"A test set of about {self._decision.items_needed:,} items instead of "
                f"{self._evidence['test_items']:,}."
            )
        curve = self._evidence.get("curve_answer")
        if curve:
            lines.append(curve["sentence"])
        lines.append(
            f"Another number of requests than {self._config.expected_requests:,} "
            "(`expected_requests`): the cheapest candidate is the one that costs least to make and "
            "to answer so many."
        )
        return lines

    def warnings(self) -> list[str]:
        evidence, lines = self._evidence, []
        openings = evidence.get("test_openings", 1)
        if openings > 1:
            lines.append(
                f"The test set has been opened for {openings} different sets of choices. Each look "
                "makes the best of them look better than it is."
            )
        effect = evidence["power"]["minimum_detectable_effect"]
        if effect > self._config.margin:
            lines.append(
                f"With {evidence['test_items']:,} test items a true difference below "
                f"{format_points(effect)} is likely to go unseen; your margin is "
                f"{format_points(self._config.margin)}."
            )
        seeds = evidence.get("seeds")
        if seeds and seeds["sd"] and seeds["sd"] > self._config.margin:
            lines.append(
                f"The tuned model varies by {format_points(seeds['sd'])} (standard deviation) from "
                "seed to seed, more than the margin."
            )
        lines += self._warnings_of(self.candidate(self._decision.winner)["test"])
        reduced = (evidence.get("plan") or {}).get("notes", [])
        return [*lines, *reduced, *evidence.get("warnings", [])]

    def _warnings_of(self, test: dict[str, Any]) -> list[str]:
        """What its own answers to the test say against the winner."""
        lines = []
        error = test.get("calibration_error")  # of labels
        if error is not None and error > _UNCALIBRATED:
            lines.append(
                f"The winner's probabilities are off by {format_points(error)} on average: do not "
                "use them as thresholds without calibrating."
            )
        failures = test.get("parse_failure_rate", 0.0)  # of written answers
        if failures > _MANY_FAILURES:
            lines.append(
                f"{format_percent(failures)} of the winner's answers could not be read; they count "
                "as wrong."
            )
        cut_off = (test.get("cut_off") or 0) / test["items"]
        if cut_off > _MANY_CUT_OFF:
            lines.append(
                f"{format_percent(cut_off)} of the winner's answers were cut off at the limit of "
                "new tokens: a higher limit may change the scores."
            )
        return lines

    # -- small words ----------------------------------------------------------------------------

    def _name(self, id_: str) -> str:
        candidate = self.candidate(id_)
        return str(candidate.get("title") or _NAMES.get(candidate["candidate"], id_))

    def _reaches(self, id_: str) -> str:
        """What a candidate does on the test, as the end of a sentence."""
        info = self._evidence.get("metric_info")  # of written answers
        if info is None or (info["right_wrong"] and self._config.metric != "json_valid"):
            return f"is right on {self._score(id_)} of the test items"
        return f"scores {self._score(id_)} in {info['title']} on the test items"

    def _score(self, id_: str) -> str:
        return format_percent(self.candidate(id_)["test"]["score"])

    def _cost_ratio(self, a: str, b: str) -> float:
        costs = {c.id: c.cost for c in contenders_of(self._evidence)}
        return costs[a] / max(costs[b], 1e-9)


def candidate_title(candidate: str, variant: str) -> str:
    """What a candidate is called in sentences: `nearest neighbours (k = 5)`."""
    name = _NAMES.get(candidate, candidate)
    detail = variant.removeprefix("-")
    if candidate == "nearest" and detail:
        return f"{name} (k = {detail})"
    if candidate == "few_shot" and detail:
        return f"{name} ({format_count(int(detail), 'example')} a label)"
    return name


def _range(interval: dict[str, Any]) -> str:
    level = format_percent(interval["level"], 0)
    return f"{level} interval {100 * interval['low']:+.1f} to {100 * interval['high']:+.1f}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
