"""Stage `candidates` of a study that writes: everything that needs no training, on dev or folds."""

from __future__ import annotations

from typing import Any

from tunewright.candidates.generate import TEXT_CANDIDATES
from tunewright.core.events import Notice
from tunewright.core.units import format_count
from tunewright.workflow.generate.answers import (
    LIKELIHOOD,
    as_answers,
    metric_of,
    per_token,
    read_answers,
    references_of,
    to_ledger,
)
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.candidates import finalists_of

_HANDLER = "tunewright.candidates.generate.jobs:AnswerDev"
BASE = "zero_shot"
"""The candidate that is the base model itself."""
_TITLES = {
    "majority": "always the most frequent answer",
    "nearest_example": "the answer of the nearest example",
    "zero_shot": "the base model as it is",
    "few_shot": "the base model with {} in the prompt",
    "rag": "the base model with the nearest {} in the prompt",
}


def text_payloads(session: Session) -> list[dict[str, Any]]:
    """One job's payload for every variant of every untrained candidate, without the workspace.

    A base model of random weights cannot be prompted, and running text asks for no answers.
    """
    from tunewright.core.config import YamlDocument, validate

    if not session.contents.has_answers:
        return [_base_payload(session)]
    generation = session.config.generation.resolved(session.folder).model_dump(mode="json")
    pointless = session.results["calibrate"]["random_weights"]
    payloads = []
    for spec in session.config.candidates:
        if spec.name == "tune":
            continue
        kind = TEXT_CANDIDATES.get(spec.name)
        if kind.prompts and pointless:
            continue
        settings = validate(kind.Settings, YamlDocument(spec.settings, {}, None))
        for suffix, variant in kind.variants(settings):
            payloads.append(
                {
                    "id": f"{spec.name}{suffix}",
                    "candidate": spec.name,
                    "kind": kind.kind,
                    "title": title_of(spec.name, suffix),
                    "settings": variant.model_dump(mode="json"),
                    "generation": generation if kind.prompts else None,
                    "seed": session.config.seed,
                }
            )
    return payloads


def _base_payload(session: Session) -> dict[str, Any]:
    """The base model as it is, to which running text is only probable or not."""
    return {
        "id": BASE,
        "candidate": BASE,
        "kind": "zero_shot",
        "title": _TITLES[BASE],
        "settings": {},
        "generation": None,
        "seed": session.config.seed,
    }


def title_of(candidate: str, suffix: str) -> str:
    """What a candidate is called in sentences."""
    title = _TITLES.get(candidate, candidate)
    shots = suffix.removeprefix("-")
    if not shots.isdigit():
        return title
    return title.format(format_count(int(shots), "example"))


def prompting(payload: dict[str, Any]) -> bool:
    """Whether a candidate runs the base model."""
    return payload["generation"] is not None


def _inputs(session: Session) -> Any:
    return {
        **session.learned_from(),
        "candidates": text_payloads(session),
        "metric": session.decision.metric,  # it chooses the finalists
        "metric_settings": session.decision.metric_settings,
    }


def _run(session: Session) -> dict[str, Any]:
    _tell_left_out(session)
    dataset = session.contents
    rows = dataset.scored_rows.tolist()
    ids = [dataset.fit.ids[row] for row in rows]
    references = references_of(dataset.fit, rows)
    payloads = text_payloads(session)
    entries = []
    for done, payload in enumerate(payloads):
        session.listener.on_steps(done, len(payloads))
        result, said = _answered(session, payload, rows)
        answers = to_ledger(said, ids)
        session.ledger.record_answers(payload["id"], session.keys["candidates"], "dev", answers)
        metric = metric_of(session)
        scored = metric.score_each(answers.answers, [references[id_] for id_ in ids])
        told = {
            name: result[name] for name in ("usage", "read_tokens", "written_tokens", "cut_off")
        }
        entries.append({**payload, "dev_score": metric.corpus(scored), **told})
    return {"candidates": entries, "finalists": finalists_of(entries)}


def _answered(
    session: Session, payload: dict[str, Any], rows: list[int]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a job returned, and the answers to the scored rows."""
    if session.contents.has_answers:
        result = session.job(
            _HANDLER, {**payload, "workspace": session.workspace()}, payload["title"]
        )
        return result, read_answers(session.layout.root / result["answers"])
    ids = session.contents.fit.ids
    found = session.job(
        LIKELIHOOD,
        {
            "workspace": session.workspace(),
            "model": None,
            "answers": {ids[row]: "" for row in rows},
            "rows": rows,
        },
        payload["title"],
    )
    tokens = round(sum(found["tokens"]))
    told = {"read_tokens": tokens, "written_tokens": 0, "cut_off": None}
    return {**told, "usage": found["usage"]}, as_answers(per_token(found))


def _tell_left_out(session: Session) -> None:
    """Say which candidates are not tried, and why."""
    left = [
        spec.name
        for spec in session.config.candidates
        if spec.name != "tune" and TEXT_CANDIDATES.get(spec.name).prompts
    ]
    if session.contents.has_answers and session.results["calibrate"]["random_weights"] and left:
        text = f"{', '.join(left)} left out: the model has random weights, so no prompt helps"
        session.listener.on_event(Notice(text=text))
    if not session.contents.has_answers:
        text = "running text asks for no answers: models are compared by their perplexity alone"
        session.listener.on_event(Notice(text=text))


TEXT_CANDIDATES_STAGE = Stage("candidates", "Trying what needs no training", _inputs, _run)
