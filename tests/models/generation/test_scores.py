"""Drawing, against the softmax and against what transformers filters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.stats import chisquare

from tunewright.models.generation.config import GenerationConfig
from tunewright.models.generation.scores import NEVER, Seen, Streams, filtered


def drawing(**settings: Any) -> GenerationConfig:
    return GenerationConfig(do_sample=True, **settings)


def test_draws_follow_the_softmax() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0, 2.0, NEVER]])
    draws, rows = 400, 20
    streams = Streams(range(rows))
    counts = torch.zeros(5)
    scores = filtered(logits, drawing(temperature=0.7)).expand(rows, -1)
    for _ in range(draws):
        counts += torch.bincount(streams.noisy(scores).argmax(-1), minlength=5)
    wanted = torch.softmax(logits[0] / 0.7, 0) * draws * rows
    assert counts[4] == 0
    assert (
        chisquare(counts[:4].numpy(), wanted[:4].numpy().astype(float), sum_check=False).pvalue
        > 0.01
    )
    flat = torch.softmax(logits[0], 0) * draws * rows
    assert (
        chisquare(counts[:4].numpy(), flat[:4].numpy().astype(float), sum_check=False).pvalue < 1e-6
    )


def test_a_stream_is_its_rows_own() -> None:
    scores = torch.zeros(3, 50)
    streams, alone = Streams([7, 8, 9]), Streams([9])
    first = streams.noisy(scores)
    assert torch.equal(first[2:], alone.noisy(scores[:1]))
    streams.keep([2])
    assert torch.equal(streams.noisy(scores[:1]), alone.noisy(scores[:1]))


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 3},
        {"top_p": 0.6},
        {"min_p": 0.2},
        {"temperature": 0.5, "top_k": 10, "top_p": 0.9, "min_p": 0.05},
        {"temperature": 2.0, "top_p": 0.01},
    ],
)
def test_filters_are_those_of_transformers(settings: dict[str, Any]) -> None:
    from transformers.generation import logits_process as known

    torch.manual_seed(0)
    logits = torch.randn(6, 30) * 3
    wanted = known.TemperatureLogitsWarper(settings.get("temperature", 1.0))(None, logits)
    if "top_k" in settings:
        wanted = known.TopKLogitsWarper(settings["top_k"])(None, wanted)
    if "top_p" in settings:
        wanted = known.TopPLogitsWarper(settings["top_p"])(None, wanted)
    if "min_p" in settings:
        wanted = known.MinPLogitsWarper(settings["min_p"])(None, wanted)
    found = filtered(logits, drawing(**settings))
    assert torch.equal(found, wanted)
    assert (found == NEVER).any() and (found > NEVER).any(1).all()


def test_tokens_that_were_said_are_penalised() -> None:
    seen = Seen([[0, 2], [1]], 4, torch.device("cpu"))
    scores = torch.tensor([[2.0, 2.0, -2.0, 1.0], [2.0, 2.0, -2.0, 1.0]])
    wanted = torch.tensor([[1.0, 2.0, -4.0, 1.0], [2.0, 1.0, -2.0, 1.0]])
    assert torch.equal(seen.penalised(scores, 2.0), wanted)
    seen.add([3, 3])
    seen.keep([1])
    assert seen.penalised(scores[:1], 2.0).tolist() == [[2.0, 1.0, -2.0, 0.5]]
