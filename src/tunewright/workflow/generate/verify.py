"""Recomputes a study of written answers from what each run and each candidate has answered."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tunewright.decide.texts import conclude
from tunewright.experiment.curve import answer_curve, measure_curve
from tunewright.experiment.evaluator import kept_of
from tunewright.experiment.writing import mean_loss_of
from tunewright.train.recipe import Recipe, Trial
from tunewright.workflow.generate.evidence import gather_texts
from tunewright.workflow.results import Difference
from tunewright.workflow.session import Session
from tunewright.workflow.stages.evidence import curve_parts
from tunewright.workflow.stages.training import (
    evaluator_of,
    judged_run,
    planned_training,
    search_seed,
)
from tunewright.workflow.verify import StoredRuns, finished_run, nearly, train_nothing

_TUNED_CUTS = "how many answers were cut off, and the perplexities"


def recompute(session: Session) -> tuple[RescoredWriters, dict[str, Any], dict[str, Any]]:
    """What was found on the way, the evidence and the verdict, from stored answers."""
    rescored = RescoredWriters(session)
    given = gather_texts(session)
    context = {**given.context, **rescored.context()}
    evidence, verdict = conclude(replace(given, context=context))
    return rescored, evidence, verdict


class RescoredWriters:
    """What the evidence tells of the training on dev, made anew from the losses of every row."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._runs = StoredRuns(session, len(session.contents.scored_rows))
        self._evaluator = evaluator_of(session, memory=self._runs, train=train_nothing)
        self.differences: list[Difference] = []
        """Between the ledger and the losses that trials have kept."""
        self.from_record: list[str] = [_TUNED_CUTS]
        """What could not be made anew."""

    def context(self) -> dict[str, Any]:
        """The parts of the evidence that stand for search, curve and tuning."""
        session = self._session
        if not session.results["search"]["found"]:
            return {}
        search = [self._entry(entry) for entry in session.results["search"]["entries"]]
        recipe = Recipe(**session.results["search"]["recipe"])
        points = measure_curve(
            recipe, self._evaluator, planned_training(session).curve, search_seed(session)
        )
        answer = answer_curve(points, session.decision.margin)
        tuning = dict(session.results["final"]["tuning"])
        if tuning:
            full = [p.outcome for p in points if p.outcome.run.size is None]
            tuning["seed_dev_scores"] = [o.score for o in full if not o.failed]
            tuning["recipe"] = recipe.model_dump(mode="json")
            tuning["label"] = self._chosen(search, recipe)
        return {
            "search": search,
            **curve_parts({"measured": True, **answer}),
            "tuning": tuning,
        }

    def _entry(self, recorded: dict[str, Any]) -> dict[str, Any]:
        run = self._runs.run(recorded["trials"], recorded["epochs"])
        result = run["result"]
        found = {**recorded, "recipe": run["trial"]["recipe"], "seed": run["trial"]["seed"]}
        for name in ("fit_rows", "cpu_seconds", "wall_seconds", "failed"):
            found[name] = result[name]
        if result["failed"]:
            return {**found, "score": None, "loss": None}
        rows_n2 = np.array(result["answers"], dtype=np.float64)
        loss = mean_loss_of(rows_n2)
        if finished_run(found):
            self._hold_against(found, rows_n2)
        found["loss"] = nearly(recorded["loss"], loss)
        found["score"] = nearly(recorded["score"], math.exp(-loss))
        return found

    def _hold_against(self, entry: dict[str, Any], rows_n2: np.ndarray) -> None:
        """Note where the ledger holds another loss than the trial has kept."""
        dataset = self._session.contents
        kept_n2 = np.zeros((len(dataset.fit), 2))
        for id_ in entry["trials"]:
            folder = self._session.layout.trial(id_)
            if not (folder / "dev").is_dir():
                self.from_record.append(f"the losses of {entry['recipe']}, whose files are gone")
                return
            trial = Trial.model_validate_json((folder / "recipe.json").read_text("utf-8"))
            kept = kept_of(folder, trial, entry["epochs"])
            kept_n2[kept["rows"]] = np.stack([kept["losses"], kept["weights"]], axis=1)
        wrong = np.flatnonzero(
            ~np.isclose(rows_n2, kept_n2[dataset.scored_rows], rtol=1e-5, atol=1e-9).all(axis=1)
        )
        for place in wrong[:1]:
            row = dataset.scored_rows[place]
            difference = Difference(
                field=f"ledger.trials[{entry['recipe']}].losses[{dataset.fit.ids[row]}]",
                stored=float(rows_n2[place, 0]),
                recomputed=float(kept_n2[row, 0]),
            )
            if difference not in self.differences:
                self.differences.append(difference)

    def _chosen(self, search: list[dict[str, Any]], recipe: Recipe) -> str:
        """The recipe that the search had to choose: the best one of its last rung."""
        judged = [entry for entry in search if not entry["failed"]]
        last = max(entry["rung"] for entry in judged)
        of_last = [entry for entry in judged if entry["rung"] == last]
        highest = max(entry["score"] for entry in of_last)
        best = [entry for entry in of_last if entry["score"] == highest]
        mine = [trial.id for trial in self._evaluator.trials(judged_run(self._session, recipe))]
        chosen = next((entry for entry in best if entry["trials"] == mine), best[0])
        return str(chosen["recipe"])
