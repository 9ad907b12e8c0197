"""New rows from a model: gathers what they are made from, makes them, and writes the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError
from tunewright.core.events import Progress
from tunewright.core.files import write_text
from tunewright.curate.generators.endpoint import EndpointGenerator
from tunewright.curate.generators.source import open_generator
from tunewright.curate.synthesis import METHODS
from tunewright.curate.synthesis.agreement import label_predictor
from tunewright.curate.synthesis.languages import language_names
from tunewright.curate.synthesis.material import Material, Predict
from tunewright.curate.synthesis.rows import Seed, question_of
from tunewright.curate.synthesis.run import Synthesis, synthesise
from tunewright.curate.synthesis.writer import Writer
from tunewright.data.content import Labelled
from tunewright.data.json_text import write_json_text
from tunewright.workers.base import Worker
from tunewright.workers.process import ProcessWorker
from tunewright.workflow.session import Listener
from tunewright.workflow.synthesis_material import SynthesisRequest, gather


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
    gathered = gather(request, listener)
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
    # The list beside it alone is that of a run that was stopped, and is written anew.
    for path, replaced in ((out, request.force), (rejected, request.force or not out.exists())):
        if path.exists() and not (replaced and path.is_file()):
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
