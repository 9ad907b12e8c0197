"""Tokens that a base model has never learned are told from those that it has."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tunewright.models.unlearned import tokens_alike

WORDS, WIDTH = 60, 24


def head(*, bias: bool = False) -> nn.Linear:
    """A head of random rows."""
    torch.manual_seed(0)
    return nn.Linear(WIDTH, WORDS, bias=bias)


def test_tokens_of_random_or_learned_rows_are_like_no_other() -> None:
    assert [tokens_alike(head(), token) for token in range(WORDS)] == [0] * WORDS


def test_rows_that_training_only_pushed_away_are_found() -> None:
    """A head is trained to write the first 40 of 60 tokens; the others are never a target."""
    found = head()
    nn.init.normal_(found.weight, std=0.02)
    optimizer = torch.optim.Adam(found.parameters(), lr=0.05)
    torch.manual_seed(1)
    states, targets = torch.randn(400, WIDTH) + 1.0, torch.arange(400) % 40
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(found(states), targets).backward()
        optimizer.step()
    assert [tokens_alike(found, token) for token in range(40)] == [0] * 40
    assert [tokens_alike(found, token) for token in range(40, 60)] == [19] * 20


def test_a_copy_on_purpose_and_rows_told_apart_by_their_bias_are_no_alarm() -> None:
    found = head(bias=True)
    with torch.no_grad():
        found.weight[1] = found.weight[0]  # a token for padding, made like the end
        found.bias[1] = found.bias[0]
        found.weight[10:20] = found.weight[10]
        found.bias[10:20] = torch.arange(10.0)
    assert tokens_alike(found, 0) == 0
    assert tokens_alike(found, 10) == 0


@pytest.mark.parametrize("rows", [3, 8])
def test_rows_of_zeros_are_alike(rows: int) -> None:
    found = head()
    with torch.no_grad():
        found.weight[-rows - 1 :] = 0.0  # as of a vocabulary made longer
    assert tokens_alike(found, WORDS - 1) == rows
