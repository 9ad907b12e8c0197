"""New rows from a model: gathers what they are made from, makes them, and writes the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.events import Progress
from tunewright.core.files import write_text
from tunewright.core.units import format_count
from tunewright.curate.generators.endpoint import EndpointGenerator
from tunewright.curate.generators.source import SourceOptions, open_generator
from tunewright.curate.synthesis import METHODS
from tunewright.curate.synthesis.agreement import label_predictor
from tunewright.curate.synthesis.config import SynthesisConfig
from tunewright.curate.synthesis.languages import language_names
from tunewright.curate.synthesis.material import HeldOut, Material, Predict
from tunewright.curate.synthesis.methods.questions import passages_of
from tunewright.curate.synthesis.rows import Passage, Seed, question_of
from tunewright.curate.synthesis.run import Synthesis, synthesise
from tunewright.curate.synthesis.writer import Writer
from tunewright.data.config import CLASSIFICATION, DataConfig
from tunewright.data.content import Completion, Conversation, Document, Labelled, Preference
from tunewright.data.dataset import load_dataset
from tunewright.data.example import Rejected
from tunewright.data.folders import document_suffix
from tunewright.data.json_text import write_json_text
from tunewright.data.normalise import normalise
from tunewright.data.rows import DataRow, read_rows
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import Schema
from tunewright.data.synthetic import is_synthetic
from tunewright.workers.base import Worker
from tunewright.workers.process import ProcessWorker
from tunewright.workflow.desk import Desk
from tunewright.workflow.session import Listener

QUESTIONS, PREFERENCES, CLASSES = "questions", "preferences", "class_conditional"
_MOST_SEEDS = 200_000


@dataclass(frozen=True, kw_only=True)
class SynthesisRequest:
    """What a person asks for."""

    source: SourceOptions
    config: SynthesisConfig
    out: Path
    data: Sequence[str] = ()
    documents: Sequence[str] = ()
    """For the method `questions`."""
    test: str | None = None
    """A test file, for data without a project."""
    schema: str | None = None
    columns: Sequence[str] | None = None
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class SynthesisOutcome:
    """What was made, and where it is."""

    synthesis: Synthesis
    out: Path | None
    """None where no row was kept."""
    rejected: Path
    generator: str
    schema: str
    """Row schema of the new rows."""
    joins_data: bool
    """Whether they are laid out as the person's own rows, and can stand beside them."""
    estimated_tokens: bool
    """Whether the endpoint does not count its tokens."""
    notes: tuple[str, ...]
    """What a person should know about where the rows come from."""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        made = self.synthesis
        return {
            "out": None if self.out is None else str(self.out),
            "rejected_file": str(self.rejected),
            "generator": self.generator,
            "schema": self.schema,
            "joins_data": self.joins_data,
            "generated": made.generated,
            "kept": len(made.rows),
            "rejected": dict(made.counts),
            "filters": made.used,
            "filters_left_out": made.left_out,
            "batches": made.batches,
            "seconds": round(made.seconds, 3),
            "cost": {**asdict(made.cost), "tokens_estimated": self.estimated_tokens},
            "stopped": None if made.stop is None else asdict(made.stop),
            "notes": list(self.notes),
        }


@dataclass
class _Gathered:
    """What rows are made from and judged by."""

    schema: Schema
    seeds: list[Seed] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    held_out: HeldOut = field(default_factory=HeldOut)
    label_descriptions: dict[str, str] = field(default_factory=dict)
    empty_columns: tuple[str, ...] = ()
    """Columns that the project names, and that a new row has no value for."""
    joins_data: bool = False
    notes: list[str] = field(default_factory=list)


def make_rows(request: SynthesisRequest, listener: Listener | None = None) -> SynthesisOutcome:
    """Make rows and write them.

    Writes `out` and, beside it, `NAME.rejected.jsonl` with every generated row that was not kept.
    Answers are kept in the folder `NAME.work`, so that the same command goes on where it stopped.

    Raises:
        ConfigError: when something that was named is wrong, or does not fit.
        DataError: when the data cannot be used.
        StoppedError: when an endpoint or a worker does not answer any more.
    """
    listener = listener or Listener()
    METHODS.get(request.config.method)  # a wrong name is told before anything is read
    rejected = _beside(request.out, ".rejected.jsonl")
    _refuse_existing(request, rejected)
    gathered = _gather(request, listener)
    work = _beside(request.out, ".work")
    with _workers(work) as worker:
        generator = open_generator(
            request.source, work=work, make_worker=worker, on_event=listener.on_event
        )
        config = request.config
        writer = Writer(generator, seed=config.seed, max_new_tokens=config.max_new_tokens)
        material = Material(
            config=config,
            writer=writer,
            schema=gathered.schema,
            seeds=gathered.seeds,
            passages=gathered.passages,
            held_out=gathered.held_out,
            label_descriptions=gathered.label_descriptions,
            predict=_predictor(gathered.seeds, work, worker),
            languages=language_names(),
        )

        def tell(kept: int, generated: int) -> None:
            activity = f"rows kept of {generated:,} generated"
            listener.on_event(Progress(activity=activity, done=kept, total=config.count))
            listener.on_steps(kept, config.count)

        made = synthesise(material, tell)
        inner = generator.inner
        estimated = isinstance(inner, EndpointGenerator) and inner.estimated
        identity = generator.identity
    empty = dict.fromkeys(gathered.empty_columns)
    _write_lines(rejected, made.rejected)
    if made.rows:
        _write_lines(request.out, [{**empty, **row} for row in made.rows])
    return SynthesisOutcome(
        synthesis=made,
        out=request.out if made.rows else None,
        rejected=rejected,
        generator=identity,
        schema=gathered.schema.name,
        joins_data=gathered.joins_data,
        estimated_tokens=estimated,
        notes=tuple(gathered.notes),
    )


# -- what rows are made from --------------------------------------------------------------------


def _gather(request: SynthesisRequest, listener: Listener) -> _Gathered:
    method = request.config.method
    data, documents = request.data, request.documents
    if method == QUESTIONS and data and not documents and all(map(document_suffix, data)):
        data, documents = (), data
    if method == QUESTIONS and documents and not data and not Path("tunewright.yaml").is_file():
        gathered = _Gathered(schema=SCHEMAS.get("question_answer")({}))
        gathered.passages = _passages(documents, gathered)
        return gathered
    desk = Desk.open(data, schema=request.schema, columns=request.columns, test=request.test)
    own = desk.schema
    gathered = _Gathered(schema=_written_schema(own, method))
    gathered.joins_data = gathered.schema is own
    gathered.notes += desk.assumptions
    if method == QUESTIONS and not documents:
        gathered.passages = _passages_in(desk.rows(extras=True), gathered)
        return gathered
    gathered.held_out = _held_out(desk, gathered, listener)
    gathered.seeds = _seeds(desk, gathered)
    if documents:
        gathered.passages = _passages(documents, gathered)
    if desk.project is not None:
        gathered.label_descriptions = dict(desk.project.config.label_descriptions)
    named = (desk.data.group, desk.data.time, *desk.data.slices)
    gathered.empty_columns = tuple(name for name in named if name)
    return gathered


def _written_schema(schema: Schema, method: str) -> Schema:
    """The person's own where it can hold what the method makes, else the plain one for that."""
    if method == PREFERENCES and Preference not in schema.holds:
        return SCHEMAS.get("preference")({})
    if method == QUESTIONS and not {Conversation, Completion} & set(schema.holds):
        return SCHEMAS.get("question_answer")({})
    return schema


def _seeds(desk: Desk, gathered: _Gathered) -> list[Seed]:
    """Training rows that are neither held out nor synthetic themselves."""
    held = {normalise(t) for t in (*gathered.held_out.test, *gathered.held_out.dev)}
    seeds: list[Seed] = []
    unused: list[Rejected] = []
    written = withheld = 0
    for row in desk.rows("train", extras=True):
        if isinstance(row, Rejected):
            unused.append(row)
        elif is_synthetic(row.extras or {}):
            written += 1
        elif held and normalise(question_of(row.content)) in held:
            withheld += 1
        else:
            seeds.append(Seed(place=str(row.source), content=row.content))
        if len(seeds) > _MOST_SEEDS:
            raise DataError(
                "there are too many rows to learn from",
                found=f"more than {_MOST_SEEDS:,} rows",
                fix="draw a sample by writing 'FILE#50000'",
            )
    if unused:
        first = unused[0]
        gathered.notes.append(
            f"{format_count(len(unused), 'row')} of the data cannot be used as seeds "
            f"(the first: {first})"
        )
    if written:
        gathered.notes.append(
            f"{format_count(written, 'row')} that a model has written before served as no seed"
        )
    if withheld:
        gathered.notes.append(
            f"{format_count(withheld, 'row')} of the data are test or dev rows and served as no "
            "seed"
        )
    if not seeds:
        raise DataError(
            "there is no row to learn from",
            found=f"{len(unused):,} unusable, {written:,} synthetic, {withheld:,} held out",
            expected="at least one training row",
            fix="correct the rows, or name another file",
        )
    return seeds


def _held_out(desk: Desk, gathered: _Gathered, listener: Listener) -> HeldOut:
    """Texts of test and dev, without any answer.

    A project's own split is used, and made where there is none yet, so that what is kept away is
    what will be the test. Where nothing says which rows will be, all are possible ones.
    """
    if desk.project is not None and desk.data.row_schema == CLASSIFICATION:
        result = desk.project.run(until="data", listener=listener)
        dataset = load_dataset(desk.project.layout.data, result.stages["data"]["content_hash"])
        fit = dataset.fit
        dev = [inputs for inputs, held in zip(fit.inputs, fit.is_dev, strict=True) if held]
        return HeldOut(
            test=["\n".join(inputs.values()) for inputs in dataset.test.inputs],
            dev=["\n".join(inputs.values()) for inputs in dev],
        )
    named = {name: _questions(desk, name) for name in ("test", "dev") if name in desk.splits}
    if "test" in named:
        return HeldOut(test=named["test"], dev=named.get("dev", ()))
    gathered.notes.append(
        "no test set has been set apart yet: new rows keep away from every row of the data, but "
        "rows that become test rows later may have served as seeds. Divide the data first "
        "(`tunewright split`), or name the test file with --test"
    )
    return HeldOut(possible=_questions(desk, "train"), dev=named.get("dev", ()))


def _questions(desk: Desk, split: str) -> list[str]:
    rows = desk.rows(split)
    return [question_of(row.content) for row in rows if not isinstance(row, Rejected)]


def _passages(documents: Sequence[str], gathered: _Gathered) -> list[Passage]:
    """Passages of files, folders of them, and rows with a running text.

    A text file is one document, though a text file of training data has a row on each line.
    """
    rows: list[Iterable[DataRow | Rejected]] = []
    for name in documents:
        if document_suffix(name) and Path(name).is_file():
            config = DataConfig(
                train=name, row_schema="text", columns={"text": "text"}, format="documents"
            )
            rows.append(read_rows(config, name, Path.cwd(), extras=True))
        else:
            rows.append(Desk.open([name], schema="text").rows(extras=True))
    return _passages_in(chain.from_iterable(rows), gathered)


def _passages_in(rows: Iterable[DataRow | Rejected], gathered: _Gathered) -> list[Passage]:
    """The documents among some rows, in passages."""
    passages: list[Passage] = []
    others = short = 0
    for row in rows:
        if isinstance(row, Rejected) or not isinstance(row.content, Document):
            others += 1
            continue
        path = (row.extras or {}).get("path")
        place = f"{row.source.file}: {path}" if path else str(row.source)
        found = list(passages_of(row.content.text, place))
        short += not found
        passages += found
    if others or short:
        gathered.notes.append(
            f"{format_count(others, 'row')} could not be read as documents, and "
            f"{format_count(short, 'document')} had too little text to ask about"
        )
    if not passages:
        raise ConfigError(
            "there is no document to ask about",
            field="--documents",
            found=f"{others:,} rows that are no documents, {short:,} too short",
            expected="text files, or rows with a running text",
            fix="name the documents with --documents",
        )
    return passages


# -- who works ------------------------------------------------------------------------------------


class _Workers:
    """Gives one worker process to all who need it, and starts it for the first of them."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._worker: Worker | None = None

    def __call__(self) -> Worker:
        if self._worker is None:
            self._worker = ProcessWorker(self._work)
        return self._worker

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()


@contextmanager
def _workers(work: Path) -> Iterator[_Workers]:
    workers = _Workers(work)
    try:
        yield workers
    finally:
        workers.close()


def _predictor(seeds: Sequence[Seed], work: Path, worker: _Workers) -> Predict | None:
    labelled = [
        (question_of(seed.content), seed.content.label)
        for seed in seeds
        if isinstance(seed.content, Labelled) and seed.content.label
    ]
    if len({label for _, label in labelled}) < 2:
        return None
    texts, labels = zip(*labelled, strict=True)
    return label_predictor(texts, labels, work, worker)


# -- files ----------------------------------------------------------------------------------------


def _beside(out: Path, ending: str) -> Path:
    """`synthetic.jsonl` and `.work` give `synthetic.work`."""
    return out.with_name(out.name.removesuffix(".jsonl") + ending)


def _refuse_existing(request: SynthesisRequest, rejected: Path) -> None:
    out = request.out
    if out.suffix != ".jsonl":
        raise ConfigError(
            "new rows are written as JSON lines",
            file=out,
            field="--out",
            expected="a name that ends in .jsonl",
            fix=f"write --out {out.with_suffix('.jsonl')}; `tunewright convert` makes other files "
            "of it",
        )
    if not out.parent.is_dir():
        raise ConfigError(
            "there is no such folder",
            file=out,
            field="--out",
            found=f"no folder '{out.parent}'",
            fix="make it first, or name a file in another one",
        )
    for path in (out, rejected):
        if path.exists() and not (request.force and path.is_file()):
            raise ConfigError(
                "there is a file of this name already",
                file=path,
                field="--out",
                fix="name another file, or add --force to write over it",
            )
    data = [*request.data, *request.documents, *([request.test] if request.test else [])]
    if any(Path(name).exists() and out.exists() and out.samefile(name) for name in data):
        raise ConfigError(
            "this is one of the files that rows are made from",
            file=out,
            field="--out",
            fix="name another file",
        )


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    text = "".join(write_json_text(row) + "\n" for row in rows)
    write_text(path, text, "name another file with --out")
