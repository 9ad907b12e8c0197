"""Stages `calibrate` and `audit` of a study that writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.core.errors import ModelError
from tunewright.core.hashing import hash_file
from tunewright.models.chat import load_chat_model, tokenizer_folder
from tunewright.train.recipe import StrategySpec
from tunewright.workflow.generate.training import usual_of
from tunewright.workflow.rendering import template_source
from tunewright.workflow.session import Session, Stage
from tunewright.workflow.stages.search import batch_sizes, smallest_training, tunes

_CALIBRATE = "tunewright.experiment.calibrate_writing:CalibrateWriting"
_AUDIT = "tunewright.audit.contents:AuditContents"


def _strategies(session: Session) -> list[StrategySpec]:
    """The strategies whose speed is measured: none without `tune`."""
    return list(usual_of(session).search.strategy) if tunes(session) else []


def _inputs(session: Session) -> Any:
    config = session.config
    return {
        "data": session.results["data"]["content_hash"],
        "model": [config.model, session.model.content_hash],
        "max_length": config.max_length,
        "rendering": config.rendering.model_dump(mode="json"),
        "template": template_source(config.rendering, session.folder),
        "threads": config.threads,
        "precision": config.precision,
        "store": config.store,
        "quantization": config.quantization,
        "strategies": [spec.model_dump(mode="json") for spec in _strategies(session)],
        "batch_size": _batch_size(session),
        "writes": _asks(session),
    }


def _batch_size(session: Session) -> int:
    return batch_sizes(usual_of(session), smallest_training(session))[0]


def _asks(session: Session) -> bool:
    return session.contents.has_answers


def _run(session: Session) -> dict[str, Any]:
    _refuse_reader(session)
    return session.job(
        _CALIBRATE,
        {
            "workspace": session.workspace(numerics=False),
            "seed": session.config.seed,
            "threads": session.config.threads,
            "precision": session.config.precision,
            "batch_size": _batch_size(session),
            "strategies": [spec.model_dump(mode="json") for spec in _strategies(session)],
            "writes": _asks(session),
        },
        "measuring this machine",
    )


def _refuse_reader(session: Session) -> None:
    """A model that only reads cannot answer; it is told before anything is loaded."""
    if not load_chat_model(session.model.path).writes:
        raise ModelError(
            f"the model '{session.config.model}' reads texts and does not write any",
            file=session.model.path / "config.json",
            field="model",
            expected="a decoder (..ForCausalLM), or an encoder with a decoder",
            fix="name a model that writes text under `model:` in tunewright.yaml",
        )


CALIBRATE_WRITING = Stage("calibrate", "Measuring this machine", _inputs, _run)


def _audit_inputs(session: Session) -> Any:
    return {
        **session.key_of("data"),
        **session.learned_from(),
        "seed": session.config.seed,
        "schema": session.config.data.row_schema,
    }


def _run_audit(session: Session) -> dict[str, Any]:
    config = session.config
    model = tokenizer_folder(config.model, session.folder, config.allow_network)
    found = session.job(
        _AUDIT,
        {
            "data": session.results["data"]["content_hash"],
            "schema": config.data.row_schema,
            "seed": config.seed,
            "dev_given": config.data.dev is not None,
            "model": str(model),
            "max_length": config.max_length,
            "options": {
                "tokens": {
                    "rendering": config.rendering.model_dump(mode="json"),
                    "template_source": template_source(config.rendering, session.folder),
                }
            },
        },
        "checking the data",
    )
    return {**found, "file": hash_file(_file(session))}


def _file(session: Session) -> Path:
    return session.layout.data / "audit.json"


def _intact(session: Session, result: dict[str, Any]) -> bool:
    return _file(session).is_file() and hash_file(_file(session)) == result["file"]


AUDIT_TEXTS = Stage("audit", "Checking the data", _audit_inputs, _run_audit, _intact)
