"""`check --measure`: what each defect costs, measured by training with and without its rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tunewright.core.errors import ConfigError
from tunewright.core.files import read_json, write_json
from tunewright.core.units import format_count
from tunewright.experiment.hypothesis import (
    Answered,
    Arm,
    Measured,
    compare_arms,
    corrected,
    scores_of,
    verdict_of,
)
from tunewright.workflow.hypotheses import (
    RECIPES,
    SEEDS,
    RecipeName,
    cheap_recipe,
    choose_recipe,
    question_of,
    train_arms,
)
from tunewright.workflow.project import Project
from tunewright.workflow.session import Listener, Session, Stage, run_stage

MEASURE_FILE = "measure.json"
FEWEST_ROWS = 5
"""Fewer flagged rows than this cannot move a score that a dev set could show."""
_MOST_SHARE = 0.5
"""Of the training rows: what is left must still be the same task."""
_NOT_DEFECTS = frozenset(
    {
        "balance",
        "scarce_labels",
        "label_spelling",
        "unseen_labels",
        "length",
        "not_compared",
        "coverage",
        "truncated",
    }
)
"""Findings that no removal repairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureOptions:
    """How the cost of defects is measured."""

    recipe: RecipeName = "auto"
    """`top_layers`, the quick `probe`, or the first where it takes minutes and not hours."""
    seeds: int = SEEDS
    """Trainings of each set of rows."""
    checks: tuple[str, ...] = ()
    """Only these findings; all when empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredAction:
    """One thing that could be done about a finding, and what it brings."""

    action: str
    """`remove`, `relabel`, or `remove_random`: the control, as many rows drawn at random."""
    rows: int
    """Training rows removed or relabelled."""
    effect: Measured | None
    """None where a training failed."""
    unflagged: Measured | None
    """The same on dev rows whose own labels are not suspected; None where all or none are."""
    verdict: str
    """`gains`, `costs`, `no difference`, `perhaps luck` or `failed`."""
    sentence: str
    seconds: float
    """Wall seconds of its trainings, at the time when they were done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredFinding:
    """A finding with everything that was tried about it."""

    check: str
    flagged: int
    """Rows of the fit part that it names."""
    in_train: int
    """Of these, rows that are learned from; with folds, all of them."""
    actions: tuple[MeasuredAction, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureResult:
    """The content of `measure.json`."""

    recipe: str
    reason: str
    """Why this recipe, where the person has not chosen it."""
    seeds: int
    items: int
    """Held-out rows that were answered."""
    folds: int
    """0 where there is a dev set."""
    suspected: int
    """Held-out rows whose own labels are suspected."""
    metric: str
    """The project's, in which everything is told."""
    score: float | None
    """With all rows, mean over seeds."""
    findings: tuple[MeasuredFinding, ...]
    not_measured: dict[str, str]
    """Check to the reason."""
    seconds: float
    file: str


def measure(
    project: Project,
    listener: Listener | None = None,
    options: MeasureOptions | None = None,
    *,
    in_process: bool = False,
) -> MeasureResult:
    """Train with and without the rows of every finding; a second call finds the result.

    Args:
        project: whose data is checked, first if it has not been.
        listener: is told what happens.
        options: how.
        in_process: work in this process instead of a worker of its own.

    Raises:
        ConfigError: for another task than `classify`, or an unknown recipe.
    """
    wanted = options or MeasureOptions()
    if wanted.recipe not in RECIPES or wanted.seeds < 1:
        raise ConfigError(
            "there is no such way to measure",
            found=f"{wanted.recipe}, {wanted.seeds} seeds",
            expected=f"one of {', '.join(RECIPES)}, and at least one seed",
        )
    with question_of(project, listener, in_process=in_process, audit=True) as session:
        stage = Stage(
            "measure",
            "Measuring what the findings cost",
            lambda session: {
                **session.learned_from(),
                "findings": session.results["audit"]["file"],
                "options": asdict(wanted),
                "seed": session.config.seed,
                "metric": session.config.decision.metric,
                "recipe": cheap_recipe(session).model_dump(mode="json"),
            },
            lambda session: _Measuring(session, wanted).run(),
        )
        run_stage(session, stage)
        result = session.results["measure"]
        path = session.layout.data / MEASURE_FILE
        if not path.is_file() or read_json(path) != result:
            write_json(path, result)
        return result_of(result, path)


def result_of(values: dict[str, Any], path: Path) -> MeasureResult:
    """The plain values of `measure.json` as typed ones."""
    findings = tuple(
        MeasuredFinding(
            **{**finding, "actions": tuple(_action(entry) for entry in finding["actions"])}
        )
        for finding in values["findings"]
    )
    return MeasureResult(**{**values, "findings": findings, "file": str(path)})


def _action(entry: dict[str, Any]) -> MeasuredAction:
    effects = {
        name: None if entry[name] is None else Measured(**entry[name])
        for name in ("effect", "unflagged")
    }
    return MeasuredAction(**{**entry, **effects})


@dataclass(frozen=True, slots=True)
class _Trial:
    """An arm and what it is for."""

    check: str
    action: str
    arm: Arm
    rows: int


class _Measuring:
    """One measurement of all findings."""

    def __init__(self, session: Session, options: MeasureOptions) -> None:
        self._session = session
        self._options = options
        self._dataset = session.dataset
        self._metric = session.config.decision.metric
        self._not_measured: dict[str, str] = {}
        found = read_json(session.layout.data / "audit.json")["findings"]
        self._findings: list[dict[str, Any]] = found
        self._flagged = self._flagged_rows()
        learned = [fit for _, fit, _ in self._dataset.holdouts]
        self._learned = np.unique(np.concatenate(learned))

    def run(self) -> dict[str, Any]:
        """What `measure.json` holds."""
        start = perf_counter()
        trials = self._trials()
        arms = [Arm(), *(trial.arm for trial in trials)]
        recipe, reason = choose_recipe(
            self._session, self._options.recipe, arms, self._options.seeds
        )
        if not trials:
            arms, reason = [], ""
        answered = (
            train_arms(self._session, recipe, arms, "training with and without flagged rows")
            if trials
            else []
        )
        suspected = self._suspected()
        base = answered[0] if answered else None
        actions = self._actions(trials, answered, suspected)
        dataset = self._dataset
        return {
            "recipe": recipe.label,
            "reason": reason,
            "seeds": len(recipe.seeds),
            "items": len(dataset.scored_rows),
            "folds": len(dataset.holdouts) if dataset.uses_folds else 0,
            "suspected": int(suspected.sum()),
            "metric": self._metric,
            "score": None if base is None or base.failed else self._score(base),
            "findings": [
                {
                    "check": check,
                    "flagged": len(rows),
                    "in_train": int(np.isin(rows, self._learned).sum()),
                    "actions": [asdict(a) for t, a in actions if t.check == check],
                }
                for check, rows in self._flagged.items()
                if check not in self._not_measured
            ],
            "not_measured": self._not_measured,
            "seconds": perf_counter() - start,
            "file": "",
        }

    def _score(self, base: Answered) -> float:
        return float(scores_of(base, self._dataset, self._metric).mean())

    # -- which rows -----------------------------------------------------------------------------

    def _flagged_rows(self) -> dict[str, np.ndarray]:
        """Rows of the fit part that each finding names, by check."""
        places: dict[tuple[str, int], list[int]] = {}
        """Several where a mixture has drawn a row of a file again."""
        for row, source in enumerate(self._dataset.fit.sources):
            places.setdefault((source.file, source.row), []).append(row)
        flagged: dict[str, set[int]] = {}
        for finding in self._findings:
            asked = self._options.checks
            if not finding["rows"] or (asked and finding["check"] not in asked):
                continue
            rows = flagged.setdefault(finding["check"], set())
            for row in finding["rows"]:
                # A row that is not used any more (a dropped leak) has no place in the fit part.
                rows.update(places.get((row["file"], row["row"]), ()))
        return {
            check: np.array(sorted(rows), dtype=np.int64)
            for check, rows in flagged.items()
            if check not in _NOT_DEFECTS
        }

    def _suspected(self) -> np.ndarray:
        """Which held-out rows have a label that is itself suspected, bool [n]."""
        named = self._flagged.get("label_errors", np.zeros(0, dtype=np.int64))
        suspected: np.ndarray = np.isin(self._dataset.scored_rows, named)
        return suspected

    def _suggested(self) -> dict[int, int]:
        """The label that a suspected row looks like, where the audit says it."""
        number = {label: index for index, label in enumerate(self._dataset.labels)}
        by_id = {id_: row for row, id_ in enumerate(self._dataset.fit.ids)}
        return {
            by_id[id_]: number[label]
            for finding in self._findings
            if finding["check"] == "label_errors"
            for id_, label in finding["numbers"].get("suggested", {}).items()
            if id_ in by_id and label in number
        }

    def _trials(self) -> list[_Trial]:
        """What is trained for each finding that can be measured."""
        trials = []
        for check, flagged in self._flagged.items():
            rows = np.intersect1d(flagged, self._learned)
            if len(rows) < FEWEST_ROWS:
                self._not_measured[check] = (
                    f"{format_count(len(rows), 'training row')}: too few to show in the answers"
                    if len(rows)
                    else "none of its rows is learned from"
                )
                continue
            if len(rows) > _MOST_SHARE * len(self._learned):
                self._not_measured[check] = "more than half of the training rows"
                continue
            gone = [int(row) for row in rows]
            trials.append(_Trial(check, "remove", Arm(without=gone), len(gone)))
            suggested = self._suggested() if check == "label_errors" else {}
            changed = {
                row: label
                for row, label in suggested.items()
                if label != self._dataset.fit.targets[row] and row in set(gone)
            }
            if changed:
                trials.append(_Trial(check, "relabel", Arm(relabelled=changed), len(changed)))
            trials.append(_Trial(check, "remove_random", Arm(as_many_as=gone), len(gone)))
        return trials

    # -- what came of it ------------------------------------------------------------------------

    def _actions(
        self, trials: list[_Trial], answered: list[Answered], suspected: np.ndarray
    ) -> list[tuple[_Trial, MeasuredAction]]:
        """Every trial with its effect; controls are not among what is corrected for."""
        if not answered:
            return []
        base, others = answered[0], answered[1:]
        effects = [self._effect(other, base, None) for other in others]
        asked = [n for n, t in enumerate(trials) if t.action != "remove_random" and effects[n]]
        adjusted = corrected([e for n in asked if (e := effects[n]) is not None])
        for number, adjusted_effect in zip(asked, adjusted, strict=True):
            effects[number] = adjusted_effect
        partly = 0 < suspected.sum() < len(suspected)
        found = []
        for trial, effect, other in zip(trials, effects, others, strict=True):
            unflagged = self._effect(other, base, ~suspected) if partly else None
            verdict = "failed" if effect is None else verdict_of(effect)
            why = other.failed or base.failed
            found.append(
                (
                    trial,
                    MeasuredAction(
                        action=trial.action,
                        rows=trial.rows,
                        effect=effect,
                        unflagged=unflagged,
                        verdict=verdict,
                        sentence=sentence_of(trial.action, verdict, effect, why, len(asked)),
                        seconds=other.wall_seconds,
                    ),
                )
            )
        return found

    def _effect(
        self, changed: Answered, base: Answered, only: np.ndarray | None
    ) -> Measured | None:
        if changed.failed or base.failed:
            return None
        return compare_arms(changed, base, self._dataset, self._metric, only)


_DOING = {
    "remove": "removing them",
    "relabel": "giving them the suggested labels",
    "remove_random": "removing as many random rows",
}
_ADVICE = {"remove": ("clean", "keep them"), "relabel": ("relabel", "leave their labels")}


def signed(share: float) -> str:
    """`+1.2`, `-0.4`, `0.0`: percentage points."""
    points = round(100 * share, 1)
    return f"{points:+.1f}" if points else "0.0"


def sentence_of(
    action: str, verdict: str, effect: Measured | None, why: str | None, asked: int
) -> str:
    """What a person reads: "removing them gains 1.2 points (0.4 to 2.0): clean"."""
    doing = _DOING[action]
    if effect is None:
        return f"{doing} could not be measured: {why}"
    if verdict == "no difference":
        return (
            f"{doing} makes no difference that {format_count(effect.items, 'item')} can show "
            f"({signed(effect.low)} to {signed(effect.high)} points)"
        )
    ahead = effect.difference > 0
    size = abs(100 * effect.difference)
    ends = (effect.low, effect.high) if ahead else (-effect.high, -effect.low)
    told = (
        f"{doing} {'gains' if ahead else 'costs'} {size:.1f} points "
        f"({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"
    )
    if verdict == "perhaps luck":
        return f"{told}, which may be luck among {format_count(asked, 'comparison')}"
    advice = _ADVICE.get(action)
    return told if advice is None else f"{told}: {advice[0] if ahead else advice[1]}"
