"""What the worker does to compare prompt formats: every row in every format, a score for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.candidates.labels import refuse_unknown_labels
from tunewright.candidates.zero_shot import unit
from tunewright.core.events import Progress
from tunewright.core.units import format_count
from tunewright.models.causal import CausalModel
from tunewright.tasks.classify import describe_labels
from tunewright.tasks.formats import FORMATS, PLAIN, FormatSetting, PromptFormat
from tunewright.train.probe import PROBE_C, fit_probe
from tunewright.train.texts import outputs_of
from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler

PROBE, ZERO_SHOT = "probe", "zero_shot"
LABEL, LIKELIHOOD, EXACT = "label_likelihood", "likelihood", "exact_match"
_SHORT_CHARACTERS = 32
"""An answer up to this long is also compared with what the model writes by itself."""
_SPARE_TOKENS = 4
_MOST_TOO_LONG = 0.25
"""Share of rows that may be too long for the model before a format is left out."""


class ScoreEncoderFormats(JobHandler):
    """Payload: `workspace`, `formats` (names) and `label_descriptions`.

    Returns `scores`: for each judge and format the score of each held-out row; and `skipped`, the
    reason for each format that is not for an encoder.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        dataset = workspace.dataset
        described = payload["label_descriptions"]
        refuse_unknown_labels(described, dataset.labels)
        setting = FormatSetting(
            reader="encoder",
            labels=dataset.labels,
            descriptions=describe_labels(dataset.labels, described),
        )
        scores: dict[str, dict[str, list[float]]] = {PROBE: {}, ZERO_SHOT: {}}
        skipped: dict[str, str] = {}
        known: set[tuple[str, ...]] = set()
        names = sorted(payload["formats"], key=lambda name: name != PLAIN)
        for done, name in enumerate(names):
            context.emit(
                Progress(activity="comparing formats", done=done, total=len(payload["formats"]))
            )
            form = FORMATS.get(name)()
            unfit = form.unfit(setting)
            if unfit is not None:
                skipped[name] = unfit
                continue
            texts = tuple(str(form.prompt(inputs, setting)) for inputs in dataset.fit.inputs)
            vectors = self._vectors(workspace, texts)
            described_by = form.describe(setting)
            if (*texts, *described_by) in known:
                skipped[name] = "it gives the same texts here as a format before it"
                continue
            if texts not in known:  # formats may differ in the labels alone
                scores[PROBE][name] = self._probe(workspace, vectors)
            known |= {texts, (*texts, *described_by)}
            scores[ZERO_SHOT][name] = self._zero_shot(workspace, vectors, described_by)
        return {"scores": scores, "skipped": skipped, "left_out": 0}

    def _vectors(self, workspace: Workspace, texts: Sequence[str]) -> np.ndarray:
        outputs = outputs_of(workspace, texts)

        def tell(done: int, total: int) -> None:
            workspace.context.emit(Progress(activity="encoding texts", done=done, total=total))

        outputs.ensure([], tell)
        return outputs.vectors()

    def _probe(self, workspace: Workspace, vectors: np.ndarray) -> list[float]:
        dataset = workspace.dataset
        targets, classes = dataset.fit.targets, len(dataset.labels)
        answers = np.full(len(targets), -1, dtype=np.int64)
        for _, fit, scored in dataset.holdouts:
            probe = fit_probe(vectors[fit], targets[fit], classes, PROBE_C)
            answers[scored] = probe.logits(vectors[scored]).argmax(1)
        rows = dataset.scored_rows
        return [float(right) for right in answers[rows] == targets[rows]]

    def _zero_shot(
        self, workspace: Workspace, vectors: np.ndarray, descriptions: list[str]
    ) -> list[float]:
        dataset = workspace.dataset
        rows = dataset.scored_rows
        labels_cd = unit(workspace.embed(descriptions))
        answers = (unit(vectors[rows]) @ labels_cd.T).argmax(1)
        return [float(right) for right in answers == dataset.fit.targets[rows]]


@dataclass(frozen=True, slots=True)
class _Encoded:
    """All rows in one format."""

    prompts: list[list[int]]
    answers: list[list[list[int]]]
    """For each row the token ids of its label, of all labels, or of its reference."""
    longest: np.ndarray
    """Tokens of prompt and longest answer, int64 [n]."""


class ScoreAnswerFormats(JobHandler):
    """Payload: `model` (folder), `content_hash`, `formats`, `reader`, `labels`, `descriptions`,
    `demonstrations` and `cases` (each `inputs` and `answer`).

    With labels a row is right when its label is the likeliest, by the mean log-likelihood of its
    tokens behind the prompt. Without, the score of a row is the log-likelihood of its reference
    for each character, and where references are short, whether the model writes exactly that.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        key = f"causal/{payload['content_hash']}"
        if key not in context.warm:
            context.warm[key] = CausalModel(Path(payload["model"]))
        comparison = _Answering(context, context.warm[key], payload)
        return comparison.run()


class _Answering:
    def __init__(self, context: Context, model: CausalModel, payload: dict[str, Any]) -> None:
        self._context = context
        self._model = model
        self._formats: list[str] = payload["formats"]
        self._cases: list[dict[str, Any]] = payload["cases"]
        shown = [(case["inputs"], case["answer"]) for case in payload["demonstrations"]]
        self._setting = FormatSetting(
            reader=payload["reader"],
            labels=payload["labels"],
            descriptions=payload["descriptions"],
            demonstrations=shown,
            chats=model.chats,
        )

    def run(self) -> dict[str, Any]:
        """Scores of the rows that fit the model in every format that is compared."""
        skipped: dict[str, str] = {}
        encoded: dict[str, _Encoded] = {}
        for name in self._formats:
            form = FORMATS.get(name)()
            unfit = form.unfit(self._setting)
            rows = None if unfit else self._encode(form)
            if rows is not None:
                unfit = self._too_long(rows)
            if unfit is not None or rows is None:
                skipped[name] = unfit or ""
                continue
            encoded[name] = rows
        fits = np.ones(len(self._cases), dtype=bool)
        for rows in encoded.values():
            fits &= rows.longest <= self._model.most_tokens
        chosen = np.flatnonzero(fits).tolist()
        scores: dict[str, dict[str, list[float]]] = {}
        for done, (name, rows) in enumerate(encoded.items()):
            self._progress = (done, len(encoded))
            for judge, values in self._scores(rows, chosen, FORMATS.get(name)()).items():
                scores.setdefault(judge, {})[name] = values
        return {
            "scores": scores,
            "skipped": skipped,
            "left_out": len(self._cases) - len(chosen),
            "rows": chosen,
            "exact_rows": self._short(chosen),
        }

    def _encode(self, form: PromptFormat) -> _Encoded:
        setting, model = self._setting, self._model
        prompts = [model.encode(form.prompt(case["inputs"], setting)) for case in self._cases]
        if setting.labels:
            every = [model.encode_answer(form.answer(label, setting)) for label in setting.labels]
            answers = [every] * len(prompts)
        else:
            answers = [
                [model.encode_answer(form.answer(case["answer"], setting))] for case in self._cases
            ]
        longest = [
            len(prompt) + max(len(answer) for answer in several)
            for prompt, several in zip(prompts, answers, strict=True)
        ]
        return _Encoded(prompts, answers, np.array(longest, dtype=np.int64))

    def _too_long(self, rows: _Encoded) -> str | None:
        """Why a format cannot be used with these rows."""
        if any(not answer for several in rows.answers for answer in several):
            return "the tokenizer has no tokens for one of the answers"
        long = int((rows.longest > self._model.most_tokens).sum())
        if long > _MOST_TOO_LONG * len(self._cases):
            return (
                f"{format_count(long, 'row')} of {len(self._cases):,} "
                f"{'is' if long == 1 else 'are'} longer than the model's "
                f"{self._model.most_tokens:,} tokens"
            )
        return None

    def _scores(
        self, rows: _Encoded, chosen: list[int], form: PromptFormat
    ) -> dict[str, list[float]]:
        """Scores of the chosen rows by each judge."""
        if not chosen:
            return {}
        prompts = [rows.prompts[row] for row in chosen]
        found = self._model.likelihoods(prompts, [rows.answers[row] for row in chosen], self._tell)
        cases = [self._cases[row] for row in chosen]
        if self._setting.labels:
            number = {label: place for place, label in enumerate(self._setting.labels)}
            return {
                LABEL: [
                    float((f.log_likelihoods / f.tokens).argmax() == number[case["answer"]])
                    for f, case in zip(found, cases, strict=True)
                ]
            }
        characters = [len(form.answer(case["answer"], self._setting)) for case in cases]
        scores = {
            LIKELIHOOD: [
                float(f.log_likelihoods[0]) / count
                for f, count in zip(found, characters, strict=True)
            ]
        }
        short = self._short(chosen)
        if short:
            scores[EXACT] = [self._written(rows, row) for row in short]
        return scores

    def _short(self, chosen: list[int]) -> list[int]:
        """The rows whose references are short; none where most are long or all are labels."""
        short = [r for r in chosen if len(self._cases[r]["answer"]) <= _SHORT_CHARACTERS]
        return [] if self._setting.labels or 2 * len(short) < len(chosen) else short

    def _written(self, rows: _Encoded, row: int) -> float:
        """Whether the model writes the reference by itself, then ends or begins a new line."""
        answer = rows.answers[row][0]
        room = self._model.most_tokens - len(rows.prompts[row])
        text = self._model.greedy(rows.prompts[row], min(len(answer) + _SPARE_TOKENS, room))
        first = next((line for line in text.splitlines() if line.strip()), "")
        return float(_folded(first) == _folded(self._cases[row]["answer"]))

    def _tell(self, done: int) -> None:
        number, count = self._progress
        total = len(self._cases)
        self._context.emit(
            Progress(
                activity=f"format {number + 1} of {count}",
                done=number * total + done,
                total=count * total,
            )
        )


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip(".")


def format_scores(found: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """The scores of a job as arrays: judge to format to float64 [rows]."""
    return {
        judge: {name: np.array(values, dtype=np.float64) for name, values in formats.items()}
        for judge, formats in found["scores"].items()
    }
