"""What every job of a study of a writer works with: rows, model, renderer, tokens, kept states.

Kept warm in the worker between jobs and built from plain values, so that a fresh worker gets the
same.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from tunewright.core.config import Config
from tunewright.core.events import Progress
from tunewright.core.hashing import hash_value
from tunewright.data.contents import ContentDataset, load_contents
from tunewright.data.dataset import FIT
from tunewright.models.chat import ChatModel, load_chat_model
from tunewright.models.layers import states_at
from tunewright.models.resolve import ResolvedModel, resolve_model
from tunewright.models.writer import Writer
from tunewright.models.writing import load_writing_model
from tunewright.study.layout import StudyLayout
from tunewright.study.store import Draft, Store
from tunewright.tasks.generate.config import RenderingConfig
from tunewright.tasks.generate.renderer import Renderer
from tunewright.train.numerics import Numerics
from tunewright.train.processes.ranks import ALONE, Ranks
from tunewright.train.workspace import REFERENCE_NUMERICS
from tunewright.train.writing.batches import cut_by_tokens
from tunewright.train.writing.execution import Execution
from tunewright.train.writing.rows import Ragged, TokenRows, token_rows
from tunewright.train.writing.source import PackedSource, PaddedSource, StoredSource, WritingSource
from tunewright.workers.base import Context

STORING_TOKENS = 4096
"""Tokens of a batch of the pass that fills the store."""


class WritingSpec(Config):
    """The plain values from which a workspace is built."""

    data: str
    """Content hash of the prepared data."""
    model: str
    """Name of the base model."""
    folder: str
    """The project folder, where a relative model path starts."""
    allow_network: bool = False
    """Whether the hub may be asked for the model."""
    max_length: int | None = None
    """Tokens of a row; the model's limit when not given."""
    rendering: RenderingConfig = RenderingConfig()
    """How rows become tokens."""
    template_source: str | None = None
    """Text of the template file that `rendering.template` names, where it names one."""
    numerics: dict[str, Any] | None = None
    """`Numerics.as_dict()`, once the calibration has been made."""
    execution: Execution = Execution()
    """How steps are computed, once the planner has chosen."""
    store: bool = True
    """Whether states of the frozen part are kept and reused."""
    quantization: Literal["4bit", "8bit"] | None = None
    """In what the frozen base model is kept in memory."""


@dataclass
class WritingWorkspace:
    """Built on first use, piece by piece."""

    context: Context
    spec: WritingSpec
    ranks: Ranks = ALONE
    """The processes of which this one is part."""

    @classmethod
    def of(cls, context: Context, spec: WritingSpec) -> WritingWorkspace:
        """The warm workspace of this worker, or a new one when the values differ."""
        key = spec.content_hash()
        held = context.warm.get("writing")
        if held is None or held[0] != key:
            context.warm["writing"] = held = (key, cls(context, spec))
        workspace: WritingWorkspace = held[1]
        workspace.context = context
        return workspace

    @cached_property
    def layout(self) -> StudyLayout:
        return StudyLayout(self.context.study)

    @cached_property
    def dataset(self) -> ContentDataset:
        """The prepared rows."""
        return load_contents(self.layout.data, self.spec.data)

    @cached_property
    def numerics(self) -> Numerics:
        """How to compute; applied to this process when first asked for."""
        values = self.spec.numerics
        numerics = REFERENCE_NUMERICS if values is None else Numerics.from_dict(values)
        numerics.apply()
        return numerics

    @cached_property
    def resolved(self) -> ResolvedModel:
        """The folder of the base model."""
        return resolve_model(
            self.spec.model, Path(self.spec.folder), allow_network=self.spec.allow_network
        )

    @cached_property
    def chat(self) -> ChatModel:
        """The tokenizer and the templates of the model."""
        return load_chat_model(self.resolved.path)

    @cached_property
    def renderer(self) -> Renderer:
        """The one renderer."""
        return Renderer(
            self.chat.tokenizer,
            self.chat.templates,
            self.spec.rendering,
            self.spec.template_source,
            two_sequences=self.chat.two_sequences,
        )

    @property
    def max_length(self) -> int:
        """Tokens of a row."""
        return min(self.spec.max_length or self.chat.max_length, self.chat.max_length)

    @property
    def device(self) -> torch.device:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Model and tokenizer; loaded once for each worker, whatever else changes."""
        key = f"model-{self.resolved.content_hash}-{self.spec.quantization}"
        if key not in self.context.warm:
            model, tokenizer = load_writing_model(
                self.resolved.path,
                two_sequences=True,
                device=self.device.type,
                quantization=self.spec.quantization,
            )
            model.requires_grad_(False)
            self.context.warm[key] = (model, tokenizer)
        model, tokenizer = self.context.warm[key]
        with suppress(ValueError, ImportError, AttributeError):  # a family that has no such kernel
            model.set_attn_implementation(self.numerics.attention)
        return model, tokenizer

    @property
    def model(self) -> Any:
        """The base model as transformers loads it, frozen; nobody changes it."""
        return self._loaded[0]

    def forget_model(self) -> None:
        """Let go of the base model; it is loaded again when it is asked for."""
        self.__dict__.pop("_loaded", None)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer as transformers loads it."""
        return self._loaded[1]

    @property
    def pad_id(self) -> int:
        """What rows are filled up with. Nothing reads it, but it has to be a word of the model: a
        tokenizer may have got a token for it that the model has no row for."""
        pad = int(self.tokenizer.pad_token_id or 0)
        return pad if pad < int(self.model.get_input_embeddings().weight.shape[0]) else 0

    @property
    def start_id(self) -> int | None:
        """What a decoder begins with; None for a causal model."""
        if not self.chat.two_sequences:
            return None
        start = self.model.config.decoder_start_token_id
        return int(self.pad_id if start is None else start)

    @cached_property
    def store(self) -> Store:
        store = Store(self.layout.store)
        if self.ranks.leads:
            store.clear_drafts()
        return store

    @cached_property
    def rows(self) -> TokenRows:
        """The rows that may be learned from or chosen by, as tokens; made once for each study."""

        def tell(done: int, total: int) -> None:
            self.context.emit(Progress(activity="rendering rows", done=done, total=total))

        def build(draft: Draft) -> None:
            made = token_rows(self.renderer, self.dataset.fit.contents, self.max_length, tell)
            parts = {"ids": made.ids, "weights": made.weights, "source": made.source}
            for name, part in parts.items():
                if part is not None:
                    draft.save(name, part.values)
                    draft.save(f"{name}_offsets", part.offsets)
            draft.save("example", made.example)
            draft.save("outcomes", np.array([made.outcomes.get(n, 0) for n in OUTCOMES]))

        entry = self.ranks.first(
            f"rows-{self.rows_hash}", lambda: self.store.get("rows", self._rows_origin, build)
        )

        def part(name: str) -> Ragged:
            return Ragged(values=entry.array(name), offsets=entry.array(f"{name}_offsets"))

        counts = entry.array("outcomes").tolist()
        return TokenRows(
            ids=part("ids"),
            weights=part("weights"),
            source=part("source") if self.chat.two_sequences else None,
            example=np.array(entry.array("example")),
            outcomes={n: c for n, c in zip(OUTCOMES, counts, strict=True) if c},
        )

    def source(self, *, packed: bool = False, depth: int = 0) -> WritingSource:
        """Inputs of all pieces.

        Args:
            packed: one behind the other instead of side by side.
            depth: block whose input is taken from the store; 0 for the token ids.
        """
        lengths = self.rows.lengths
        if depth > 0:
            return StoredSource(self.rows, lengths, self.states(depth), depth)
        if packed:
            return PackedSource(self.rows, lengths)
        return PaddedSource(self.rows, lengths, self.pad_id, self.start_id)

    def can_store(self, depth: int) -> bool:
        """Whether the states entering block `depth` can be kept and run on from."""
        if not self.spec.store or self.chat.two_sequences or depth < 1:
            return False
        key = f"tail-{self.resolved.content_hash}-{depth}"
        if key not in self.context.warm:
            self.context.warm[key] = Writer(self.model).runs_from(depth)
        return bool(self.context.warm[key])

    def states(self, depth: int) -> Ragged:
        """The states entering block `depth` of every token that is read, computed once (exact)."""
        ids = self.rows.ids
        lengths = ids.lengths - 1
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        dim = int(self.model.config.hidden_size)
        made_from = {
            **self._rows_origin,
            "depth": depth,
            "numerics": self.numerics.name,
            # The frozen part is kept in bfloat16 on a GPU, in float32 elsewhere.
            "base": self.spec.quantization or str(self.model.dtype),
        }

        def build(drafts: list[Draft]) -> None:
            kept = drafts[0].create("states", (int(offsets[-1]), dim), np.float32)
            self._fill(kept, offsets, depth)
            kept.flush()  # type: ignore[attr-defined]  # a memmap

        need = int(offsets[-1]) * dim * 4
        self.ranks.first(
            f"states-{hash_value(made_from)}",
            lambda: self.store.build_missing([("states", made_from)], build, need),
        )
        return Ragged(values=self.store.entry("states", made_from).array("states"), offsets=offsets)

    def _fill(self, kept: np.ndarray, offsets: np.ndarray, depth: int) -> None:
        source = PaddedSource(self.rows, self.rows.lengths, self.pad_id)
        lengths = self.rows.lengths
        order, done = np.argsort(lengths, kind="stable"), 0
        with torch.inference_mode():
            for rows in cut_by_tokens(order, lengths, STORING_TOKENS):
                ids_bt = source.inputs(rows).to(self.device).input_ids_bt
                assert ids_bt is not None
                found, _ = states_at(self.model.base_model, [depth], ids_bt, None)
                values = found[depth].float().cpu().numpy()
                for place, row in enumerate(rows):
                    start, end = offsets[row], offsets[row + 1]
                    kept[start:end] = values[place, : end - start]
                done += int(lengths[rows].sum())
                self.context.emit(
                    Progress(
                        activity="running the frozen part", done=done, total=int(lengths.sum())
                    )
                )

    @property
    def _rows_origin(self) -> dict[str, Any]:
        return {
            "data": self.dataset.content_hash,
            "part": FIT,
            "model": self.resolved.content_hash,
            "renderer": self.renderer.renderer,
            "on_too_long": self.spec.rendering.on_too_long,
            "max_length": self.max_length,
            "version": 1,
        }

    @property
    def rows_hash(self) -> str:
        """Of what the pieces follow from."""
        return hash_value(self._rows_origin)


OUTCOMES = ("whole", "trimmed", "split", "dropped", "unrenderable", "nothing_learned")
