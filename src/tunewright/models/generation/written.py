"""What was written for one prompt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One answer."""

    token_ids: tuple[int, ...]
    """Without the token that ended it."""

    text: str
    """What the tokens stand for, up to the first stop text, special tokens left out. Under a
    constraint exactly the text that meets it."""

    ended: bool
    """Whether the model, a stop text or the constraint ended it; False where it was cut at the most
    tokens allowed."""

    end_id: int | None = None
    """The token that ended it, where one did."""

    log_probabilities: tuple[float, ...] = ()
    """Natural logarithm of the model's own probability of each token, the one that ended it
    included: before temperature, penalties and constraint."""

    prompt_tokens: int = 0
    """Read."""

    seconds: float = 0.0
    """Its share of the time of its batch."""

    problem: str | None = None
    """Why there is no answer, where one prompt alone failed."""

    @property
    def log_probability(self) -> float:
        """Of the whole answer."""
        return sum(self.log_probabilities)
