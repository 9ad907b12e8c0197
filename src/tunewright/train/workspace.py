"""What every job of a study works with: examples, model, tokens, frozen outputs.

Kept warm in the worker between jobs and built from plain values, so that a fresh worker gets the
same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core.config import Config
from tunewright.core.events import Progress
from tunewright.core.hashing import hash_bytes, hash_value
from tunewright.data.dataset import FIT, Dataset, Part, load_dataset
from tunewright.models.encoder import Encoder, load_encoder
from tunewright.models.layers import tail_matches
from tunewright.models.resolve import resolve_model
from tunewright.models.tokens import Tokens, tokenize
from tunewright.study.layout import StudyLayout
from tunewright.study.store import Draft, Store
from tunewright.tasks import TASKS, Task
from tunewright.train.numerics import Numerics
from tunewright.train.probe import PROBE_C, LinearProbe, fit_probe
from tunewright.train.source import FrozenOutputs, TokenSource
from tunewright.workers.base import Context

REFERENCE_NUMERICS = Numerics(matmul="default", precision="float32", attention="sdpa", threads=1)


class WorkspaceSpec(Config):
    """The plain values from which a workspace is built."""

    data: str
    """Content hash of the prepared data."""
    task: str = "classify"
    """Name of the task."""
    model: str
    """Name of the base model."""
    folder: str
    """The project folder, where a relative model path starts."""
    allow_network: bool = False
    """Whether the hub may be asked for the model."""
    max_length: int | None = None
    """Tokens at which a text is cut; the model's limit when not given."""
    numerics: dict[str, Any] | None = None
    """`Numerics.as_dict()`, once the calibration has been made."""
    store: bool = True
    """Whether states of the frozen part are kept and reused."""


@dataclass
class Workspace:
    """Built on first use, piece by piece."""

    context: Context
    spec: WorkspaceSpec

    @classmethod
    def of(cls, context: Context, spec: WorkspaceSpec) -> Workspace:
        """The warm workspace of this worker, or a new one when the values differ."""
        key = spec.content_hash()
        held = context.warm.get("workspace")
        if held is None or held[0] != key:
            context.warm["workspace"] = held = (key, cls(context, spec))
        workspace: Workspace = held[1]
        workspace.context = context
        return workspace

    @cached_property
    def layout(self) -> StudyLayout:
        return StudyLayout(self.context.study)

    @cached_property
    def dataset(self) -> Dataset:
        """The prepared examples."""
        return load_dataset(self.layout.data, self.spec.data)

    @cached_property
    def task(self) -> Task:
        return TASKS.get(self.spec.task)()

    @cached_property
    def numerics(self) -> Numerics:
        """How to compute; applied to this process when first asked for."""
        values = self.spec.numerics
        numerics = REFERENCE_NUMERICS if values is None else Numerics.from_dict(values)
        numerics.apply()
        return numerics

    @cached_property
    def encoder(self) -> Encoder:
        """The base model."""
        resolved = resolve_model(
            self.spec.model, Path(self.spec.folder), allow_network=self.spec.allow_network
        )
        return load_encoder(resolved, self.numerics.attention, self.spec.max_length)

    @property
    def max_length(self) -> int:
        """Tokens at which a text is cut."""
        return self.encoder.max_length

    @cached_property
    def store(self) -> Store:
        store = Store(self.layout.store)
        store.clear_drafts()
        return store

    def part(self, name: str) -> Part:
        """The fit or the test part."""
        return self.dataset.fit if name == FIT else self.dataset.test

    def texts(self, name: str) -> list[str]:
        """The rendered texts of a part."""
        return [self.task.render(inputs) for inputs in self.part(name).inputs]

    def tokens(self, name: str) -> Tokens:
        """Token ids of a part, tokenised once for each study."""

        def build(draft: Draft) -> None:
            tokens = tokenize(self.encoder.tokenizer, self.texts(name), self.max_length)
            draft.save("ids", tokens.ids)
            draft.save("offsets", tokens.offsets)
            draft.save("full_lengths", tokens.full_lengths)

        entry = self.store.get("tokens", self._tokens_origin(name), build)
        return Tokens(entry.array("ids"), entry.array("offsets"), entry.array("full_lengths"))

    def outputs(self, name: str) -> FrozenOutputs:
        """What the frozen model makes of a part."""
        return FrozenOutputs(
            store=self.store,
            encoder=self.encoder,
            tokens=self.tokens(name),
            tokens_hash=hash_value(self._tokens_origin(name)),
            numerics=self.numerics.name,
        )

    def vectors(self, name: str, depths: Sequence[int] = ()) -> np.ndarray:
        """Pooled vectors of a part; states at `depths` are kept in the same pass."""
        outputs = self.outputs(name)

        def on_progress(done: int, total: int) -> None:
            self.context.emit(Progress(activity="encoding texts", done=done, total=total))

        outputs.ensure(list(depths), on_progress)
        return outputs.vectors()

    def probe(self, rows: np.ndarray) -> LinearProbe:
        """The linear probe of some rows of the fit part, fitted once for each set of rows."""
        dataset = self.dataset
        classes = len(dataset.labels)

        def build(draft: Draft) -> None:
            vectors = self.vectors(FIT)[rows]
            probe = fit_probe(vectors, dataset.fit.targets[rows], classes, PROBE_C)
            draft.save("weight", probe.weight_cd)
            draft.save("bias", probe.bias_c)

        made_from = {
            **self._tokens_origin(FIT),
            "rows": hash_bytes(np.ascontiguousarray(rows, dtype=np.int64).tobytes()),
            "numerics": self.numerics.name,
            "c": PROBE_C,
        }
        entry = self.store.get("probe", made_from, build)
        return LinearProbe(np.array(entry.array("weight")), np.array(entry.array("bias")))

    def token_source(self, name: str) -> TokenSource:
        """Inputs of a part from token ids."""
        return TokenSource.of(self.tokens(name), self.encoder)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Pooled vectors of any texts, float32 [n, d]."""
        return embed_texts(self.encoder, texts)

    def can_store(self, depth: int) -> bool:
        """Whether states entering block `depth` can be kept and run on from."""
        key = f"tail-{self.encoder.resolved.content_hash}-{depth}"
        if key not in self.context.warm:
            self.context.warm[key] = tail_matches(self.encoder.backbone, depth)
        return self.spec.store and bool(self.context.warm[key])

    def _tokens_origin(self, name: str) -> dict[str, Any]:
        return {
            "data": self.dataset.content_hash,
            "part": name,
            "model": self.encoder.resolved.content_hash,
            "renderer": self.task.renderer,
            "max_length": self.max_length,
        }


def embed_texts(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    """Pooled vectors of texts by the frozen model, float32 [n, d]."""
    import torch

    from tunewright.train.batches import scoring_batches
    from tunewright.train.source import SCORING_BATCH

    source = TokenSource.of(tokenize(encoder.tokenizer, texts, encoder.max_length), encoder)
    vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
    with torch.inference_mode():
        for rows in scoring_batches(source.lengths, SCORING_BATCH):
            inputs = source.inputs(rows)
            assert inputs.input_ids_bt is not None
            vectors[rows] = encoder.pooled(inputs.input_ids_bt, inputs.mask_bt).numpy()
    return vectors
