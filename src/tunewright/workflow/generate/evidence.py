"""Stages `evidence` and `verdict` of a study that writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tunewright.core.errors import GateError
from tunewright.core.files import write_json
from tunewright.core.hashing import hash_file
from tunewright.data.contents import ContentPart
from tunewright.data.dataset import FIT
from tunewright.data.sealed import read_sealed
from tunewright.decide.text_input import (
    TextEvidenceInput,
    TextFinalist,
    TextInfo,
    TextItems,
    TextScored,
    text_items,
    text_scored,
)
from tunewright.decide.texts import conclude
from tunewright.workflow.environment import describe_environment
from tunewright.workflow.generate.answers import references_of
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.evidence import VERDICT, curve_parts, openings_of
from tunewright.workflow.stages.final import TUNE, record_of


def gather_texts(session: Session) -> TextEvidenceInput:
    """What the evidence is computed from, read back from the ledger and the sealed answers."""
    dataset, final = session.contents, session.results["final"]
    dev, test = _items(session)
    entries = {entry["id"]: entry for entry in session.results["candidates"]["candidates"]}
    records = {record["id"]: record for record in final["finalists"]}
    scored = _Answered(session, dev, test)
    return TextEvidenceInput(
        config=session.decision,
        folder=session.folder,
        dev=dev,
        test=test,
        info=_info(session, test, dataset.test),
        finalists=[
            TextFinalist(
                record={n: v for n, v in record.items() if not n.endswith("cut_off")},
                dev=scored.of(id_, "dev", record["dev_cut_off"]),
                test=scored.of(id_, "test", record["cut_off"]),
            )
            for id_, record in records.items()
        ],
        others=[
            (_untested(entry), scored.of(id_, "dev", entry["cut_off"]))
            for id_, entry in entries.items()
            if id_ not in records
        ],
        seeds=[scored.of(folder.rpartition("/")[2], "test", None) for folder in final["seeds"]],
        seed=session.config.seed,
        context=_context(session),
    )


def _items(session: Session) -> tuple[TextItems, TextItems]:
    """The scored items of dev and of test."""
    dataset = session.contents
    targets = read_sealed(session.layout.data, session.results["data"]["test_hash"])
    rows = dataset.scored_rows.tolist()
    dev, test = (
        references_of(dataset.fit, rows),
        references_of(dataset.test, range(len(dataset.test)), targets),
    )
    if not session.results["data"]["has_groups"]:
        return text_items(dev), text_items(test)
    fit = dataset.fit
    return (
        text_items(dev, {fit.ids[row]: fit.groups[row] for row in rows}),
        text_items(test, dict(zip(dataset.test.ids, dataset.test.groups, strict=True))),
    )


class _Answered:
    """Looks up what candidates answered."""

    def __init__(self, session: Session, dev: TextItems, test: TextItems) -> None:
        self._session = session
        self._items = {"dev": dev, "test": test}

    def of(self, candidate: str, split: str, cut_off: int | None) -> TextScored:
        """The answers of a candidate to a split.

        Raises:
            GateError: when they are gone.
        """
        session = self._session
        stage = {"test": "test", "dev": "final" if candidate == TUNE else "candidates"}[split]
        found = session.ledger.answers(candidate, session.keys[stage], split)
        if found is None:
            raise GateError(
                f"the stored {split} answers of '{candidate}' are gone",
                file=session.ledger.path,
                fix="run `tunewright run --fresh`",
            )
        tokens = self._tokens(candidate) if split == "test" else None
        return text_scored(
            candidate, found, self._items[split], reference_tokens=tokens, cut_off=cut_off
        )

    def _tokens(self, candidate: str) -> list[int] | None:
        """Tokens of the right answers, in the order of the items."""
        known = self._session.results["test"]["likelihoods"].get(candidate)
        if known is None:
            return None
        ids = self._session.contents.test.ids
        by_id = dict(zip(ids, known["tokens"], strict=True))
        return [round(by_id[id_]) for id_ in self._items["test"].ids]


def _untested(entry: Mapping[str, Any]) -> dict[str, Any]:
    cost = {
        "peak_memory_bytes": entry["usage"]["peak_memory_bytes"],
        "trained_parameters": 0,
        "tokens": entry["read_tokens"] + entry["written_tokens"],
        "dev_seconds": entry["usage"]["wall_seconds"],
        "dev_cpu_seconds": entry["usage"]["cpu_seconds"],
    }
    return {**record_of(dict(entry)), "cost": cost}


def _info(session: Session, test: TextItems, part: ContentPart) -> TextInfo:
    place = {id_: index for index, id_ in enumerate(part.ids)}
    order = [place[id_] for id_ in test.ids]
    questions = part.questions
    return TextInfo(
        texts=[questions[row] for row in order],
        lengths=_lengths(session, [questions[row] for row in order]),
        sources=[part.sources[row].file for row in order],
        columns={
            name: [part.columns[row].get(name) for row in order]
            for name in session.config.data.slices
        },
    )


def _lengths(session: Session, texts: Sequence[str]) -> list[int]:
    """Tokens of some texts; the tokenizer alone is loaded, no model."""
    from tunewright.models.chat import load_chat_model

    tokenizer = load_chat_model(session.model.path).tokenizer
    return [len(tokenizer.encode(text)[0]) for text in texts]


def _context(session: Session) -> dict[str, Any]:
    """Results of other stages that the report shows."""
    results = session.results
    final = results["final"]
    return {
        "project": {
            "task": session.config.task,
            "model": session.config.model,
            "seed": session.config.seed,
            "study": session.layout.root.name,
        },
        "data": {k: v for k, v in results["data"].items() if k != "made"},
        "audit": results["audit"]["findings"],
        "plan": {k: v for k, v in results["plan"].items() if k != "training"},
        "calibration": {k: v for k, v in results["calibrate"].items() if k != "tokens"},
        "tokens": {"fit": results["calibrate"]["tokens"][FIT]},
        "search": results["search"]["entries"],
        "tuning": final["tuning"],
        **curve_parts(results["curve"]),
        "perplexity": perplexities(results["test"]["likelihoods"]),
        "generation": session.config.generation.resolved(session.folder).model_dump(mode="json"),
        "test_openings": openings_of(session),
        "incidents": session.ledger.incidents(),
        "warnings": list(session.warnings),
        "environment": describe_environment(),
    }


def perplexities(likelihoods: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, float]:
    """Candidate to the perplexity of the right answers of the test rows."""
    found = {}
    for candidate, told in likelihoods.items():
        tokens = float(np.sum(told["tokens"]))
        if tokens:
            found[candidate] = float(np.exp(np.sum(told["losses"]) / tokens))
    return found


def _evidence_inputs(session: Session) -> Any:
    final = session.results["final"]
    return {
        **session.key_of("data", "audit", "plan", "candidates", "search", "curve", "final", "test"),
        "finalists": {name: final[name] for name in ("finalists", "seeds", "tuning")},
        "decision": session.decision.model_dump(mode="json"),
        "slices": session.config.data.slices,
        "openings": openings_of(session),
    }


def _run_evidence(session: Session) -> dict[str, Any]:
    evidence, verdict = conclude(gather_texts(session))
    write_json(session.layout.evidence, evidence)
    return {"file": hash_file(session.layout.evidence), "verdict": verdict}


def _intact(session: Session, result: dict[str, Any]) -> bool:
    path = session.layout.evidence
    return path.is_file() and hash_file(path) == result["file"]


TEXT_EVIDENCE = Stage(
    "evidence", "Computing the evidence", _evidence_inputs, _run_evidence, _intact
)
TEXT_VERDICT = VERDICT
