"""Stage `test`: the sealed test set is opened, once, after every choice has been made."""

from __future__ import annotations

from typing import Any

from tunewright.candidates.answers import read_probabilities, to_answers
from tunewright.core.hashing import hash_value
from tunewright.data.sealed import open_test
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.candidates import candidate_payloads


def choices_hash(session: Session) -> str:
    """Hash of everything that the answers to the test set follow from, and of the decision rule.

    Whoever changes any of it after a look at the test scores takes another look. What is not part
    of it changes no answer: names of files and folders, columns that are only shown, measured
    costs. The arithmetic is part of it: trained with other rounding, a model answers otherwise.
    """
    final = session.results["final"]
    finalists = {record["id"] for record in final["finalists"]}
    return hash_value(
        {
            "task": session.config.task,
            "learned_from": session.learned_from(),
            "seed": session.config.seed,
            "untrained": [
                {name: value for name, value in payload.items() if name != "title"}
                for payload in sorted(candidate_payloads(session), key=lambda p: str(p["id"]))
                if payload["id"] in finalists
            ],
            "tuning": {n: final["tuning"].get(n) for n in ("recipe", "averaged", "seeds")},
            "decision": session.config.decision.model_dump(mode="json"),
        }
    )


def _inputs(session: Session) -> Any:
    return {
        **session.key_of("final"),
        # A model that was lost and made again may differ where arithmetic does not repeat itself.
        "folders": session.results["final"]["folders"],
        "choices": choices_hash(session),
    }


def _run(session: Session) -> dict[str, Any]:
    dataset = session.dataset
    test_hash = session.results["data"]["test_hash"]
    targets = open_test(
        session.layout.data, session.ledger, test_hash=test_hash, choices=choices_hash(session)
    )
    final = session.results["final"]
    truth = [targets[id_] for id_ in dataset.test.ids]
    sources = [(r["id"], f"candidates/{r['id']}") for r in final["finalists"]]
    sources += [(folder.rpartition("/")[2], folder) for folder in final["seeds"]]
    for candidate, folder in sources:
        path = session.layout.root / folder / "test_probabilities.safetensors"
        answers = to_answers(read_probabilities(path), dataset.test.ids, truth, dataset.labels)
        session.ledger.record_answers(candidate, session.keys["test"], "test", answers)
    return {
        "test_hash": test_hash,
        "openings": len(session.ledger.openings(test_hash)),
        "candidates": [candidate for candidate, _ in sources],
    }


TEST_STAGE = Stage("test", "Opening the test set", _inputs, _run)
