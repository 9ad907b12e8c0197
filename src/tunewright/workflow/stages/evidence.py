"""Stages `evidence` and `verdict`: every number, and what follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tunewright.candidates import CANDIDATES
from tunewright.core.errors import GateError
from tunewright.core.files import draft_of, write_json, writing
from tunewright.core.hashing import hash_file, hash_folder
from tunewright.data.dataset import FIT, TEST
from tunewright.data.sealed import read_sealed
from tunewright.decide.conclude import beside, verdict_of
from tunewright.decide.evidence import (
    EvidenceInput,
    Finalist,
    TestInfo,
    build_evidence,
    compare_all,
    details_of,
)
from tunewright.decide.scored import Items, Scored, items_of, scored
from tunewright.train.recipe import Recipe
from tunewright.workflow.environment import describe_environment
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.final import TUNE
from tunewright.workflow.stages.training import trials_of_final


def gather(session: Session) -> EvidenceInput:
    """What the evidence is computed from, read back from the ledger and the sealed answers."""
    dataset, ledger, keys = session.dataset, session.ledger, session.keys
    final = session.results["final"]
    rows = dataset.scored_rows
    has_groups = session.results["data"]["has_groups"]
    dev = items_of(
        {dataset.fit.ids[r]: dataset.labels[dataset.fit.targets[r]] for r in rows},
        dataset.labels,
        {dataset.fit.ids[r]: dataset.fit.groups[r] for r in rows} if has_groups else None,
    )
    targets = read_sealed(session.layout.data, session.results["data"]["test_hash"])
    test = items_of(
        targets,
        dataset.labels,
        dict(zip(dataset.test.ids, dataset.test.groups, strict=True)) if has_groups else None,
    )

    def answers(candidate: str, split: str) -> Scored:
        stage = {"test": "test", "dev": "final" if candidate == TUNE else "candidates"}[split]
        found = ledger.answers(candidate, keys[stage], split)
        if found is None:
            raise GateError(
                f"the stored {split} answers of '{candidate}' are gone",
                file=ledger.path,
                fix="run `tunewright run --fresh`",
            )
        return scored(candidate, found, dev if split == "dev" else test)

    entries = {entry["id"]: entry for entry in session.results["candidates"]["candidates"]}
    records = {record["id"]: record for record in final["finalists"]}
    tokens = _Tokens(session)
    finalists = [
        Finalist(
            record={**record, "cost": _cost(record, entries.get(id_), tokens)},
            dev=answers(id_, "dev"),
            test=answers(id_, "test"),
        )
        for id_, record in records.items()
    ]
    others = [
        (_untested(entry, tokens), answers(id_, "dev"))
        for id_, entry in entries.items()
        if id_ not in records
    ]
    return EvidenceInput(
        config=session.config.decision,
        dev=dev,
        test=test,
        info=_test_info(session, test),
        finalists=finalists,
        others=others,
        seeds=[answers(folder.rpartition("/")[2], "test") for folder in final["seeds"]],
        seed=session.config.seed,
        context=_context(session),
    )


def _untested(entry: dict[str, Any], tokens: _Tokens) -> dict[str, Any]:
    names = ("id", "candidate", "kind", "title", "settings")
    record = {name: entry[name] for name in names}
    cost = {"peak_memory_bytes": entry["usage"]["peak_memory_bytes"], "trained_parameters": 0}
    return {**record, "cost": _cost({**record, "cost": cost}, entry, tokens)}


def _cost(record: dict[str, Any], entry: dict[str, Any] | None, tokens: _Tokens) -> dict[str, Any]:
    """What was measured of a candidate, with the tokens that went into it.

    Args:
        record: the candidate, with what its stage measured.
        entry: of the stage `candidates`; None for the tuned model.
        tokens: counts them.
    """
    cost = {**record["cost"], "tokens": tokens.of(record["candidate"])}
    if entry is not None:
        cost["dev_seconds"] = entry["usage"]["wall_seconds"]
        cost["dev_cpu_seconds"] = entry["usage"]["cpu_seconds"]
    return cost


class _Tokens:
    """Counts the tokens that the base model read to make a candidate, texts cut at `max_length`.

    No token where no model is run, each once for what works on the model's vectors. For the tuned
    model every epoch counts that weights have gone through, of each recipe of the search and of
    each final seed, as `make_seconds` adds up their time. Where training may stop early this is
    the most it can be.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        full = _token_lengths(session, FIT)
        self._lengths = np.minimum(full, session.results["calibrate"]["max_length"])

    def of(self, candidate: str) -> int:
        """Tokens of a candidate of this name."""
        if candidate == TUNE:
            return self._search() + self._final()
        return int(self._lengths.sum()) if CANDIDATES.get(candidate).needs_vectors else 0

    def _search(self) -> int:
        entries = self._session.results["search"]["entries"]
        last = {tuple(entry["trials"]): entry for entry in entries if not entry["failed"]}
        once = sum(int(self._lengths[fit].sum()) for _, fit, _ in self._session.dataset.holdouts)
        return sum(int(entry["epochs"]) * once for entry in last.values())

    def _final(self) -> int:
        tuning = self._session.results["final"]["tuning"]
        recipe = Recipe(**tuning["recipe"])
        (trial, *_) = trials_of_final(self._session, recipe)
        rows = self._session.dataset.train_rows if trial.selection.fit == "train" else slice(None)
        epochs = recipe.phase.hyperparameters.num_train_epochs
        return int(tuning["seeds"]) * epochs * int(self._lengths[rows].sum())


def _token_lengths(session: Session, part: str) -> list[int]:
    """Tokens of each text of a part, before it is cut."""
    found: list[int] = session.job(
        "tunewright.train.lengths:TokenLengths",
        {"workspace": session.workspace(), "part": part},
        "token lengths",
    )["lengths"]
    return found


def _test_info(session: Session, test: Items) -> TestInfo:
    from tunewright.tasks import TASKS

    part = session.dataset.test
    task = TASKS.get(session.config.task)()
    place = {id_: index for index, id_ in enumerate(part.ids)}
    order = [place[id_] for id_ in test.ids]
    lengths = _token_lengths(session, TEST)
    return TestInfo(
        texts=[task.render(part.inputs[row]) for row in order],
        lengths=[lengths[row] for row in order],
        sources=[part.sources[row].file for row in order],
        columns={
            name: [part.columns[row].get(name) for row in order]
            for name in session.config.data.slices
        },
    )


def _context(session: Session) -> dict[str, Any]:
    """Results of other stages that the report shows."""
    results = session.results
    plan = {k: v for k, v in results["plan"].items() if k != "training"}
    return {
        "project": {
            "task": session.config.task,
            "model": session.config.model,
            "seed": session.config.seed,
            "study": session.layout.root.name,
        },
        "data": {k: v for k, v in results["data"].items() if k != "made"},
        "audit": results["audit"]["findings"],
        "plan": plan,
        "calibration": {k: v for k, v in results["calibrate"].items() if k != "tokens"},
        "tokens": {"fit": results["calibrate"]["tokens"][FIT]},
        "search": results["search"]["entries"],
        "tuning": results["final"]["tuning"],
        **curve_parts(results["curve"]),
        "test_openings": openings_of(session),
        "incidents": session.ledger.incidents(),
        "warnings": list(session.warnings),
        "environment": describe_environment(),
    }


def curve_parts(curve: dict[str, Any]) -> dict[str, Any]:
    """What the evidence holds of the stage `curve`: its points, and what they say."""
    names = ("answer", "sentence", "predictions", "laws", "fitted")
    answer = {name: curve[name] for name in names if name in curve}
    return {
        "curve": curve.get("points", []),
        "curve_answer": answer if curve["measured"] else None,
    }


def _evidence_inputs(session: Session) -> Any:
    final = session.results["final"]
    return {
        **session.key_of("data", "audit", "plan", "candidates", "search", "curve", "final", "test"),
        # Finalists that were lost are made again, and what that cost is measured again.
        "finalists": {name: final[name] for name in ("finalists", "seeds", "tuning")},
        "decision": session.config.decision.model_dump(mode="json"),
        "slices": session.config.data.slices,
        "openings": openings_of(session),
    }


def openings_of(session: Session) -> int:
    """How often this test set has been opened by now, for whatever choices."""
    return len(session.ledger.openings(session.results["data"]["test_hash"]))


def compute(given: EvidenceInput) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evidence and verdict, from the answers alone. `verify` calls this again."""
    evidence = build_evidence(given)
    verdict = verdict_of(evidence, compare_all(given))
    evidence["details"] = details_of(given, verdict["winner"], beside(verdict, evidence))
    return evidence, verdict


def _run_evidence(session: Session) -> dict[str, Any]:
    evidence, verdict = compute(gather(session))
    write_json(session.layout.evidence, evidence)
    return {"file": hash_file(session.layout.evidence), "verdict": verdict}


def _evidence_intact(session: Session, result: dict[str, Any]) -> bool:
    return _same(session.layout.evidence, result["file"])


def _run_verdict(session: Session) -> dict[str, Any]:
    verdict = session.results["evidence"]["verdict"]
    write_json(session.layout.verdict, verdict)
    _install_winner(session, verdict["winner"])
    return {
        "file": hash_file(session.layout.verdict),
        "winner": verdict["winner"],
        "model": hash_folder(session.layout.model),
    }


def _install_winner(session: Session, winner: str) -> None:
    """Put the winner where people and tools look for it."""
    import shutil

    target = session.layout.model
    with writing(target):
        draft = draft_of(target)
        shutil.copytree(
            session.layout.candidates / winner,
            draft,
            ignore=shutil.ignore_patterns("*_probabilities.safetensors", "*_answers.json"),
        )
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)


def _verdict_intact(session: Session, result: dict[str, Any]) -> bool:
    same_model = hash_folder(session.layout.model) == result["model"]
    return same_model and _same(session.layout.verdict, result["file"])


def _same(path: Path, expected: str) -> bool:
    return path.is_file() and hash_file(path) == expected


EVIDENCE = Stage(
    "evidence",
    "Computing the evidence",
    _evidence_inputs,
    _run_evidence,
    _evidence_intact,
    version=2,
)
VERDICT = Stage(
    "verdict",
    "Reaching the verdict",
    lambda session: {**session.key_of("evidence"), "file": session.results["evidence"]["file"]},
    _run_verdict,
    _verdict_intact,
)
