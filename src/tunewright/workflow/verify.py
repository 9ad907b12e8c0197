"""Recomputes every statistic of a finished study from its stored per-example answers.

The evidence of a run takes search, curve and tuning over from the stages that measured them. Here
they are made anew from the answers of each run of a recipe, and from the dev logits where those are
kept, so that a number changed in the ledger and in `evidence.json` alike is found.
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tunewright.core.errors import DataError, GateError
from tunewright.core.events import Notice
from tunewright.core.files import read_json
from tunewright.data.dividing import proofs_of_study
from tunewright.decide.scored import metric_called
from tunewright.experiment.curve import CurvePoint, answer_curve, measure_curve
from tunewright.experiment.evaluator import Evaluator, Run
from tunewright.experiment.final import dev_temperature, use_soup
from tunewright.models.safety import check_safetensors
from tunewright.train.checkpoint import load_progress
from tunewright.train.recipe import Recipe, Trial
from tunewright.workflow.results import Difference
from tunewright.workflow.session import Session
from tunewright.workflow.stages.evidence import compute, curve_parts, gather
from tunewright.workflow.stages.test import choices_hash
from tunewright.workflow.stages.training import (
    judged_run,
    label_evaluator,
    planned_training,
    search_seed,
)

_NOT_STATISTICS = {"environment", "incidents", "warnings"}
"""Facts about the run itself, which may differ when it is verified elsewhere or later."""

_WOBBLE = 1e-5
"""Relative; what other processors may round differently in a number that comes from logits."""

_UNFIT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What results that lack something, or hold it in another form, end in."""

_FRESH = "`tunewright run --fresh` makes everything anew"

_FROM_RECORD = "seconds and memory, and what the stages data, audit, plan and calibrate found"


def verify_study(session: Session) -> list[Difference]:
    """Differences between the stored evidence and verdict and the recomputed ones.

    What nothing stored gives again is said to the listener.

    Raises:
        GateError: when what is stored is not whole, so that nothing could be computed from it.
    """
    stored_evidence = _stored(session.layout.evidence)
    stored_verdict = _stored(session.layout.verdict)
    try:
        return _differences(session, stored_evidence, stored_verdict)
    except _UNFIT as problem:
        place = traceback.extract_tb(problem.__traceback__)[-1]
        raise GateError(
            "what the study holds is not what a run has written: its numbers cannot be computed",
            file=session.ledger.path,
            found=f"{type(problem).__name__}: {problem} (in {place.name})",
            fix=_FRESH,
        ) from problem


def refuse_removed_openings(session: Session) -> None:
    """The ledger never forgets a look at the test set, so one that is gone was taken out.

    Raises:
        GateError: when an opening of this test set is not on record any more.
    """
    recorded = session.results.get("test")
    if recorded is None:
        return
    openings = session.ledger.openings(recorded["test_hash"])
    known = {opening["choices"] for opening in openings}
    if len(openings) < recorded["openings"] or _choices(session) not in known:
        raise GateError(
            "an opening of the test set was removed from the ledger",
            file=session.ledger.path,
            found=f"{len(openings)} on record",
            expected=f"at least {recorded['openings']}, one of them for the present choices",
            fix="put back a copy of the ledger that has them; " + _FRESH,
        )


def _choices(session: Session) -> str:
    if not session.writes:
        return choices_hash(session)
    from tunewright.workflow.generate.test import text_choices_hash

    return text_choices_hash(session)


def _differences(
    session: Session, stored_evidence: dict[str, Any], stored_verdict: dict[str, Any]
) -> list[Difference]:
    split: list[Difference] = []
    _compare("splits.proof", *proofs_of_study(session.layout.data), split)
    if split:
        return split  # of other rows than were answered nothing else can be computed
    session.warnings[:] = stored_evidence.get("warnings", [])
    rescored: Rescored
    if session.writes:
        from tunewright.workflow.generate.verify import recompute

        rescored, evidence, verdict = recompute(session)
    else:
        rescored = labelled = _Rescored(session)
        given = gather(session)
        context = {**given.context, **labelled.context()}
        evidence, verdict = compute(replace(given, context=context))
    differences = list(rescored.differences)
    _compare("evidence", stored_evidence, _plain(evidence), differences)
    _compare("verdict", stored_verdict, _plain(verdict), differences)
    taken = "; ".join([_FROM_RECORD, *rescored.from_record])
    session.listener.on_event(Notice(text=f"taken as recorded, not computed again: {taken}"))
    return differences


class Rescored(Protocol):
    """What a study's own recomputation has found besides its numbers."""

    differences: list[Difference]
    """Between what is stored twice."""
    from_record: list[str]
    """What could not be made anew."""


class _Rescored:
    """What the evidence tells of the training on dev, made anew from what each run answered."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dataset = session.dataset
        self._targets = self._dataset.fit.targets[self._dataset.scored_rows]
        self._metric = metric_called(session.config.decision.metric)
        self._memory = StoredRuns(session, len(self._targets))
        self.differences: list[Difference] = []
        """Between answers and logits, of which the evidence shows neither."""
        self.from_record: list[str] = []
        """What could not be made anew."""

    def context(self) -> dict[str, Any]:
        """The parts of the evidence that stand for search, curve and tuning."""
        if not self._session.results["search"]["found"]:
            return {}
        search = self._search()
        points = self._points()
        answer = answer_curve(points, self._session.config.decision.margin)
        return {
            "search": search,
            **curve_parts({"measured": True, **answer}),
            "tuning": self._tuning(points, search),
        }

    # -- search ---------------------------------------------------------------------------------

    def _search(self) -> list[dict[str, Any]]:
        entries = self._session.results["search"]["entries"]
        unfinished = [e for e in entries if not e["failed"] and not finished_run(e)]
        if unfinished:
            self.from_record.append(
                f"the loss, not the score, of {len(unfinished)} runs of the search that were "
                "judged before their last epoch"
            )
        return [self._entry(entry) for entry in entries]

    def _entry(self, recorded: dict[str, Any]) -> dict[str, Any]:
        run = self._memory.run(recorded["trials"], recorded["epochs"])
        result = run["result"]
        found = {**recorded, "recipe": run["trial"]["recipe"], "seed": run["trial"]["seed"]}
        for name in ("fit_rows", "cpu_seconds", "wall_seconds", "failed"):
            found[name] = result[name]
        if result["failed"]:
            return {**found, "score": None, "loss": None}
        answers = np.array(result["answers"], dtype=np.int64)
        found["score"] = self._metric.score(self._targets, answers, len(self._dataset.labels))
        logits = (
            self._logits(recorded["trials"], recorded["epochs"]) if finished_run(found) else None
        )
        found["loss"] = result["loss"]
        if logits is not None:
            self._hold_against(found["recipe"], answers, logits)
            found["loss"] = nearly(recorded["loss"], _mean_loss(logits, self._targets))
        return found

    def _hold_against(self, recipe: str, answers: np.ndarray, logits: np.ndarray) -> None:
        """Note where the ledger holds another answer than the logits give."""
        given = logits.argmax(1)
        for place in np.flatnonzero(answers != given)[:1]:
            row = self._dataset.fit.ids[self._dataset.scored_rows[place]]
            difference = Difference(
                field=f"ledger.trials[{recipe}].answers[{row}]",
                stored=self._label(answers[place]),
                recomputed=self._label(given[place]),
            )
            if difference not in self.differences:  # a run of the search is one of the curve too
                self.differences.append(difference)

    def _label(self, number: int) -> str:
        labels = self._dataset.labels
        return labels[number] if 0 <= number < len(labels) else "no label"

    # -- curve ----------------------------------------------------------------------------------

    def _points(self) -> list[CurvePoint]:
        points = measure_curve(
            self._recipe,
            self._evaluator,
            planned_training(self._session).curve,
            search_seed(self._session),
        )
        for point in points:
            outcome = point.outcome
            if outcome.failed:
                continue
            logits = self._logits(outcome.trial_ids, outcome.run.epochs)
            if logits is not None:
                self._hold_against(outcome.run.recipe.label, outcome.answers, logits)
        return points

    # -- what was made of it --------------------------------------------------------------------

    def _tuning(self, points: Sequence[CurvePoint], search: list[dict[str, Any]]) -> dict[str, Any]:
        final = self._session.results["final"]
        recorded: dict[str, Any] = final["tuning"]
        if not recorded:
            return {}
        scores = [
            point.outcome.score
            for point in points
            if point.outcome.run.size is None and not point.outcome.failed
        ]
        soup = recorded["soup_dev_score"]
        if soup is not None:
            self.from_record.append("the dev score of the seeds' average, whose answers are gone")
        return {
            "recipe": self._recipe.model_dump(mode="json"),
            "label": self._chosen(search),
            "temperature": self._temperature(recorded["temperature"]),
            "averaged": use_soup(planned_training(self._session).final, soup, scores),
            "soup_dev_score": soup,
            "seed_dev_scores": scores,
            "seeds": len(final["seeds"]),
        }

    def _chosen(self, search: list[dict[str, Any]]) -> str:
        """The recipe that the search had to choose: the best one of its last rung."""
        judged = [entry for entry in search if not entry["failed"]]
        last = max(entry["rung"] for entry in judged)
        ranks = [(e["score"], -e["loss"]) for e in judged if e["rung"] == last]
        best = [e for e in judged if e["rung"] == last and (e["score"], -e["loss"]) == max(ranks)]
        mine = [trial.id for trial in self._evaluator.trials(self._judged_run)]
        chosen = next((entry for entry in best if entry["trials"] == mine), best[0])
        return str(chosen["recipe"])

    def _temperature(self, recorded: float) -> float:
        run = self._judged_run
        logits = self._logits([t.id for t in self._evaluator.trials(run)], run.epochs)
        if logits is None:
            self.from_record.append("the temperature, whose dev logits are gone")
            return recorded
        return nearly(recorded, dev_temperature(logits, self._dataset) or 1.0)

    # -- what is stored -------------------------------------------------------------------------

    @cached_property
    def _recipe(self) -> Recipe:
        return Recipe(**self._session.results["search"]["recipe"])

    @property
    def _judged_run(self) -> Run:
        return judged_run(self._session, self._recipe)

    @cached_property
    def _evaluator(self) -> Evaluator:
        return label_evaluator(self._session, memory=self._memory, train=train_nothing)

    def _logits(self, trials: Sequence[str], epochs: int) -> np.ndarray | None:
        """Dev logits [n, classes] of a run to the last epoch, or None where they are gone.

        Those of earlier epochs are written over when the search trains the trial on.
        """
        rows, parts = [], []
        for id_, (_, _, scored) in zip(trials, self._dataset.holdouts, strict=True):
            path = self._logits_file(self._session.layout.trial(id_), epochs)
            if path is None or not path.is_file():
                return None
            rows.append(scored)
            parts.append(_read_logits(path))
            if parts[-1].shape != (len(scored), len(self._dataset.labels)):
                raise gone(f"the dev logits in {path.parent}")
        return np.concatenate(parts)[np.argsort(np.concatenate(rows), kind="stable")]

    def _logits_file(self, folder: Path, epochs: int) -> Path | None:
        """Of the epoch by which the trial was judged: its best one, where it may stop early."""
        fixed = planned_training(self._session).fixed
        if fixed.early_stopping_patience is not None:
            last = folder / "last" / "state.safetensors"
            if not last.is_file():
                return None
            epochs = int(load_progress(last)["best_epoch"])
        return folder / "dev" / f"epoch-{epochs}.safetensors"


class StoredRuns:
    """The ledger's runs of recipes, to be looked up and never written.

    Args:
        session: of the study.
        scored_rows: rows that each run answers.
    """

    def __init__(self, session: Session, scored_rows: int) -> None:
        self._ledger = session.ledger
        self._scored_rows = scored_rows
        self._runs = {
            (tuple(run["result"]["trial_ids"]), run["trial"]["epochs"]): run
            for run in session.ledger.trials()
        }

    def run(self, trials: Sequence[str], epochs: int) -> dict[str, Any]:
        """What was recorded of these trials after so many epochs."""
        found = self._runs.get((tuple(trials), epochs))
        if found is None:
            raise gone(f"the stored answers of trial {', '.join(trials)}")
        return self._whole(found)

    def trial(self, trial_id: str) -> dict[str, Any] | None:
        found = self._ledger.trial(trial_id)
        return None if found is None else self._whole(found)

    def record_trial(self, *_: Any, **__: Any) -> None:
        raise AssertionError("nothing is trained to verify a study")

    def _whole(self, run: dict[str, Any]) -> dict[str, Any]:
        if len(run["result"]["answers"]) != self._scored_rows:
            raise gone("some of a run's stored answers to the dev rows")
        return run


def train_nothing(wanted: list[tuple[Trial, int | None]]) -> list[dict[str, Any]]:
    """Stands where trials are trained: what is not stored is gone."""
    names = ", ".join(sorted({trial.recipe.label for trial, _ in wanted}))
    raise gone(f"the stored answers of a run of {names}")


def gone(what: str) -> GateError:
    """The error for something that is not stored any more."""
    return GateError(
        f"{what} are gone, or not those of these rows",
        fix="run `tunewright run --fresh`",
    )


def _read_logits(path: Path) -> np.ndarray:
    from safetensors.numpy import load_file

    check_safetensors(path)
    return load_file(path)["logits"]


def finished_run(entry: dict[str, Any]) -> bool:
    """Whether a run of the search was judged at its recipe's last epoch."""
    return bool(entry["epochs"] >= entry["num_train_epochs"])


def _mean_loss(logits_nc: np.ndarray, targets_n: np.ndarray) -> float:
    from scipy.special import logsumexp

    table = logits_nc.astype(np.float64)
    return float((logsumexp(table, axis=1) - table[np.arange(len(targets_n)), targets_n]).mean())


def nearly(recorded: float, found: float) -> float:
    """The recorded number where the one found is the same but for rounding."""
    return recorded if math.isclose(recorded, found, rel_tol=_WOBBLE, abs_tol=1e-9) else found


def _stored(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except DataError as problem:
        found, what = None, problem.what
    else:
        what = "the file does not hold what a run writes"
    if not isinstance(found, dict):
        raise GateError(what, file=path, fix="`tunewright run` writes it anew")
    return found


def _plain(value: Any) -> Any:
    """As it would read back from its file."""
    return json.loads(json.dumps(value))


def _compare(field: str, stored: Any, found: Any, differences: list[Difference]) -> None:
    if isinstance(stored, dict) and isinstance(found, dict):
        for name in sorted({*stored, *found}):
            if not (field == "evidence" and name in _NOT_STATISTICS):
                _compare(f"{field}.{name}", stored.get(name), found.get(name), differences)
    elif isinstance(stored, list) and isinstance(found, list) and len(stored) == len(found):
        for index, (a, b) in enumerate(zip(stored, found, strict=True)):
            _compare(f"{field}[{index}]", a, b, differences)
    elif stored != found:
        differences.append(Difference(field=field, stored=stored, recomputed=found))
