"""What the worker does for a question about the data: train every arm, answer the held-out rows.

An arm is trained from the frozen-prefix store like any trial, so rows that two arms share are
encoded once. What an arm's seed has answered is kept in the store under the hash of all that it
depends on; another question that has an arm in common finds it there.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import torch

from tunewright.core.events import Event, Notice, Progress
from tunewright.core.hashing import hash_value
from tunewright.core.seeds import derive_seed
from tunewright.core.usage import Meter, reset_peak_memory
from tunewright.data.dataset import FIT
from tunewright.experiment.added import AddedRows, joined_source, joined_vectors
from tunewright.experiment.hypothesis import Arm, ArmRecipe
from tunewright.study.store import Draft, Store
from tunewright.train.classifying import ClassStream, TrainingSet, classifying_member, score_rows
from tunewright.train.engine import train
from tunewright.train.lanes import LaneClock, side_by_side
from tunewright.train.member import DivergedError, Member
from tunewright.train.probe import PROBE_C, LinearProbe, fit_probe
from tunewright.train.recipe import Recipe, Selection, Trial
from tunewright.train.source import Source
from tunewright.train.workspace import Workspace, WorkspaceSpec
from tunewright.workers.base import Context, JobHandler

_SHARE = 1000
"""Units of progress of one training."""
_VERSION = 1


class TrainArms(JobHandler):
    """Payload: `workspace`, `recipe` (an `ArmRecipe`) and `arms`.

    Returns `arms`, in their order: `answers` (for each seed the class of each held-out row),
    `rows`, `cpu_seconds`, `wall_seconds` and `failed`.
    """

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        reset_peak_memory()
        workspace = Workspace.of(context, WorkspaceSpec(**payload["workspace"]))
        recipe = ArmRecipe(**payload["recipe"])
        arms = [Arm(**values) for values in payload["arms"]]
        return {"arms": ArmTraining(workspace, recipe, arms).run()}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """One arm with one seed; of an arm that does not depend on the seed, the first one."""

    arm: Arm
    seed: int


class ArmTraining:
    """Arms that are trained in one job."""

    def __init__(self, workspace: Workspace, recipe: ArmRecipe, arms: Sequence[Arm]) -> None:
        self._workspace = workspace
        self._recipe = recipe
        self._arms = arms
        self._making = threading.Lock()
        self._telling = threading.Lock()
        self._shares: dict[str, float] = {}
        self._probes: dict[str, LinearProbe] = {}
        self._sets: dict[str, _RowSet] = {}
        self._usage: dict[tuple[str, int], dict[str, float]] = {}
        """Cost of each probe by piece and holdout."""
        self._failures: dict[str, str] = {}
        """Reasons by key. A failure is not kept in the store, so another run tries again."""

    def run(self) -> list[dict[str, Any]]:
        """Train what is missing; the answers of every arm."""
        wanted = {self._key(p): p for arm in self._arms for p in self._pieces(arm)}
        missing = {k: p for k, p in wanted.items() if not self._store.has("arms", self._origin(p))}
        recipe = self._recipe.recipe
        if recipe is None or recipe.phase.hyperparameters.head_init == "probe":
            self._fit_probes(list(missing.values()))
        if recipe is None:
            for piece in missing.values():
                self._keep(piece, self._answer_by_probe(piece))
        else:
            self._train(list(missing.values()), recipe)
        return [self._remembered(arm) for arm in self._arms]

    # -- what there is ------------------------------------------------------------------------

    @property
    def _store(self) -> Store:
        return self._workspace.store

    def _pieces(self, arm: Arm) -> list[_Piece]:
        seeds = self._recipe.seeds
        if self._recipe.recipe is None and not arm.is_drawn:
            seeds = seeds[:1]  # the probe draws no random numbers
        return [_Piece(arm=arm, seed=seed) for seed in seeds]

    def _origin(self, piece: _Piece) -> dict[str, Any]:
        workspace, recipe = self._workspace, self._recipe.recipe
        drawn = recipe is not None or piece.arm.is_drawn
        return {
            "version": _VERSION,
            "data": workspace.dataset.content_hash,
            "model": workspace.encoder.resolved.content_hash,
            "renderer": workspace.task.renderer,
            "max_length": workspace.max_length,
            "numerics": workspace.numerics.name,
            "recipe": {"probe": PROBE_C} if recipe is None else recipe.model_dump(mode="json"),
            "arm": piece.arm.key,
            "seed": piece.seed if drawn else None,
        }

    def _key(self, piece: _Piece) -> str:
        return hash_value(self._origin(piece))

    def _keep(self, piece: _Piece, found: _Found) -> None:
        def build(draft: Draft) -> None:
            draft.save("answers", found.answers)
            draft.save("cost", np.array([found.rows, found.cpu_seconds, found.wall_seconds]))

        if found.failed is None:
            self._store.get("arms", self._origin(piece), build)
        else:
            self._failures[self._key(piece)] = found.failed

    def _remembered(self, arm: Arm) -> dict[str, Any]:
        pieces = self._pieces(arm)
        failed = next(filter(None, (self._failures.get(self._key(p)) for p in pieces)), None)
        if failed:
            return {"answers": [], "rows": 0, "cpu_seconds": 0, "wall_seconds": 0, "failed": failed}
        entries = [self._store.entry("arms", self._origin(piece)) for piece in pieces]
        costs = np.array([entry.array("cost") for entry in entries])
        answers = [entry.array("answers").tolist() for entry in entries]
        repeats = len(self._recipe.seeds) // len(answers)
        return {
            "answers": answers * repeats,
            "rows": round(float(costs[:, 0].mean())),
            "cpu_seconds": float(costs[:, 1].sum()),
            "wall_seconds": float(costs[:, 2].sum()),
            "failed": None,
        }

    # -- rows -----------------------------------------------------------------------------------

    def _rows(self, piece: _Piece, number: int) -> np.ndarray:
        """Positions that the training on holdout `number` learns from."""
        arm = piece.arm
        fold, fit, _ = self._workspace.dataset.holdouts[number]
        rows = fit[~np.isin(fit, arm.without)]
        count = int(np.isin(fit, arm.as_many_as).sum())
        if count:
            rng = np.random.default_rng(derive_seed(piece.seed, "left out", fold or 0))
            rows = np.sort(rng.choice(rows, size=max(0, len(rows) - count), replace=False))
        added = self._set_of(arm).added
        if added is None:
            return np.repeat(rows, arm.repeat)
        # An added row is known to a training only if its origin is.
        known = np.flatnonzero(np.isin(added.origins, rows))
        total = len(self._workspace.dataset.fit)
        replaced = np.bincount(added.origins[known], minlength=total)[rows]
        repeated = np.repeat(rows, np.maximum(arm.repeat - replaced, 0))
        return np.concatenate([repeated, total + known])

    def _set_of(self, arm: Arm) -> _RowSet:
        """Targets, texts and vectors of an arm's rows; those with equal additions share them."""
        key = hash_value([arm.added_hash, sorted(arm.relabelled.items())])
        if key not in self._sets:
            added = None
            if arm.added is not None:
                path = self._workspace.layout.root / arm.added
                added = AddedRows.read(path, self._workspace.dataset.labels)
            self._sets[key] = _RowSet(self._workspace, added, arm.relabelled, arm.added_hash)
        return self._sets[key]

    # -- the quick recipe -------------------------------------------------------------------------

    def _fit_probes(self, pieces: list[_Piece]) -> None:
        """Fit every probe before anything else runs: the library's threads are set for all."""
        holdouts = len(self._workspace.dataset.holdouts)
        total = len(pieces) * holdouts
        for done, (piece, number) in enumerate(product(pieces, range(holdouts))):
            progress = Progress(activity="fitting linear probes", done=done, total=total)
            self._workspace.context.emit(progress)
            meter = Meter()
            fit = self._rows(piece, number)
            self._probe(piece.arm, fit)
            self._usage[self._key(piece), number] = meter.usage()

    def _answer_by_probe(self, piece: _Piece) -> _Found:
        dataset, rows = self._workspace.dataset, self._set_of(piece.arm)
        answers = np.full(len(dataset.fit), -1, dtype=np.int64)
        fit_rows = []
        for number, (_, _, scored) in enumerate(dataset.holdouts):
            fit = self._rows(piece, number)
            probe = self._probe(piece.arm, fit)
            answers[scored] = probe.logits(rows.vectors[scored]).argmax(1)
            fit_rows.append(len(fit))
        usage = [self._usage[self._key(piece), n] for n in range(len(dataset.holdouts))]
        return _Found(
            answers=answers[dataset.scored_rows],
            rows=float(np.mean(fit_rows)),
            cpu_seconds=sum(entry["cpu_seconds"] for entry in usage),
            wall_seconds=sum(entry["wall_seconds"] for entry in usage),
        )

    def _probe(self, arm: Arm, fit: np.ndarray) -> LinearProbe:
        """The linear probe of some rows of an arm, fitted once."""
        key = hash_value([self._set_of(arm).key, fit.tolist()])
        if key not in self._probes:
            rows = self._set_of(arm)
            classes = len(self._workspace.dataset.labels)
            self._probes[key] = fit_probe(rows.vectors[fit], rows.targets[fit], classes, PROBE_C)
        return self._probes[key]

    # -- training -----------------------------------------------------------------------------

    def _train(self, pieces: list[_Piece], recipe: Recipe) -> None:
        """Train pieces side by side; each is kept as soon as all of its holdouts are answered."""
        holdouts = len(self._workspace.dataset.holdouts)
        works = [(piece, number) for piece in pieces for number in range(holdouts)]
        clock = LaneClock(self._workspace.numerics, max(1, len(works)))
        found: dict[str, list[_Found]] = {self._key(piece): [] for piece in pieces}

        def work(piece: _Piece, number: int) -> None:
            result = self._train_one(piece, number, recipe, clock)
            with self._making:
                parts = found[self._key(piece)]
                parts.append(result)
                if len(parts) == holdouts:
                    self._keep(piece, self._joined(parts))
                    for done in range(holdouts):
                        folder = self._workspace.layout.trial(self._trial(piece, done, recipe).id)
                        shutil.rmtree(folder, ignore_errors=True)

        side_by_side([partial(work, *pair) for pair in works], self._workspace.numerics)

    def _joined(self, parts: list[_Found]) -> _Found:
        """The answers to the rows of all holdouts, rows in ascending order."""
        dataset = self._workspace.dataset
        answers = np.full(len(dataset.fit), -1, dtype=np.int64)
        for part in parts:
            if part.failed is None:
                answers[part.scored] = part.answers
        return _Found(
            answers=answers[dataset.scored_rows],
            rows=float(np.mean([part.rows for part in parts])),
            cpu_seconds=sum(part.cpu_seconds for part in parts),
            wall_seconds=sum(part.wall_seconds for part in parts),
            failed=next((part.failed for part in parts if part.failed), None),
        )

    def _trial(self, piece: _Piece, number: int, recipe: Recipe) -> Trial:
        """A trial whose id follows from the arm, though its rows are not those of a selection."""
        workspace = self._workspace
        fold = workspace.dataset.holdouts[number][0]
        return Trial(
            recipe=recipe,
            selection=Selection(fold=fold),
            seed=piece.seed,
            data=hash_value([workspace.dataset.content_hash, piece.arm.key]),
            numerics=workspace.numerics.name,
        )

    def _train_one(self, piece: _Piece, number: int, recipe: Recipe, clock: LaneClock) -> _Found:
        trial = self._trial(piece, number, recipe)
        with self._making:  # the head is drawn from torch's shared generator
            member, stream = self._prepare(piece, number, trial)
        failed = None
        try:
            train([member], stream, None, partial(self._tell, trial.id), None, clock)
        except DivergedError as problem:
            failed = str(problem)
        with self._telling:
            self._shares[trial.id] = 1.0
        scored = self._workspace.dataset.holdouts[number][2]
        answers = np.full(len(scored), -1, dtype=np.int64)
        if failed is None:
            logits = score_rows(member.model, stream.source, scored, member.device)
            answers = logits.argmax(1)
        return _Found(
            answers=answers,
            rows=float(len(stream.fit)),
            cpu_seconds=member.progress.cpu_seconds,
            wall_seconds=member.progress.wall_seconds,
            scored=scored,
            failed=failed,
        )

    def _prepare(self, piece: _Piece, number: int, trial: Trial) -> tuple[Member, ClassStream]:
        from accelerate import Accelerator

        workspace, rows = self._workspace, self._set_of(piece.arm)
        fit = self._rows(piece, number)
        data = TrainingSet(
            targets=rows.targets,
            classes=len(workspace.dataset.labels),
            fit=fit,
            dev=fit[:0],
        )
        values = trial.recipe.phase.hyperparameters
        accelerator = Accelerator(cpu=not torch.cuda.is_available())
        member = classifying_member(
            trial,
            workspace.encoder,
            data,
            self._probe(piece.arm, fit) if values.head_init == "probe" else None,
            workspace.layout.trial(trial.id),
            accelerator,
            precision=workspace.numerics.precision,
            alone=workspace.numerics.lanes == 1,
        )
        stream = ClassStream(
            source=rows.source(member.starts_from),
            data=data,
            batch_size=values.per_device_train_batch_size,
            accumulation_steps=values.gradient_accumulation_steps,
            seed=trial.seed,
            device=accelerator.device,
        )
        return member, stream

    def _tell(self, trial: str, event: Event) -> None:
        """Progress as the share of all trainings; notices as they are."""
        with self._telling:
            if isinstance(event, Progress):
                self._shares[trial] = event.done / max(1, event.total)
                count = sum(len(self._pieces(arm)) for arm in self._arms)
                count *= len(self._workspace.dataset.holdouts)
                self._workspace.context.emit(
                    Progress(
                        activity=f"training {count} models",
                        done=round(_SHARE * sum(self._shares.values())),
                        total=_SHARE * count,
                    )
                )
            elif isinstance(event, Notice):
                self._workspace.context.emit(event)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What one training, or those of all holdouts, answered."""

    answers: np.ndarray
    rows: float
    cpu_seconds: float
    wall_seconds: float
    scored: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    failed: str | None = None


class _RowSet:
    """All rows that trainings of some arms choose from: those of the fit part, then added ones."""

    def __init__(
        self,
        workspace: Workspace,
        added: AddedRows | None,
        relabelled: dict[int, int],
        added_hash: str | None,
    ) -> None:
        self._workspace = workspace
        self.added = added
        self.key = hash_value([added_hash, sorted(relabelled.items())])
        targets = workspace.dataset.fit.targets.copy()
        for row, target in relabelled.items():
            targets[row] = target
        self.targets = targets
        if added is not None:
            self.targets = np.concatenate([targets, added.targets])

    @cached_property
    def vectors(self) -> np.ndarray:
        """Pooled vectors of all rows, float32 [rows, d]."""
        vectors = self._workspace.vectors(FIT)
        return vectors if self.added is None else joined_vectors(self._workspace, self.added)

    def source(self, depth: int) -> Source:
        """Stored states entering block `depth` where that is possible, else tokens."""
        workspace = self._workspace
        stored = depth > 0 and workspace.can_store(depth)
        if self.added is not None:
            return joined_source(workspace, self.added, depth if stored else None)
        if not stored:
            return workspace.token_source(FIT)
        workspace.vectors(FIT, depths=[depth])
        return workspace.outputs(FIT).states(depth)
