"""How a writer's steps are computed here: chosen once for each study, by the planner."""

from __future__ import annotations

from tunewright.core.config import Config
from tunewright.models.head import CHUNK_BYTES
from tunewright.train.engine import MICRO_BATCH_TOKENS


class Execution(Config):
    """The choices. None of them changes what is learned, but for rounding."""

    micro_batch_tokens: int = MICRO_BATCH_TOKENS
    """Tokens that are computed at once, padding included."""
    packing: bool = False
    """Whether rows stand one behind the other instead of side by side."""
    head_bytes: int = CHUNK_BYTES
    """Most bytes of logits at a time: those of all trained positions of a micro-batch where they
    fit, chunks otherwise."""
    gradient_checkpointing: bool = False
    """Whether activations inside blocks are computed anew in the backward (Chen et al. 2016)."""
    offload: bool = False
    """Whether what the backward needs waits in the main memory of the machine. GPU only."""
    reasons: tuple[str, ...] = ()
    """One sentence for each choice, with its numbers."""

    @property
    def name(self) -> str:
        """A key for what is computed this way: other batches round differently."""
        kind = "packed" if self.packing else "padded"
        again = "-again" if self.gradient_checkpointing else ""
        return f"{kind}-{self.micro_batch_tokens}{again}"
