"""`formats`: which way of putting rows to the model gives the best answers on dev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tunewright.core.errors import ConfigError
from tunewright.core.files import read_json, write_json
from tunewright.core.hashing import hash_value
from tunewright.core.units import format_count
from tunewright.evaluate.paired import Comparison, compare_right_wrong, compare_scores, corrected
from tunewright.experiment.hypothesis import LEVEL
from tunewright.models.safety import writes_text
from tunewright.tasks.formats import FORMATS, PLAIN
from tunewright.workflow.format_rows import FormatRows, answer_rows, encoder_rows, label_rows
from tunewright.workflow.hypotheses import question_of
from tunewright.workflow.measure import signed
from tunewright.workflow.project import Project
from tunewright.workflow.session import Listener, Session, Stage, run_stage
from tunewright.workflow.stages.data import DATA

FORMATS_FILE = "formats.json"
_ENCODER = "tunewright.candidates.formats:ScoreEncoderFormats"
_ANSWERS = "tunewright.candidates.formats:ScoreAnswerFormats"
JUDGES = {
    "probe": "accuracy of a linear probe on frozen vectors",
    "zero_shot": "accuracy by similarity with the labels, without training",
    "label_likelihood": "accuracy by the likeliest label",
    "likelihood": "log-likelihood of the reference for each character",
    "exact_match": "share of rows where the model writes exactly the reference",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatScore:
    """One format under one judge, against the plain one."""

    name: str
    about: str
    score: float
    difference: float | None = None
    """Less the plain format; None for the plain one itself."""
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_corrected: float | None = None
    """By Holm over all formats of this judge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """All formats under one judge, best first."""

    judge: str
    metric: str
    items: int
    formats: tuple[FormatScore, ...]
    winner: str
    """The best format that is shown to beat the plain one; else the plain one."""
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatsResult:
    """The content of `formats.json`."""

    model: str
    reader: str
    """`encoder`, `classify` or `generate`: what reads the formats."""
    judged: tuple[Judged, ...]
    skipped: dict[str, str]
    """Format to the reason."""
    dev_rows: int
    left_out: int
    """Dev rows too long for the model in one of the formats."""
    not_drawn: int
    """Dev rows beyond the most that are asked."""
    rejected: int
    """Rows of the files that could not be used, or have no answer."""
    file: str


def compare_formats(
    project: Project,
    variants: Sequence[str] | None = None,
    listener: Listener | None = None,
    *,
    in_process: bool = False,
) -> FormatsResult:
    """Score every format on the same dev rows; a second call finds the result.

    Args:
        project: whose model and dev rows are used. The test set is not opened.
        variants: names of formats; all when None. The plain one is always among them.
        listener: is told what happens.
        in_process: work in this process instead of a worker of its own.

    Raises:
        ConfigError: for unknown formats, or a task or model for which there are none.
        DataError: when too few dev rows have an answer.
    """
    names = _names(variants)
    task = project.config.task
    if task not in ("classify", "generate"):
        raise ConfigError(
            "prompt formats are for tasks that answer a text",
            file=project.file,
            field="task",
            found=task,
            expected="classify or generate",
        )
    if task == "classify" and not _writes(project):
        with question_of(project, listener, in_process=in_process) as session:
            return _judge(session, names, "encoder")
    with project._session(in_process=in_process, listener=listener) as session:
        if not writes_text(session.model.path):
            raise ConfigError(
                "this model writes no text",
                file=project.file,
                field="model",
                found=project.config.model,
                expected="a causal language model",
                fix="name the folder of one under `model:`",
            )
        if task == "classify":
            run_stage(session, DATA)
        return _judge(session, names, task)


def _names(variants: Sequence[str] | None) -> list[str]:
    wanted = list(dict.fromkeys(variants or FORMATS.names()))
    for name in wanted:
        FORMATS.get(name)
    return wanted if PLAIN in wanted else [PLAIN, *wanted]


def _writes(project: Project) -> bool:
    from tunewright.models.resolve import resolve_model

    config = project.config
    return writes_text(resolve_model(config.model, project.folder, config.allow_network).path)


def _judge(session: Session, names: list[str], reader: str) -> FormatsResult:
    if reader == "encoder":
        material = encoder_rows(session, names)
    elif reader == "classify":
        material = label_rows(session, names)
    else:
        material = answer_rows(session, names)
    stage = Stage(
        "formats",
        "Comparing prompt formats",
        lambda session: {
            "payload": hash_value(material.payload),
            "groups": None if material.groups is None else material.groups.tolist(),
            "formats": {name: FORMATS.get(name)().renderer(name) for name in names},
            "model": session.model.content_hash,
            "rows": session.learned_from() if reader == "encoder" else None,
        },
        lambda session: _run(session, reader, material),
    )
    run_stage(session, stage)
    result = session.results["formats"]
    path = session.layout.data / FORMATS_FILE
    if not path.is_file() or read_json(path) != result:
        write_json(path, result)
    return result_of(result, str(path))


# -- the comparison -----------------------------------------------------------------------------


def _run(session: Session, reader: str, material: FormatRows) -> dict[str, Any]:
    if reader == "encoder":
        payload = {**material.payload, "workspace": session.workspace()}
        found = session.job(_ENCODER, payload, "comparing prompt formats")
    else:
        model = session.model
        payload = {
            **material.payload,
            "model": str(model.path),
            "content_hash": model.content_hash,
        }
        found = session.job(_ANSWERS, payload, "comparing prompt formats")
    if PLAIN in found["skipped"] or not any(found["scores"].values()):
        raise ConfigError(
            "the plain format cannot be used with these rows and this model",
            found=found["skipped"].get(PLAIN, "no row fits the model"),
            fix="use a model that reads longer texts",
        )
    judged = [
        _judgement(judge, scores, _groups_of(judge, material, found))
        for judge, scores in found["scores"].items()
    ]
    return {
        "model": session.config.model,
        "reader": reader,
        "judged": [asdict(judgement) for judgement in judged],
        "skipped": found["skipped"],
        "dev_rows": material.dev_rows,
        "left_out": found["left_out"],
        "not_drawn": material.not_drawn,
        "rejected": material.rejected,
    }


def _groups_of(judge: str, material: FormatRows, found: dict[str, Any]) -> np.ndarray | None:
    """Groups of the rows that a judge has scored."""
    if material.groups is None or "rows" not in found:
        return material.groups
    rows = found["exact_rows"] if judge == "exact_match" else found["rows"]
    chosen: np.ndarray = material.groups[rows]
    return chosen


def _judgement(judge: str, scores: dict[str, list[float]], groups: np.ndarray | None) -> Judged:
    """Every format against the plain one, with Holm's correction over the pairs."""
    plain = np.array(scores[PLAIN])
    compared = {
        (name, PLAIN): _compared(np.array(values), plain, groups)
        for name, values in scores.items()
        if name != PLAIN
    }
    adjusted = corrected(compared) if compared else {}
    formats = [FormatScore(name=PLAIN, about=_about(PLAIN), score=float(plain.mean()))]
    for (name, _), found in adjusted.items():
        formats.append(
            FormatScore(
                name=name,
                about=_about(name),
                score=float(np.mean(scores[name])),
                difference=found.difference,
                low=found.interval.low,
                high=found.interval.high,
                p_value=found.p_value,
                p_corrected=found.p_corrected,
            )
        )
    formats.sort(key=lambda entry: (-entry.score, entry.name != PLAIN))
    better = [entry for entry in formats if _beats_plain(entry)]
    winner = better[0].name if better else PLAIN
    return Judged(
        judge=judge,
        metric=JUDGES[judge],
        items=len(plain),
        formats=tuple(formats),
        winner=winner,
        sentence=_sentence(judge, better[0] if better else None, len(plain), len(compared)),
    )


def _compared(values: np.ndarray, plain: np.ndarray, groups: np.ndarray | None) -> Comparison:
    whole = np.isin(values, (0.0, 1.0)).all() and np.isin(plain, (0.0, 1.0)).all()
    if whole and groups is None:
        return compare_right_wrong(values > 0, plain > 0)
    return compare_scores(values, plain, groups)


def _beats_plain(entry: FormatScore) -> bool:
    """Whether both the interval and the corrected p-value say so."""
    if entry.low is None or entry.p_corrected is None:
        return False
    return entry.low > 0 and entry.p_corrected <= 1 - LEVEL


def _about(name: str) -> str:
    return FORMATS.get(name).about


def _sentence(judge: str, winner: FormatScore | None, items: int, others: int) -> str:
    if not others:
        return "Only the plain format could be used."
    if winner is None:
        return (
            f"No format is shown to beat the plain one on {format_count(items, 'dev row')}: "
            "keep it plain."
        )
    assert winner.difference is not None
    assert winner.low is not None
    assert winner.high is not None
    return (
        f"'{winner.name}' wins: {told(judge, winner.difference)} over the plain one "
        f"({told(judge, winner.low)} to {told(judge, winner.high)})."
    )


def told(judge: str, difference: float) -> str:
    """A difference in the unit of its judge."""
    return f"{difference:+.3f}" if judge == "likelihood" else f"{signed(difference)} points"


def result_of(values: dict[str, Any], file: str) -> FormatsResult:
    """The plain values of `formats.json` as typed ones."""
    judged = tuple(
        Judged(**{**entry, "formats": tuple(FormatScore(**f) for f in entry["formats"])})
        for entry in values["judged"]
    )
    return FormatsResult(**{**values, "judged": judged, "file": file})
