"""Stage `test` of a study that writes: the sealed answers are opened, once, after every choice."""

from __future__ import annotations

from typing import Any

from tunewright.core.hashing import hash_value
from tunewright.data.sealed import open_test
from tunewright.workflow.generate.answers import (
    LIKELIHOOD,
    as_answers,
    per_token,
    read_answers,
    to_ledger,
)
from tunewright.workflow.generate.candidates import BASE, text_payloads
from tunewright.workflow.generate.final import TEST_ANSWERS
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.final import TUNE


def text_choices_hash(session: Session) -> str:
    """Hash of everything that the answers to the test rows follow from, and of the decision rule;
    see `choices_hash` of studies with labels."""
    final = session.results["final"]
    finalists = {record["id"] for record in final["finalists"]}
    return hash_value(
        {
            "task": session.config.task,
            "learned_from": session.learned_from(),
            "seed": session.config.seed,
            "generation": session.config.generation.resolved(session.folder).model_dump(
                mode="json"
            ),
            "untrained": [
                {name: value for name, value in payload.items() if name != "title"}
                for payload in sorted(text_payloads(session), key=lambda p: str(p["id"]))
                if payload["id"] in finalists
            ],
            "tuning": {n: final["tuning"].get(n) for n in ("recipe", "averaged", "seeds")},
            "decision": session.decision.model_dump(mode="json"),
        }
    )


def _inputs(session: Session) -> Any:
    return {
        **session.key_of("final"),
        "folders": session.results["final"]["folders"],
        "choices": text_choices_hash(session),
    }


def _run(session: Session) -> dict[str, Any]:
    dataset = session.contents
    test_hash = session.results["data"]["test_hash"]
    targets = open_test(
        session.layout.data, session.ledger, test_hash=test_hash, choices=text_choices_hash(session)
    )
    final = session.results["final"]
    likelihoods = _likelihoods(session, targets)
    sources = [(r["id"], f"candidates/{r['id']}") for r in final["finalists"]]
    sources += [(folder.rpartition("/")[2], folder) for folder in final["seeds"]]
    for candidate, folder in sources:
        likely = per_token(likelihoods[candidate]) if candidate in likelihoods else None
        if dataset.has_answers:
            said = read_answers(session.layout.root / folder / TEST_ANSWERS)
        else:
            assert likely is not None
            said = as_answers(likely)
        answers = to_ledger(said, dataset.test.ids, likely)
        session.ledger.record_answers(candidate, session.keys["test"], "test", answers)
    return {
        "test_hash": test_hash,
        "openings": len(session.ledger.openings(test_hash)),
        "candidates": [record["id"] for record in final["finalists"]],
        "likelihoods": likelihoods,
    }


def _likelihoods(session: Session, targets: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    """`losses` and `tokens` of the right answers under the tuned and the base model."""
    finalists = {record["id"] for record in session.results["final"]["finalists"]}
    models: dict[str, str | None] = {}
    if BASE in finalists or not session.contents.has_answers:
        models[BASE] = None
    if TUNE in finalists:
        models[TUNE] = f"candidates/{TUNE}"
    found = {
        candidate: session.job(
            LIKELIHOOD,
            {"workspace": session.workspace(), "model": folder, "answers": targets},
            "likelihood of the right answers",
        )
        for candidate, folder in models.items()
    }
    return {
        candidate: {name: told[name] for name in ("losses", "tokens")}
        for candidate, told in found.items()
    }


TEST_TEXTS = Stage("test", "Opening the test set", _inputs, _run)
