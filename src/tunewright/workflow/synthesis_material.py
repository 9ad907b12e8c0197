"""What new rows are made from: seeds, passages, and what they keep away from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.units import format_count
from tunewright.curate.generators.source import SourceOptions
from tunewright.curate.synthesis.config import SynthesisConfig
from tunewright.curate.synthesis.material import HeldOut
from tunewright.curate.synthesis.methods.questions import passages_of
from tunewright.curate.synthesis.rows import Passage, Seed, question_of
from tunewright.data.config import CLASSIFICATION, DataConfig
from tunewright.data.content import Completion, Conversation, Document, Preference
from tunewright.data.dataset import load_dataset
from tunewright.data.example import Rejected
from tunewright.data.folders import document_suffix
from tunewright.data.normalise import normalise
from tunewright.data.rows import DataRow, read_rows
from tunewright.data.schemas import SCHEMAS
from tunewright.data.schemas.base import Schema
from tunewright.data.synthetic import is_synthetic
from tunewright.workflow.desk import Desk
from tunewright.workflow.session import Listener

QUESTIONS, PREFERENCES = "questions", "preferences"
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


@dataclass
class Gathered:
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


def gather(request: SynthesisRequest, listener: Listener) -> Gathered:
    method = request.config.method
    data, documents = request.data, request.documents
    if method == QUESTIONS and data and not documents and all(map(document_suffix, data)):
        data, documents = (), data
    if method == QUESTIONS and documents and not data and not Path("tunewright.yaml").is_file():
        gathered = Gathered(schema=SCHEMAS.get("question_answer")({}))
        gathered.passages = _passages(documents, gathered)
        return gathered
    desk = Desk.open(data, schema=request.schema, columns=request.columns, test=request.test)
    own = desk.schema
    gathered = Gathered(schema=_written_schema(own, method))
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


def _seeds(desk: Desk, gathered: Gathered) -> list[Seed]:
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


def _held_out(desk: Desk, gathered: Gathered, listener: Listener) -> HeldOut:
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


def _passages(documents: Sequence[str], gathered: Gathered) -> list[Passage]:
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


def _passages_in(rows: Iterable[DataRow | Rejected], gathered: Gathered) -> list[Passage]:
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
