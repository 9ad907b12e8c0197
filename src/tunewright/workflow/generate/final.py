"""Stage `final` of a study that writes: every finalist is made from all rows that are not test, and
writes its answers to the test rows, which nobody scores yet."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunewright.core.files import write_json, writing
from tunewright.core.hashing import hash_folder
from tunewright.data.dataset import FIT, TEST
from tunewright.train.recipe import Recipe, Trial
from tunewright.workflow.generate.answers import as_answers, read_answers, to_ledger
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.final import (
    TUNE,
    empty_folder,
    keep_costs,
    plain_trials,
    record_of,
    train_all,
    trials_of_search,
)
from tunewright.workflow.stages.training import (
    evaluator_of,
    judged_run,
    planned_training,
    trials_of_final,
)

_RELEASE_CANDIDATE = "tunewright.candidates.generate.jobs:ReleaseTextCandidate"
_RELEASE_WRITER = "tunewright.train.writing.release:ReleaseWriter"
_ANSWER = "tunewright.candidates.generate.jobs:AnswerWithModel"
TEST_ANSWERS, DEV_ANSWERS = "test_answers.json", "dev_answers.json"
_ON_DEV = "candidates/.dev"
_MANY_CUT = 0.05
"""Share of answers that are cut off, above which the person is warned."""
_READING = {"row_schema", "columns", "text", "label"}
"""What of `data:` says how rows are laid out."""


def _inputs(session: Session) -> Any:
    return {
        **session.key_of("candidates", "search", "curve"),
        "final": planned_training(session).final.model_dump(mode="json"),
        "generation": _generation(session),
    }


def _generation(session: Session) -> dict[str, Any]:
    return session.config.generation.resolved(session.folder).model_dump(mode="json")


def _run(session: Session) -> dict[str, Any]:
    records = _release_untrained(session)
    seeds: list[str] = []
    tuning: dict[str, Any] = {}
    if session.results["search"]["found"]:
        tuned = _tune(session)
        if tuned is not None:
            record, seeds, tuning = tuned
            records.append(record)
    keep_costs(session, FINAL_WRITERS.name, records)
    _warn_of_cuts(session, records)
    folders = [f"candidates/{record['id']}" for record in records] + seeds
    return {
        "finalists": records,
        "seeds": seeds,
        "tuning": tuning,
        "folders": {folder: hash_folder(session.layout.root / folder) for folder in folders},
    }


def _warn_of_cuts(session: Session, records: Sequence[dict[str, Any]]) -> None:
    """Answers that do not end are seldom right, and there is something to be done about them."""
    rows = len(session.contents.test)
    most = session.config.generation.max_new_tokens
    told = [
        f"{record['cut_off']:,} of {rows:,} by {record['title']}"
        for record in records
        if (record["cut_off"] or 0) > _MANY_CUT * rows
    ]
    if told:
        session.warnings.append(
            f"answers that did not end within {most:,} tokens (`generation.max_new_tokens`) were "
            f"cut off: {'; '.join(told)}"
        )


# -- what is not trained --------------------------------------------------------------------------


def _release_untrained(session: Session) -> list[dict[str, Any]]:
    if not session.contents.has_answers:
        return _untuned(session)
    stage = session.results["candidates"]
    records = []
    for entry in stage["candidates"]:
        if entry["id"] not in stage["finalists"]:
            continue
        empty_folder(session, f"candidates/{entry['id']}")
        released = session.job(
            _RELEASE_CANDIDATE, {**entry, "workspace": session.workspace()}, entry["title"]
        )
        made, answered = released["made"], released["answered"]
        cost = {
            "make_seconds": made["wall_seconds"],
            "make_cpu_seconds": made["cpu_seconds"],
            **_per_1000(session, answered),
            "peak_memory_bytes": max(made["peak_memory_bytes"], answered["peak_memory_bytes"]),
            "parameters": released["parameters"],
            "trained_parameters": 0,
            "tokens": released["read_tokens"] + released["written_tokens"],
            "dev_seconds": entry["usage"]["wall_seconds"],
            "dev_cpu_seconds": entry["usage"]["cpu_seconds"],
        }
        told = {"cut_off": released["cut_off"], "dev_cut_off": entry["cut_off"]}
        records.append({**record_of(entry), "cost": cost, **told})
    return records


def _untuned(session: Session) -> list[dict[str, Any]]:
    """The base model beside a model tuned on running text: it costs nothing to make."""
    (entry,) = session.results["candidates"]["candidates"]
    folder = session.layout.root / f"candidates/{entry['id']}"
    empty_folder(session, f"candidates/{entry['id']}")
    write_json(
        folder / "candidate.json",
        {"candidate": entry["id"], "task": "generate", "model": session.config.model},
    )
    cost = {
        "make_seconds": 0.0,
        "make_cpu_seconds": 0.0,
        **_reading_cost(session),
        "peak_memory_bytes": entry["usage"]["peak_memory_bytes"],
        "parameters": session.results["calibrate"]["parameters"],
        "trained_parameters": 0,
        "tokens": entry["read_tokens"],
        "dev_seconds": entry["usage"]["wall_seconds"],
        "dev_cpu_seconds": entry["usage"]["cpu_seconds"],
    }
    return [{**record_of(entry), "cost": cost, "cut_off": None, "dev_cut_off": None}]


def _reading_cost(session: Session) -> dict[str, float]:
    """Of reading a thousand rows: the same for the base model and for the tuned one."""
    calibrated = session.results["calibrate"]
    rows = max(1, len(session.contents.test))
    tokens = calibrated["tokens"][TEST] / rows
    seconds = calibrated["encode_seconds_per_token"] * tokens * 1000
    threads = calibrated["numerics"]["threads"]
    return {"run_seconds_per_1000": seconds, "run_cpu_seconds_per_1000": seconds * threads}


def _per_1000(session: Session, answered: dict[str, float]) -> dict[str, float]:
    if not session.contents.has_answers:
        return _reading_cost(session)
    scale = 1000 / max(1, len(session.contents.test))
    return {
        "run_seconds_per_1000": answered["wall_seconds"] * scale,
        "run_cpu_seconds_per_1000": answered["cpu_seconds"] * scale,
    }


# -- what is trained ------------------------------------------------------------------------------


def _tune(session: Session) -> tuple[dict[str, Any], list[str], dict[str, Any]] | None:
    """The tuned model: its answers on dev, then the seeds on all rows.

    None when no seed could be trained.
    """
    search = session.results["search"]
    recipe = Recipe(**search["recipe"])
    dev_cut_off = _dev_answers(session, recipe)
    trials, training = train_all(session, trials_of_final(session, recipe))
    if not trials:
        session.warnings.append("no seed of the final recipe could be trained, so nothing is tuned")
        return None
    averaged = planned_training(session).final.soup == "always" and len(trials) > 1
    folder = f"candidates/{TUNE}"
    released = _release(session, trials if averaged else trials[:1], folder)
    answered = _answer_test(session, folder, folder)
    seeds = _answer_with_seeds(session, trials, averaged=averaged)
    cost = {
        "make_seconds": search["wall_seconds"] + training["wall_seconds"],
        "make_cpu_seconds": search["cpu_seconds"] + training["cpu_seconds"],
        "search_seconds": search["wall_seconds"],
        "training_seconds": training["wall_seconds"],
        **_per_1000(session, answered["answered"]),
        "peak_memory_bytes": max(
            training["peak_memory_bytes"], answered["answered"]["peak_memory_bytes"]
        ),
        "parameters": released["all_parameters"],
        "trained_parameters": released["parameters"],
        "tokens": _trained_tokens(session, recipe, trials),
    }
    record = {
        "id": TUNE,
        "candidate": TUNE,
        "kind": TUNE,
        "title": "the tuned model",
        "settings": {"recipe": recipe.label},
        "cost": cost,
        "cut_off": answered["cut_off"],
        "dev_cut_off": dev_cut_off,
    }
    scores = [entry["score"] for entry in session.results["curve"].get("full_size", [])]
    tuning = {
        "recipe": search["recipe"],
        "label": recipe.label,
        "averaged": averaged,
        "seed_dev_scores": scores,
        "seeds": len(trials),
    }
    return record, seeds, tuning


def _trained_tokens(session: Session, recipe: Recipe, trials: list[Trial]) -> int:
    """Tokens that weights have gone through in the search and in the final training."""
    whole = int(session.results["calibrate"]["tokens"][FIT])
    entries = session.results["search"]["entries"]
    last = {tuple(entry["trials"]): entry for entry in entries if not entry["failed"]}
    rows = len(session.contents.fit)
    once = sum(whole * len(fit) // max(1, rows) for _, fit, _ in session.contents.holdouts)
    epochs = recipe.phase.hyperparameters.num_train_epochs
    searched = trials_of_search(session)
    finals = [
        whole if trial.selection.fit == "train+dev" else once
        for trial in trials
        if trial.id not in searched
    ]
    return sum(int(e["epochs"]) * once for e in last.values()) + epochs * sum(finals)


def _dev_answers(session: Session, recipe: Recipe) -> int | None:
    """Record what the recipe wrote on dev; returns how many answers were cut off."""
    evaluator, run = evaluator_of(session), judged_run(session, recipe)
    losses = evaluator.score(run).answers
    likely = [float(np.exp(-loss / weight)) if weight else None for loss, weight in losses]
    fit = session.contents.fit
    if not session.contents.has_answers:
        ids = [fit.ids[row] for row in session.contents.scored_rows]
        answers = to_ledger(as_answers(likely), ids, likely)
        session.ledger.record_answers(TUNE, session.keys["final"], "dev", answers)
        return None
    said: dict[int, dict[str, Any]] = {}
    cut_off = 0
    for trial, (_, _, scored) in zip(
        evaluator.restored(run), session.contents.holdouts, strict=True
    ):
        _release(session, [trial], _ON_DEV)
        found = _answer(session, _ON_DEV, FIT, f"{_ON_DEV}/{DEV_ANSWERS}", scored.tolist())
        texts = read_answers(session.layout.root / found["answers"])
        said |= dict(zip(scored.tolist(), texts, strict=True))
        cut_off += int(found["cut_off"])
    shutil.rmtree(session.layout.root / _ON_DEV, ignore_errors=True)
    rows = sorted(said)
    answers = to_ledger([said[row] for row in rows], [fit.ids[row] for row in rows], likely)
    session.ledger.record_answers(TUNE, session.keys["final"], "dev", answers)
    return cut_off


def _release(session: Session, trials: Sequence[Trial], folder: str) -> dict[str, Any]:
    """Write the model folder of a trial, or of the mean of several."""
    empty_folder(session, folder)
    return session.job(
        _RELEASE_WRITER,
        {
            "workspace": session.workspace(),
            "trials": plain_trials(trials),
            "folder": folder,
            "generation": _generation(session),
            "reading": session.config.data.model_dump(mode="json", include=_READING),
            "metric": session.decision.metric if session.contents.has_answers else None,
        },
        "writing the tuned model",
    )


def _answer(
    session: Session, model: str, part: str, answers: str, rows: list[int] | None = None
) -> dict[str, Any]:
    return session.job(
        _ANSWER,
        {
            "workspace": session.workspace(),
            "model": model,
            "part": part,
            "rows": rows,
            "generation": _generation(session),
            "answers": answers,
        },
        "answers of the tuned model",
    )


def _answer_test(session: Session, model: str, folder: str) -> dict[str, Any]:
    """The answers of a model folder to the test rows, kept in a folder of the study."""
    if not session.contents.has_answers:
        idle = {"wall_seconds": 0.0, "cpu_seconds": 0.0, "peak_memory_bytes": 0.0}
        return {"answered": idle, "cut_off": None}
    return _answer(session, model, TEST, f"{folder}/{TEST_ANSWERS}")


def _answer_with_seeds(session: Session, trials: list[Trial], *, averaged: bool) -> list[str]:
    """Every seed's answers to the test rows, for the spread; returns their folders.

    The first seed is the tuned model itself unless the seeds are averaged.
    """
    folders: list[str] = []
    if not session.contents.has_answers:
        return folders
    for number, trial in enumerate(trials):
        folder = f"candidates/{TUNE}-seed-{number}"
        empty_folder(session, folder)
        path = session.layout.root / folder
        path.mkdir(parents=True, exist_ok=True)
        if number == 0 and not averaged:
            with writing(path):
                source = session.layout.candidates / TUNE / TEST_ANSWERS
                shutil.copyfile(source, path / TEST_ANSWERS)
        else:
            _release(session, [trial], _ON_DEV)
            _answer_test(session, _ON_DEV, folder)
            shutil.rmtree(session.layout.root / _ON_DEV, ignore_errors=True)
        folders.append(folder)
    return folders


def _intact(session: Session, result: dict[str, Any]) -> bool:
    """Another project file, tried meanwhile, leaves models of its own in the same folders."""
    return all(
        hash_folder(session.layout.root / folder) == content
        for folder, content in result["folders"].items()
    )


FINAL_WRITERS = Stage("final", "Making the finalists from all the data", _inputs, _run, _intact)
