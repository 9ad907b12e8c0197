"""Stage `candidates`: everything that trains no language model, scored on dev or folds."""

from __future__ import annotations

from typing import Any

from tunewright.candidates import CANDIDATES
from tunewright.candidates.answers import read_probabilities, to_answers
from tunewright.decide.verdict import candidate_title
from tunewright.workflow.session import Session, Stage

_HANDLER = "tunewright.candidates.jobs:ScoreCandidate"


def candidate_payloads(session: Session) -> list[dict[str, Any]]:
    """One job's payload for every variant of every untrained candidate, without the workspace."""
    from tunewright.core.config import YamlDocument, validate

    payloads = []
    for spec in session.config.candidates:
        if spec.name == "tune":
            continue
        kind = CANDIDATES.get(spec.name)
        settings = validate(kind.Settings, YamlDocument(spec.settings, {}, None))
        for suffix, variant in kind.variants(settings):
            payloads.append(
                {
                    "id": f"{spec.name}{suffix}",
                    "candidate": spec.name,
                    "kind": kind.kind,
                    "title": candidate_title(spec.name, suffix),
                    "settings": variant.model_dump(mode="json"),
                    "label_descriptions": session.config.label_descriptions,
                    "seed": session.config.seed,
                }
            )
    return payloads


def _inputs(session: Session) -> Any:
    return {
        **session.learned_from(),
        "candidates": candidate_payloads(session),
        "metric": session.config.decision.metric,  # it chooses the finalists
    }


def _run(session: Session) -> dict[str, Any]:
    from tunewright.decide.scored import metric_called

    dataset = session.dataset
    rows = dataset.scored_rows
    ids = [dataset.fit.ids[row] for row in rows]
    targets = dataset.fit.targets[rows]
    names = [dataset.labels[target] for target in targets]
    metric = metric_called(session.config.decision.metric)
    payloads = candidate_payloads(session)
    entries = []
    for done, payload in enumerate(payloads):
        session.listener.on_steps(done, len(payloads))
        result = session.job(
            _HANDLER, {**payload, "workspace": session.workspace()}, payload["title"]
        )
        probabilities = read_probabilities(session.layout.root / result["probabilities"])
        answers = to_answers(probabilities, ids, names, dataset.labels)
        session.ledger.record_answers(payload["id"], session.keys["candidates"], "dev", answers)
        score = metric.score(targets, probabilities.argmax(1), len(dataset.labels))
        entries.append({**payload, "dev_score": score, "usage": result["usage"]})
    return {"candidates": entries, "finalists": finalists_of(entries)}


def finalists_of(entries: list[dict[str, Any]]) -> list[str]:
    """Who is scored on the test set: the best variant of each candidate, by dev."""
    best: dict[str, dict[str, Any]] = {}
    for entry in entries:
        known = best.get(entry["candidate"])
        if known is None or entry["dev_score"] > known["dev_score"]:
            best[entry["candidate"]] = entry
    return [entry["id"] for entry in best.values()]


CANDIDATES_STAGE = Stage("candidates", "Trying what needs no training", _inputs, _run)
