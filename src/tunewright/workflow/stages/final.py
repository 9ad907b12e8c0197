"""Stage `final`: every finalist is made from all rows that are not test."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunewright.core.files import writing
from tunewright.core.hashing import hash_folder
from tunewright.decide.cost import tuned_cost, untrained_cost
from tunewright.decide.scored import metric_called
from tunewright.experiment.evaluator import Run
from tunewright.experiment.final import dev_temperature, use_soup
from tunewright.train.recipe import Recipe, Trial
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.training import (
    judged_run,
    label_evaluator,
    planned_training,
    train_trials,
    trials_of_final,
)

TUNE = "tune"
_RELEASE_CANDIDATE = "tunewright.candidates.jobs:ReleaseCandidate"
_TRIALS = "tunewright.experiment.trials"


def _inputs(session: Session) -> Any:
    return {
        **session.key_of("candidates", "search", "curve"),
        "final": planned_training(session).final.model_dump(mode="json"),
    }


def _run(session: Session) -> dict[str, Any]:
    records = _release_untrained(session)
    seeds: list[str] = []
    tuning: dict[str, Any] = {}
    if session.results["search"]["found"]:
        tuned = _tune(session)
        if tuned is not None:
            record, seeds, tuning = tuned
            records.append(record)
    keep_costs(session, FINAL.name, records)
    folders = [f"candidates/{record['id']}" for record in records] + seeds
    return {
        "finalists": records,
        "seeds": seeds,
        "tuning": tuning,
        "folders": {folder: hash_folder(session.layout.root / folder) for folder in folders},
    }


def keep_costs(session: Session, stage: str, records: list[dict[str, Any]]) -> None:
    """Leave the costs as they were measured first, where lost finalists are only made again.

    Evidence and verdict stand on them. Another measurement of the same work would be another
    number for the same thing, and could turn a close verdict.
    """
    earlier = session.ledger.stage(stage, session.keys[stage])
    if earlier is None:
        return
    costs = {record["id"]: record["cost"] for record in earlier["result"]["finalists"]}
    for record in records:
        record["cost"] = costs.get(record["id"], record["cost"])


def _release_untrained(session: Session) -> list[dict[str, Any]]:
    stage = session.results["candidates"]
    calibration = session.results["calibrate"]
    records = []
    for entry in stage["candidates"]:
        if entry["id"] not in stage["finalists"]:
            continue
        empty_folder(session, f"candidates/{entry['id']}")
        released = session.job(
            _RELEASE_CANDIDATE, {**entry, "workspace": session.workspace()}, entry["title"]
        )
        cost = untrained_cost(
            released,
            fit_tokens=calibration["tokens"]["fit"],
            test_tokens=calibration["tokens"]["test"],
            test_items=len(session.dataset.test),
            encode_seconds_per_token=calibration["encode_seconds_per_token"],
            threads=calibration["numerics"]["threads"],
        )
        records.append({**record_of(entry), "cost": cost})
    return records


def empty_folder(session: Session, folder: str) -> None:
    """Another project file, or a run that was killed, may have left files of its own there."""
    path = session.layout.root / folder
    with writing(path):
        if path.exists():
            shutil.rmtree(path)


def record_of(entry: dict[str, Any]) -> dict[str, Any]:
    """What the evidence says of a candidate, without its cost."""
    names = ("id", "candidate", "kind", "title", "settings")
    return {name: entry[name] for name in names}


def _tune(session: Session) -> tuple[dict[str, Any], list[str], dict[str, Any]] | None:
    """The tuned model: temperature and soup from dev, then the seeds on all rows.

    None when no seed could be trained.
    """
    search = session.results["search"]
    config = planned_training(session).final
    recipe = Recipe(**search["recipe"])
    temperature = _dev_answers(session, recipe)
    soup = _soup_on_dev(session, recipe)
    scores = [entry["score"] for entry in session.results["curve"]["full_size"]]
    averaged = use_soup(config, soup, scores)
    trials, training = train_all(session, trials_of_final(session, recipe))
    if not trials:
        session.warnings.append("no seed of the final recipe could be trained, so nothing is tuned")
        return None
    empty_folder(session, f"candidates/{TUNE}")
    released = session.job(
        f"{_TRIALS}:ReleaseTuned",
        {
            "workspace": session.workspace(),
            "trials": plain_trials(trials if averaged else trials[:1]),
            "temperature": temperature,
            "folder": f"candidates/{TUNE}",
        },
        "writing the tuned model",
    )
    seeds = _answer_with_seeds(session, trials)
    calibration = session.results["calibrate"]
    cost = tuned_cost(
        search=search,
        training=training,
        released=released,
        test_tokens=calibration["tokens"]["test"],
        test_items=len(session.dataset.test),
        encode_seconds_per_token=calibration["encode_seconds_per_token"],
        threads=calibration["numerics"]["threads"],
    )
    record = {
        "id": TUNE,
        "candidate": TUNE,
        "kind": TUNE,
        "title": "the tuned model",
        "settings": {"recipe": recipe.label},
        "cost": cost,
    }
    tuning = {
        "recipe": search["recipe"],
        "label": recipe.label,
        "temperature": temperature,
        "averaged": averaged,
        "soup_dev_score": soup,
        "seed_dev_scores": scores,
        "seeds": len(trials),
    }
    return record, seeds, tuning


def _dev_answers(session: Session, recipe: Recipe) -> float:
    """Record what the recipe answered on dev; returns the temperature that calibrates it."""
    from tunewright.candidates.answers import to_answers
    from tunewright.evaluate.calibration import softmax

    evaluator = label_evaluator(session)
    run = judged_run(session, recipe)
    evaluator.score(run)
    logits = evaluator.logits(run)
    dataset = session.dataset
    rows = dataset.scored_rows
    targets = dataset.fit.targets[rows]
    temperature = dev_temperature(logits, dataset)
    if temperature is None:
        temperature = 1.0
        session.warnings.append(
            "the confidences of the tuned model are as it gave them: dev does not determine a "
            "temperature that would calibrate them"
        )
    answers = to_answers(
        np.asarray(softmax(logits, temperature)),
        [dataset.fit.ids[row] for row in rows],
        [dataset.labels[target] for target in targets],
        dataset.labels,
    )
    session.ledger.record_answers(TUNE, session.keys["final"], "dev", answers)
    return temperature


def _soup_on_dev(session: Session, recipe: Recipe) -> float | None:
    """Dev score of the average of the curve's full-size seeds; None with a single seed."""
    full = session.results["curve"].get("full_size", [])
    if len(full) < 2:
        return None
    dataset, evaluator = session.dataset, label_evaluator(session)
    seeds = [evaluator.restored(Run(recipe=recipe, seed=entry["seed"])) for entry in full]
    answers = np.full(len(dataset.fit), -1, dtype=np.int64)
    for trials in zip(*seeds, strict=True):  # of one holdout
        found = session.job(
            f"{_TRIALS}:ScoreSoup",
            {"workspace": session.workspace(), "trials": plain_trials(trials)},
            "averaging the seeds",
        )
        answers[found["rows"]] = found["answers"]
    rows = dataset.scored_rows
    metric = metric_called(session.config.decision.metric)
    return metric.score(dataset.fit.targets[rows], answers[rows], len(dataset.labels))


def plain_trials(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Trials as a job is given them."""
    return [trial.model_dump(mode="json") for trial in trials]


def trials_of_search(session: Session) -> set[str]:
    """Ids of the trials that the search has trained."""
    return {id_ for entry in session.results["search"]["entries"] for id_ in entry["trials"]}


def train_all(session: Session, trials: list[Trial]) -> tuple[list[Trial], dict[str, float]]:
    """Train the seeds; returns those that did not fail, and what they cost together."""
    total = {"cpu_seconds": 0.0, "wall_seconds": 0.0, "peak_memory_bytes": 0.0}
    trained = []
    found = train_trials(session, trials, [None] * len(trials))
    searched = trials_of_search(session)
    for number, (trial, progress) in enumerate(zip(trials, found, strict=True)):
        if trial.id not in searched:  # what the search has trained is among its costs
            total["cpu_seconds"] += progress["cpu_seconds"]
            total["wall_seconds"] += progress["wall_seconds"]
        total["peak_memory_bytes"] = max(total["peak_memory_bytes"], progress["peak_memory_bytes"])
        if progress["failed"]:
            session.warnings.append(
                f"seed {number + 1} of the final recipe was left out: {progress['failed']}"
            )
        else:
            trained.append(trial)
    return trained, total


def _answer_with_seeds(session: Session, trials: list[Trial]) -> list[str]:
    """Every seed's answers to the test inputs, for the spread; returns their folders."""
    folders = []
    for number, trial in enumerate(trials):
        folder = f"candidates/{TUNE}-seed-{number}"
        empty_folder(session, folder)
        session.job(
            f"{_TRIALS}:AnswerTest",
            {
                "workspace": session.workspace(),
                "trial": trial.model_dump(mode="json"),
                "folder": folder,
            },
            f"answers of seed {number + 1}",
        )
        folders.append(folder)
    return folders


def _intact(session: Session, result: dict[str, Any]) -> bool:
    """Another project file, tried meanwhile, leaves models of its own in the same folders."""
    return all(
        hash_folder(session.layout.root / folder) == content
        for folder, content in result["folders"].items()
    )


FINAL = Stage("final", "Making the finalists from all the data", _inputs, _run, _intact)
