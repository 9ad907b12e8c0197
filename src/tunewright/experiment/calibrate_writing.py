"""The calibration of a study that writes: how to compute here, and how long things take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from tunewright.candidates.generate.asking import Asker
from tunewright.core.errors import DataError
from tunewright.core.events import Notice, Progress
from tunewright.core.seeds import derive_seed
from tunewright.core.units import format_count
from tunewright.core.usage import Meter
from tunewright.data.contents import without_answer
from tunewright.data.dataset import FIT, TEST
from tunewright.models.fresh.build import is_fresh
from tunewright.models.generation.config import GenerationConfig
from tunewright.models.trainable import own_trainable
from tunewright.models.unlearned import tokens_alike
from tunewright.models.writer import Writer
from tunewright.strategies.base import EMBEDDINGS, build_strategy
from tunewright.train.member import Member
from tunewright.train.numerics import Numerics, calibrate
from tunewright.train.recipe import (
    Hyperparameters,
    Phase,
    Recipe,
    Selection,
    StrategySpec,
    Trial,
    fitting_strategies,
)
from tunewright.train.schedule import Schedule
from tunewright.train.writing.arithmetic import choose_arithmetic
from tunewright.train.writing.execution import Execution
from tunewright.train.writing.planner import Machine, plan_execution
from tunewright.train.writing.rows import Ragged
from tunewright.train.writing.source import StoredSource, WritingSource
from tunewright.train.writing.stream import WritingStream
from tunewright.train.writing.workspace import OUTCOMES, WritingSpec, WritingWorkspace
from tunewright.workers.base import Context, JobHandler

_SAMPLE_TOKENS = 4096
"""Tokens on which a strategy is timed."""
_STEP_TOKENS = 1024
"""Tokens of a step on which the arithmetic is measured."""
_WRITTEN_ROWS, _WRITTEN_TOKENS = 8, 16
_TOLD = {
    "dropped": "too long and left out",
    "trimmed": "too long and shortened before the answer",
    "split": "too long and divided",
    "unrenderable": "refused by the chat template",
    "nothing_learned": "without a token that is learned",
}
"""What became of a row, as the rest of a sentence."""


class CalibrateWriting(JobHandler):
    """Payload: `workspace` (without numerics), `seed`, `threads`, `precision`, `batch_size`,
    `strategies`, `writes` (whether answers are to be written).

    Returns the numerics, the measured rates and the peak memory. Seconds are wall seconds at the
    chosen threads.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        meter = Meter()
        spec = WritingSpec(**payload["workspace"])
        plain = WritingWorkspace.of(context, spec)
        config = plain.model.config
        lengths = plain.rows.lengths
        numerics = calibrate(
            dim=int(config.hidden_size),
            heads=int(config.num_attention_heads),
            batch=int(payload["batch_size"]),
            tokens=int(np.median(lengths)) if len(lengths) else 1,
            threads=payload["threads"],
            precision=payload["precision"],
        )
        _tell_outcomes(context, plain)
        if payload["strategies"]:
            _refuse_nothing_left(plain)
        wanted = [StrategySpec(**values) for values in payload["strategies"]]
        depth = Writer(plain.model).depth
        strategies = _fitting(context, wanted, depth)
        if payload["writes"]:
            _tell_unlearned_end(context, plain, strategies)
        pieces = _sample(lengths, int(payload["seed"]))
        numerics, execution, step_bytes = _plan(
            plain, strategies, pieces, numerics, payload["precision"]
        )
        made = {"numerics": numerics.as_dict(), "execution": execution}
        chosen = WritingWorkspace.of(context, spec.model_copy(update=made))
        rates = []
        for number, strategy in enumerate(strategies):
            context.emit(Progress(activity="calibration", done=number, total=len(strategies)))
            rates.append(_training_rate(chosen, strategy, pieces, int(payload["batch_size"])))
        tokens = _tokens(chosen)
        return {
            # Other micro-batches round differently, so they belong to the name of the arithmetic.
            "numerics": {
                **numerics.as_dict(),
                "lanes": 1,
                "name": f"{numerics.name}-{execution.name}",
            },
            "encode_seconds_per_token": _read_seconds(chosen, pieces),
            "write_seconds_per_token": _write_seconds(chosen) if payload["writes"] else 0.0,
            "training": rates,
            "execution": execution.model_dump(mode="json"),
            "step_bytes": step_bytes,
            "peak_memory_bytes": meter.usage()["peak_memory_bytes"],
            "max_length": chosen.max_length,
            "depth": depth,
            "dim": int(config.hidden_size),
            "parameters": sum(p.numel() for p in chosen.model.parameters()),
            "model_hash": chosen.resolved.content_hash,
            "model_source": chosen.resolved.source,
            "random_weights": is_fresh(chosen.resolved.path),
            "renderer": chosen.renderer.renderer,
            "template": chosen.renderer.template_name,
            "template_reason": chosen.renderer.reason,
            "outcomes": chosen.rows.outcomes,
            "tokens": tokens,
        }


def _tell_outcomes(context: Context, workspace: WritingWorkspace) -> None:
    """Say what becomes of rows that are not learned whole."""
    for outcome in OUTCOMES:
        count = workspace.rows.outcomes.get(outcome, 0)
        if count and outcome in _TOLD:
            text = f"{format_count(count, 'row')} of train and dev: {_TOLD[outcome]}"
            context.emit(Notice(text=text, level="warning"))


_TOO_LONG = (
    "raise `max_length`, say `rendering: {on_too_long: trim_prompt}`, or leave `tune` out of "
    "`candidates`"
)


def _refuse_nothing_left(workspace: WritingWorkspace) -> None:
    """Where too few rows are left to train by, the person is told before anything is tried.

    Raises:
        DataError: with what became of the rows.
    """
    rows = workspace.rows
    for _, fit, scored in workspace.dataset.holdouts:
        for part, wanted in (("learn from", fit), ("choose by", scored)):
            if len(rows.of_examples(wanted)):
                continue
            became = [
                f"{format_count(rows.outcomes[name], 'row')} {told}"
                for name, told in _TOLD.items()
                if rows.outcomes.get(name)
            ]
            raise DataError(
                f"no row is left to {part}",
                field="max_length" if rows.outcomes.get("dropped") else "data.train",
                found=f"of train and dev, {', '.join(became)}; a row may have "
                f"{format_count(workspace.max_length, 'token')}",
                expected="rows with an answer that fit into the model",
                fix=_TOO_LONG
                if rows.outcomes.get("dropped")
                else "`tunewright show` tells of a row why; correct the rows or the template",
            )


def _fitting(context: Context, wanted: Sequence[StrategySpec], depth: int) -> list[StrategySpec]:
    """The strategies that the model supports; the person is told of the others."""
    for spec in wanted:
        reason = spec.misfit(depth)
        if reason is not None:
            text = f"the strategy {spec.label} is left out: {reason}"
            context.emit(Notice(text=text, level="warning"))
    return fitting_strategies(wanted, depth)


def _tell_unlearned_end(
    context: Context, workspace: WritingWorkspace, strategies: Sequence[StrategySpec]
) -> None:
    """Say so where answers end with a token that the base never learned, and would not learn."""
    rows = workspace.rows
    learned = [rows.ids.of_row(n)[rows.weights.of_row(n) > 0] for n in range(len(rows))]
    last = Counter(int(ids[-1]) for ids in learned if len(ids))
    if not last:
        return
    token = last.most_common(1)[0][0]
    alike = tokens_alike(Writer(workspace.model).head, token)
    still = []
    for spec in strategies:
        writer = Writer(workspace.model)
        build_strategy(spec.name, spec.settings).prepare(writer)
        if not writer.head.weight.requires_grad:
            still.append(spec.label)
    if alike and still:
        text = (
            f"the base model has never learned '{workspace.tokenizer.convert_ids_to_tokens(token)}'"
            f", which ends answers: in its head that token is like {alike:,} others, and "
            f"{', '.join(still)} cannot change that, so answers may not stop; train with `full`"
        )
        context.emit(Notice(text=text, level="warning"))


def _sample(lengths: np.ndarray, seed: int) -> np.ndarray:
    """Pieces to time work on, int64: as many as have the tokens of a sample, one at least."""
    order = np.random.default_rng(derive_seed(seed, "calibration")).permutation(len(lengths))
    taken = int(np.searchsorted(np.cumsum(lengths[order]), _SAMPLE_TOKENS)) + 1
    return np.sort(order[:taken])


def _plan(
    workspace: WritingWorkspace,
    strategies: Sequence[StrategySpec],
    pieces: np.ndarray,
    numerics: Numerics,
    precision: str,
) -> tuple[Numerics, Execution, int]:
    """How steps are computed, by the strategy that trains the most; and the bytes of one."""
    if not strategies or not len(pieces):
        return numerics, Execution(), 0
    numerics.apply()
    writers = []
    for strategy in strategies:
        writer = Writer(workspace.model)
        build_strategy(strategy.name, strategy.settings).prepare(writer)
        writers.append(writer)
    dearest = max(writers, key=lambda w: sum(p.numel() for p in w.parameters() if p.requires_grad))
    own_trainable(dearest, workspace.model)
    source = workspace.source()
    median = pieces[np.argsort(source.lengths[pieces], kind="stable")]
    few = median[len(median) // 2 :][: max(1, _STEP_TOKENS // int(np.median(source.lengths)))]
    inputs = source.inputs(few).to(workspace.device)
    numerics = choose_arithmetic(dearest, inputs, numerics, precision)
    execution, need = plan_execution(
        dearest, source, workspace.rows, pieces, Machine.here(workspace.device)
    )
    return numerics, execution, need.of(execution)


def _training_rate(
    workspace: WritingWorkspace, strategy: StrategySpec, pieces: np.ndarray, batch_size: int
) -> dict[str, Any]:
    """What one strategy costs, measured over a few real steps."""
    from accelerate import Accelerator

    recipe = Recipe(
        model=workspace.resolved.content_hash,
        phase=Phase(objective="next_token", strategy=strategy, hyperparameters=Hyperparameters()),
    )
    trial = Trial(
        recipe=recipe,
        selection=Selection(),
        seed=0,
        data=workspace.dataset.content_hash,
        numerics=workspace.numerics.name,
    )
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    member = Member(
        trial,
        Writer(workspace.model),
        workspace.model,
        workspace.layout.root,
        accelerator,
        precision=workspace.numerics.precision,
    )
    depth = member.starts_from
    stored = workspace.can_store(depth)
    source = _pretended_states(workspace, depth) if stored else workspace.source()
    stream = WritingStream(
        source=source,
        pieces=pieces,
        batch_size=batch_size,
        accumulation_steps=1,
        seed=0,
        device=accelerator.device,
        micro_batch_tokens=workspace.spec.execution.micro_batch_tokens,
    )
    timed = list(stream.steps(0, 0))
    schedule = Schedule(kind="constant", warmup_steps=0, total_steps=99, horizon_steps=99)
    member.step(timed[0], 0, schedule)

    def steps() -> None:
        for batches in timed:
            member.step(batches, 1, schedule)

    return {
        "strategy": strategy.model_dump(mode="json"),
        "seconds_per_token": _seconds(steps) / int(source.lengths[pieces].sum()),
        "draws_shared_numbers": False,
        "trainable_parameters": sum(p.numel() for p in member.weights().values()),
        "stored_depth": depth if stored else None,
        "lowest_trained_layer": None if depth == EMBEDDINGS else depth,
    }


def _pretended_states(workspace: WritingWorkspace, depth: int) -> WritingSource:
    """States of the right shape: timing needs no true values, and true ones would cost a pass."""
    ids = workspace.rows.ids
    offsets = np.concatenate([[0], np.cumsum(ids.lengths - 1)])
    dim = int(workspace.model.config.hidden_size)
    one = np.random.default_rng(0).standard_normal((1, dim), dtype=np.float32)
    states = Ragged(values=np.broadcast_to(one, (int(offsets[-1]), dim)), offsets=offsets)
    return StoredSource(workspace.rows, workspace.rows.lengths, states, depth)


def _read_seconds(workspace: WritingWorkspace, pieces: np.ndarray) -> float:
    """Wall seconds a token of a whole forward takes."""
    few = pieces[: max(1, len(pieces) // 4)]
    source = workspace.source()
    writer = Writer(workspace.model).eval()
    inputs = source.inputs(few).to(workspace.device)

    def read() -> None:
        with torch.inference_mode():
            writer(inputs)

    return _seconds(read) / int(source.lengths[few].sum())


def _write_seconds(workspace: WritingWorkspace) -> float:
    """Wall seconds a written token takes, with prompts read, in a batch."""
    dataset = workspace.dataset
    generation = GenerationConfig(max_new_tokens=_WRITTEN_TOKENS)
    asker = Asker(workspace.model, workspace.tokenizer, workspace.renderer, generation)
    rows = [without_answer(content) for content in dataset.fit.contents[:_WRITTEN_ROWS]]
    start = time.perf_counter()
    said = asker.ask(rows)
    return (time.perf_counter() - start) / max(1, sum(one.written_tokens for one in said))


def _tokens(workspace: WritingWorkspace) -> dict[str, Any]:
    """How many tokens there are: of rows to learn from, of them those learned, of test prompts."""
    rows = workspace.rows
    total = int(rows.lengths.sum())
    trained = float(rows.trained.sum())
    test = workspace.dataset.test.contents
    tokenizer = workspace.chat.tokenizer
    return {
        FIT: total,
        "mean": total / max(1, len(workspace.dataset.fit)),
        "trained": trained,
        TEST: sum(len(tokenizer.encode(content.question)[0]) for content in test),
        "answer": trained / max(1, len(workspace.dataset.fit)),
    }


def _seconds(work: Callable[[], Any]) -> float:
    """The faster of two runs: other work on the machine only ever makes a run slower."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)
