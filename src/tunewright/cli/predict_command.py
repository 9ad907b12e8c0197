"""Which model `predict` is to answer with, and so which kind of answers it gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tunewright.cli.predict_text import PredictTextOptions
from tunewright.core.errors import ConfigError
from tunewright.models.released import is_release
from tunewright.study.layout import StudyLayout
from tunewright.workflow.project import Project

_PROJECT = "tunewright.yaml"


def run(inputs: str | None, project: Path, wanted: PredictTextOptions, *, top: int | None) -> None:
    """Answer rows.

    Args:
        inputs: a data file, or a tuned folder, study or project.
        project: where `inputs` is none of these.
        wanted: all that was said besides; its `model` is found here.
        top: how many labels are shown, for a model of labels.
    """
    named = inputs is not None and _is_model(Path(inputs))
    model = Path(str(inputs)) if named else project
    if inputs is not None and not named:
        if wanted.source is not None:
            raise ConfigError(
                "two files are to be answered",
                field="--input",
                found=f"'{inputs}' and '{wanted.source}'",
                fix="name one of them",
            )
        wanted = replace(wanted, source=inputs)
    if _writes(model):
        if top is not None:
            raise ConfigError(
                "there are no labels to show", field="--top", fix="leave it out: this model writes"
            )
        from tunewright.cli import predict_text

        predict_text.run(replace(wanted, model=model))
        return
    _refuse_alone(model)
    given = _only_of_writers(wanted)
    if given is not None:
        raise ConfigError(
            "this is for models that write, and the project is one of labels",
            field=given,
            fix="leave it out",
        )
    from tunewright.cli import predict

    predict.run(wanted.source, model, candidate=wanted.candidate, output=wanted.output, top=top)


def _is_model(path: Path) -> bool:
    """Whether a path is a tuned folder, a study or a project, and no data."""
    if path.is_file():
        return path.name == _PROJECT
    held = ("tunewright.json", "candidate.json", _PROJECT)
    return any((path / name).is_file() for name in held) or StudyLayout(path).ledger.is_file()


def _refuse_alone(model: Path) -> None:
    """A finalist that is no tuned model answers with what its study holds, not by itself."""
    if not (model / "candidate.json").is_file():
        return
    raise ConfigError(
        "this is a candidate of a study, and no tuned model that answers by itself",
        file=model,
        fix="name the project in its place, as `tunewright predict --project FOLDER`; there, "
        "`--candidate NAME` is another one than the winner",
    )


def _writes(model: Path) -> bool:
    if is_release(model) or is_release(StudyLayout(model).model):
        return True
    if not model.is_file() and not (model / _PROJECT).is_file():
        return False
    return Project.load(model).config.task == "generate"


def _only_of_writers(wanted: PredictTextOptions) -> str | None:
    """The first option that says nothing to a model of labels; None where there is none."""
    said = {
        "--text": bool(wanted.texts),
        "--schema": wanted.schema is not None,
        "--map": bool(wanted.columns),
        "--max-new-tokens": wanted.max_new_tokens is not None,
        "--temperature": wanted.temperature is not None,
        "--top-p": wanted.top_p is not None,
        "--seed": wanted.seed is not None,
        "--constraint": wanted.constraint is not None,
    }
    return next((name for name, given in said.items() if given), None)
