"""`augment`: do new variants of the training rows help? They are kept only if they do."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import ConfigError, DataError
from tunewright.core.files import write_json
from tunewright.core.hashing import hash_file, hash_value
from tunewright.core.units import format_count
from tunewright.curate.augment import OPERATIONS
from tunewright.curate.augment.base import Materials, Operation, default_share
from tunewright.curate.augment.synonyms import common_synonyms, read_synonyms
from tunewright.curate.augment.variants import Variants, make_variants
from tunewright.curate.generators.base import Generator
from tunewright.curate.generators.source import SourceOptions, open_generator
from tunewright.data.content import Labelled
from tunewright.data.paths import resolve_paths
from tunewright.data.row_file import RowFile, format_to_write
from tunewright.data.rows import schema_of
from tunewright.data.synthetic import SYNTHETIC
from tunewright.data.writers.base import UnwritableError
from tunewright.experiment.added import write_added
from tunewright.experiment.hypothesis import Arm, Measured, compare_arms
from tunewright.workers.process import ProcessWorker
from tunewright.workflow.hypotheses import (
    SEEDS,
    RecipeName,
    cheap_recipe,
    choose_recipe,
    question_of,
    train_arms,
)
from tunewright.workflow.measure import signed
from tunewright.workflow.project import Project
from tunewright.workflow.session import Listener, Session, Stage, run_stage

AUGMENT_FILE = "augment.json"
DEFAULT_OPERATIONS = ("synonym", "swap", "delete", "insert")


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentOptions:
    """What is made, how it is judged, and where it goes."""

    operations: tuple[str, ...] = DEFAULT_OPERATIONS
    copies: int = 1
    """Variants of each row."""
    share: float | None = None
    """Of the words (letters, for `noise`) that is changed; by the number of rows when None."""
    synonyms: Path | None = None
    """The person's own list, instead of the one for English."""
    source: str | None = None
    """Model folder or address that writes texts, for the operations that need one."""
    model: str | None = None
    """Its name at an address."""
    key_env: str | None = None
    """Environment variable with the key of an address."""
    out: Path | None = None
    """File for the rows that are kept; in the study when None."""
    recipe: RecipeName = "auto"
    seeds: int = SEEDS


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentResult:
    """The content of `augment.json`, and where the rows are."""

    asked: int
    """Variants asked for: training rows times copies."""
    made: int
    by_operation: dict[str, int]
    refused: dict[str, int]
    """Reason to number; `made` and these are `asked`."""
    recipe: str
    reason: str
    """Why this recipe, where the person has not chosen it."""
    rows: int
    """Rows of each of the two training sets; they are learned in equally many steps."""
    effect: Measured | None
    """With the variants, less without. None where there was nothing to compare."""
    kept: bool
    sentence: str
    out: str | None
    """File of the rows that were kept."""


def augment(
    project: Project,
    options: AugmentOptions,
    listener: Listener | None = None,
    *,
    in_process: bool = False,
) -> AugmentResult:
    """Make variants, train with and without them, and keep them if the interval says so.

    Both sets have the same size and are learned in the same number of steps: without the variants
    each row stands there once more instead. A second call finds the result.

    Args:
        project: whose training rows are varied.
        options: what is made and how it is judged.
        listener: is told what happens.
        in_process: work in this process instead of a worker of its own.

    Raises:
        ConfigError: for unknown operations, a missing generator, a file that is in the way.
        DataError: for a list of synonyms that cannot be understood, or a row that the file's
            format cannot hold.
    """
    _refuse_unusable(options)
    with question_of(project, listener, in_process=in_process) as session, ExitStack() as stack:
        generator = _generator(session, project, options)
        if generator is not None:
            stack.enter_context(generator)
        out = _target(session, options)
        stage = Stage(
            "augment",
            "Measuring what new variants bring",
            lambda session: {
                **session.learned_from(),
                "version": 1,
                "seed": session.config.seed,
                "metric": session.config.decision.metric,
                "options": _decisive(options),
                "synonyms": hash_file(options.synonyms) if options.synonyms else None,
                "generator": None if generator is None else generator.identity,
                "recipe": cheap_recipe(session).model_dump(mode="json"),
            },
            lambda session: _run(session, options, generator),
            _intact,
        )
        run_stage(session, stage)
        result = session.results["augment"]
        kept = _write_kept(session, result, out) if result["kept"] else None
        found = _result(result, kept)
        write_json(session.layout.data / AUGMENT_FILE, asdict(found))
        return found


# -- before -----------------------------------------------------------------------------------


def _refuse_unusable(options: AugmentOptions) -> None:
    if not options.operations:
        raise ConfigError(
            "no operation was named",
            field="--operations",
            expected=", ".join(OPERATIONS),
            fix=f"for instance --operations {','.join(DEFAULT_OPERATIONS)}",
        )
    twice = [name for name, count in Counter(options.operations).items() if count > 1]
    if twice:
        raise ConfigError(f"'{twice[0]}' is named twice", field="--operations")
    needing = [n for n in options.operations if OPERATIONS.get(n).needs_generator]
    if needing and options.source is None:
        raise ConfigError(
            f"'{needing[0]}' needs a model that writes texts",
            field="--from",
            expected="a model folder, or the address of an OpenAI-compatible endpoint",
            fix="add --from, or leave the operation out",
        )
    if options.copies < 1 or options.seeds < 1:
        raise ConfigError("copies and seeds must be at least 1")
    if options.share is not None and not 0 < options.share < 1:
        raise ConfigError(
            "the share of words to change must lie between 0 and 1", found=f"{options.share:g}"
        )


def _decisive(options: AugmentOptions) -> dict[str, Any]:
    """The options on which the result depends."""
    values = asdict(options)
    for name in ("out", "synonyms", "source", "model", "key_env"):
        del values[name]
    return {**values, "operations": list(options.operations)}


def _generator(session: Session, project: Project, options: AugmentOptions) -> Generator | None:
    """Who writes, where an operation asks for one."""
    if not any(OPERATIONS.get(name).needs_generator for name in options.operations):
        return None
    assert options.source is not None
    root = session.layout.root
    return open_generator(
        SourceOptions(
            source=options.source,
            model=options.model,
            allow_network=project.config.allow_network,
            key_env=options.key_env,
        ),
        work=session.layout.store / "augment",
        make_worker=lambda: ProcessWorker(root / "store" / "augment" / "writer"),
        on_event=session.listener.on_event,
    )


def _target(session: Session, options: AugmentOptions) -> Path:
    """The file for kept rows, in the format of the training file unless another is named."""
    if options.out is None:
        written = session.config.data.train
        first = resolve_paths(written, session.folder)[0].files[0].parts[0].path
        suffix = "".join(first.suffixes[-2:]) if first.suffix == ".gz" else first.suffix
        target = session.layout.data / f"augmented{suffix}"
        try:
            format_to_write(target)
        except ConfigError:  # a format that is read but not written
            target = session.layout.data / "augmented.jsonl"
        return target
    target = options.out.expanduser().absolute()
    format_to_write(target)
    if not target.parent.is_dir():
        raise ConfigError(
            "there is no such folder",
            file=target,
            field="--out",
            found=f"no folder '{target.parent}'",
            fix="make it first, or name a file in another one",
        )
    if target.exists():
        raise ConfigError(
            "this file is there already",
            file=target,
            field="--out",
            fix="name another file, or remove this one",
        )
    return target


# -- the question -------------------------------------------------------------------------------


def _run(session: Session, options: AugmentOptions, generator: Generator | None) -> dict[str, Any]:
    dataset = session.dataset
    synonyms = common_synonyms() if options.synonyms is None else read_synonyms(options.synonyms)
    share = options.share or default_share(len(dataset.fit))
    materials = Materials(share=share, synonyms=synonyms, generator=generator)
    operations: dict[str, Operation] = {
        name: OPERATIONS.get(name)(materials) for name in options.operations
    }
    made = make_variants(dataset, operations, options.copies, session.config.seed)
    file, added_hash = _write_variants(session, made)
    described = {
        "asked": made.asked,
        "made": len(made.rows),
        "by_operation": dict(Counter(variant.operation for variant in made.rows)),
        "refused": made.refused,
        "file": file,
        "hash": hash_file(session.layout.root / file),
        "generator": None if generator is None else generator.identity,
    }
    if not made.rows:
        nothing = {"recipe": "", "reason": "", "rows": 0, "effect": None, "kept": False}
        sentence = "Nothing was kept: no variant could be made."
        return {**described, **nothing, "sentence": sentence}
    repeat = options.copies + 1
    arms = [Arm(repeat=repeat), Arm(repeat=repeat, added=file, added_hash=added_hash)]
    recipe, reason = choose_recipe(session, options.recipe, arms, options.seeds)
    before, after = train_arms(session, recipe, arms, "training with and without variants")
    failed = before.failed or after.failed
    metric = session.config.decision.metric
    effect = None if failed else compare_arms(after, before, dataset, metric)
    return {
        **described,
        "recipe": recipe.label,
        "reason": reason,
        "rows": after.rows,
        "effect": None if effect is None else effect.as_dict(),
        "kept": effect is not None and effect.gains,
        "sentence": sentence_of(effect, len(made.rows), failed),
    }


def sentence_of(effect: Measured | None, made: int, failed: str | None) -> str:
    """The answer in words."""
    rows = format_count(made, "new row")
    if effect is None:
        return f"Not kept: a training failed ({failed})."
    told = f"{signed(effect.low)} to {signed(effect.high)} points"
    if effect.gains:
        return (
            f"Kept: {rows} gain {100 * effect.difference:.1f} points ({told}) over the same rows "
            "learned once more, in equally many steps."
        )
    if effect.costs:
        return f"Not kept: {rows} cost {-100 * effect.difference:.1f} points ({told})."
    return (
        f"Not kept: {rows} make no difference that {format_count(effect.items, 'item')} can show "
        f"({told})."
    )


def _write_variants(session: Session, made: Variants) -> tuple[str, str]:
    """Keep all variants in the study, with where each comes from; the file and its hash."""
    dataset = session.dataset
    rows = [
        {
            "inputs": variant.inputs,
            "label": dataset.labels[int(dataset.fit.targets[variant.origin_row])],
            "origin_row": variant.origin_row,
            "origin": dataset.fit.ids[variant.origin_row],
            "operation": variant.operation,
            "seed": variant.seed,
        }
        for variant in made.rows
    ]
    name = f"store/variants/{hash_value(rows)[:12]}.jsonl"
    return name, write_added(session.layout.root / name, rows)


def _intact(session: Session, result: dict[str, Any]) -> bool:
    path = session.layout.root / result["file"]
    return bool(path.is_file() and hash_file(path) == result["hash"])


# -- what is kept -------------------------------------------------------------------------------


def _write_kept(session: Session, result: dict[str, Any], out: Path) -> Path:
    """Write the variants as rows of the person's own layout, marked and with their origin."""
    import json

    dataset, config = session.dataset, session.config.data
    schema = schema_of(config)
    text = (session.layout.root / result["file"]).read_text(encoding="utf-8")
    with RowFile(out, verify=True) as file:
        for line in text.removesuffix("\n").split("\n"):
            row = json.loads(line)
            origin = row["origin_row"]
            values = schema.write(Labelled(texts=row["inputs"], label=row["label"]))
            if config.group is not None:
                values[config.group] = dataset.fit.groups[origin]
            values |= {
                **dataset.fit.columns[origin],
                SYNTHETIC: True,
                "_method": "augment",
                "_operation": row["operation"],
                "_origin": f"{row['origin']} ({dataset.fit.sources[origin]})",
                "_generator": result["generator"] or "",
                "_seed": str(row["seed"]),
            }
            try:
                file.write(values)
            except UnwritableError as problem:
                raise DataError(
                    f"a new row cannot be written: {problem.message}",
                    file=out,
                    field=problem.field,
                    fix="name a file that ends in .jsonl, which holds every text",
                ) from problem
    return out


def _result(result: dict[str, Any], kept: Path | None) -> AugmentResult:
    names = ("asked", "made", "by_operation", "refused", "recipe", "reason", "rows", "kept")
    effect = result["effect"]
    return AugmentResult(
        **{name: result[name] for name in names},
        effect=None if effect is None else Measured(**effect),
        sentence=result["sentence"],
        out=None if kept is None else str(kept),
    )
