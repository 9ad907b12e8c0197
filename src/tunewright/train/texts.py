"""What the frozen base model makes of texts that are no part of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunewright.core.hashing import hash_value

if TYPE_CHECKING:
    from tunewright.train.source import FrozenOutputs
    from tunewright.train.workspace import Workspace


def outputs_of(workspace: Workspace, texts: Sequence[str]) -> FrozenOutputs:
    """Tokens, states and vectors of texts; what is computed is kept in the study's store."""
    from tunewright.models.tokens import tokenize
    from tunewright.train.source import FrozenOutputs

    return FrozenOutputs(
        store=workspace.store,
        encoder=workspace.encoder,
        tokens=tokenize(workspace.encoder.tokenizer, texts, workspace.max_length),
        tokens_hash=hash_value({"texts": list(texts), "max_length": workspace.max_length}),
        numerics=workspace.numerics.name,
    )
