"""`predict` with a model that writes: rows in, JSON lines out, one for each row."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.cli.console import LiveProgress, errors
from tunewright.cli.output import answers_to
from tunewright.cli.streams import json_line
from tunewright.cli.tuned import find_tuned
from tunewright.core.errors import ConfigError
from tunewright.core.events import Progress
from tunewright.core.units import format_count
from tunewright.data.content import USER, Completion, Content, Conversation, Message
from tunewright.models.released import is_release
from tunewright.workflow.project import Project

if TYPE_CHECKING:
    from tunewright.data.config import DataConfig
    from tunewright.serve.asked import Asked
    from tunewright.serve.candidates import CandidateTexts
    from tunewright.serve.texts import TextAnswer, TextPredictor

_BATCH_ROWS = 512
"""Answered and written at once; what their prompts begin with is computed once."""
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictTextOptions:
    """What the command line says."""

    model: Path
    """Tuned folder, study or project."""
    source: str | None = None
    """A data file; None or `-` for standard input."""
    texts: Sequence[str] = ()
    """Given in the place of a file."""
    candidate: str | None = None
    output: Path | None = None
    schema: str | None = None
    columns: Sequence[str] = ()
    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    constraint: Path | None = None
    allow_network: bool = False


def run(options: PredictTextOptions) -> None:
    """Answer every row; one that cannot be asked gets a line that says why."""
    if options.texts and options.source is not None:
        raise ConfigError(
            "rows come from --text or from a file, not from both", fix="leave one of them out"
        )
    if any(not text.strip() for text in options.texts):
        raise ConfigError("this text is empty", field="--text", fix="write a question")
    asker = _asker(options)
    from tunewright.serve.texts import changed, read_constraint

    constraint = None if options.constraint is None else read_constraint(options.constraint)
    config = changed(
        asker.predictor.generation,
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        constraint=constraint,
    )
    counts = _Counts()
    quiet = options.output is None and sys.stdout.isatty()
    encoding = None if options.output is None else "utf-8"
    with (
        answers_to(options.output, options.source, asker.project) as write,
        LiveProgress(quiet=quiet) as live,
    ):
        tell = live.listener().on_event
        rows = asker.rows(options)
        while batch := list(islice(rows, _BATCH_ROWS)):
            start = counts.rows

            def on_done(done: int, start: int = start, size: int = len(batch)) -> None:
                tell(Progress(activity="writing answers", done=start + done, total=start + size))

            asked = [row.content for row in batch if row.content is not None]
            answers = iter(asker.predictor.answer(asked, config, on_done))
            for row in batch:
                values = counts.line(row, None if row.content is None else next(answers))
                write(json_line(values, encoding=encoding) + "\n")
        if not options.texts:
            from tunewright.serve.asked import refuse_nothing

            shown = "standard input" if options.source in (None, "-") else str(options.source)
            refuse_nothing(shown, counts.rows, None if counts.asked else counts.first_rejected)
    for line in counts.told(constraint is not None or config.constraint is not None):
        errors.print(line, markup=False)


@dataclass(slots=True)
class _Counts:
    """What has become of the rows: `rows == answered + sum(rejected) + unanswered`."""

    rows: int = 0
    asked: int = 0
    answered: int = 0
    cut_off: int = 0
    parse_failures: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    first_rejected: Asked | None = None

    def line(self, row: Asked, answer: TextAnswer | None) -> dict[str, Any]:
        """The line of one row."""
        self.rows += 1
        place: dict[str, Any] = {"row": row.row}
        if row.file is not None:
            place["file"] = row.file
        if answer is None:
            self.rejected[row.reason or "unusable"] += 1
            self.first_rejected = self.first_rejected or row
            return {**place, "error": row.error, "reason": row.reason}
        self.asked += 1
        if answer.text is None:
            return {**place, "error": answer.problem, "reason": "not_answered"}
        self.answered += 1
        self.cut_off += answer.cut_off
        self.parse_failures += answer.parse_failure is not None
        values: dict[str, Any] = {
            **place,
            "answer": answer.text,
            "ended": answer.ended,
            "cut_off": answer.cut_off,
            "tokens": answer.tokens,
            "prompt_tokens": answer.prompt_tokens,
            "probability": answer.probability,
        }
        if answer.parse_failure is not None:
            values["parse_failure"] = answer.parse_failure
        return values

    def told(self, constrained: bool) -> Iterator[str]:
        """What a person should know."""
        yield f"{format_count(self.rows, 'row')}: {self.answered:,} answered"
        if self.cut_off:
            yield f"  {self.cut_off:,} cut off at the most tokens: raise --max-new-tokens"
        if constrained:
            yield f"  {self.parse_failures:,} do not meet the constraint"
        unanswered = self.asked - self.answered
        if unanswered:
            yield f"  {unanswered:,} without an answer; their lines say why"
        for reason, count in self.rejected.most_common():
            yield f"  {count:,} not read: {reason}"


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who answers, and how its rows are laid out."""

    predictor: TextPredictor | CandidateTexts
    reading: dict[str, Any]
    kind: str
    """Of the rows that it was made with."""
    project: Project | None
    allow_network: bool

    def rows(self, options: PredictTextOptions) -> Iterator[Asked]:
        """What is to be answered."""
        from tunewright.serve.asked import Asked, asked_line, asked_rows

        if options.texts:
            for number, text in enumerate(options.texts, start=1):
                yield Asked(row=number, content=self._put(text))
        elif options.source in (None, "-"):
            from tunewright.data.rows import schema_of

            schema = schema_of(self._config(options, "-"))
            for number, line in enumerate(_lines(), start=1):
                yield asked_line(line, number, schema, self._put)
        else:
            source = str(options.source)
            yield from asked_rows(
                self._config(options, source),
                source,
                Path.cwd(),
                allow_network=self.allow_network,
            )

    def _put(self, text: str) -> Content:
        if self.kind == "conversation":
            return Conversation(messages=(Message(role=USER, content=text),))
        return Completion(prompt=text, completion=None)

    def _config(self, options: PredictTextOptions, source: str) -> DataConfig:
        """How the rows are laid out: as said, as the model's were, or as it looks."""
        from tunewright.data.propose import propose
        from tunewright.serve.asked import reading_of
        from tunewright.workflow.desk import field_columns

        columns = field_columns(options.columns)
        if options.schema is not None:
            return reading_of({"row_schema": options.schema, "columns": columns}, source)
        if self.reading or source == "-":
            known = self.reading.get("columns") or {}
            return reading_of({**self.reading, "columns": {**known, **columns}}, source)
        found = propose(source, Path.cwd(), columns=columns, allow_network=self.allow_network)
        for told in (*found.assumptions, *found.doubts):
            errors.print(f"  {told}", style="dim", markup=False)
        return found.data


def _asker(options: PredictTextOptions) -> _Asker:
    """The tuned model, or whatever else has won in a project."""
    candidate = _untrained(options)
    if candidate is not None:
        return candidate
    tuned = find_tuned(options.model, options.candidate, options.allow_network)
    with LiveProgress() as live:
        live.listener().on_event(Progress(activity="loading the model", done=0, total=0))
        from tunewright.serve.texts import load_text_predictor

        predictor = load_text_predictor(
            tuned.folder, tuned.project_folder, allow_network=tuned.allow_network
        )
    release = predictor.release
    return _Asker(predictor, release.reading, release.content, tuned.project, tuned.allow_network)


def _untrained(options: PredictTextOptions) -> _Asker | None:
    """A finalist of a project that was not trained; None for a tuned model."""
    if not (options.model / "tunewright.yaml").is_file() and options.model.suffix not in (
        ".yaml",
        ".yml",
    ):
        return None
    project = Project.load(options.model)
    layout = project.layout
    name = options.candidate
    folder = layout.model if name is None else layout.candidates / Path(name).name
    if is_release(folder) or not (folder / "candidate.json").is_file():
        return None
    from tunewright.data.schemas import SCHEMAS
    from tunewright.serve.candidates import CandidateTexts

    config = project.config
    reading = config.data.model_dump(
        mode="json", include={"row_schema", "columns", "text", "label"}
    )
    network = options.allow_network or config.allow_network
    kind = SCHEMAS.get(config.data.row_schema).holds[0].kind
    predictor = CandidateTexts(folder, project.folder, network)
    return _Asker(predictor, reading, kind, project, network)


def _lines() -> Iterator[str]:
    """Lines of standard input; blank ones at its end are none."""
    if sys.stdin.isatty():
        errors.print("One question a line; Ctrl-D ends.", style="dim")
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    blank = 0
    for number, line in enumerate(sys.stdin):
        text = line.rstrip("\r\n")
        if number == 0:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if not text.strip():
            blank += 1
            continue
        yield from [""] * blank
        blank = 0
        yield text
