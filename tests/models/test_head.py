"""The loss of the head in chunks, against the whole logits by the book."""

from __future__ import annotations

import pytest
import torch

from tunewright.models.head import head_losses, plain_losses


def _problem(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(13, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(29, 8, generator=generator, dtype=torch.float64)
    bias = torch.randn(29, generator=generator, dtype=torch.float64)
    return hidden, weight, bias, torch.randint(29, (13,), generator=generator)


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("with_bias", [False, True])
def test_chunks_give_the_loss_and_the_gradients_of_the_whole(
    trained: bool, smoothing: float, rows: int, with_bias: bool
) -> None:
    hidden, weight, bias, targets = _problem()
    weight.requires_grad_(trained)
    upstream = torch.linspace(0.1, 2.0, 13)
    found = []
    for losses in (
        head_losses(hidden, weight, bias if with_bias else None, targets, smoothing, 4 * 29 * rows),
        plain_losses(hidden, weight, bias if with_bias else None, targets, smoothing),
    ):
        hidden.grad = weight.grad = None
        (losses * upstream).sum().backward()
        assert hidden.grad is not None
        found.append((losses.detach(), hidden.grad.clone(), weight.grad))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-5, atol=1e-5)
    assert (found[0][2] is None) is not trained
    if trained:
        torch.testing.assert_close(found[0][2], found[1][2], rtol=1e-5, atol=1e-5)


def test_smoothing_by_hand() -> None:
    """Three words, logits (0, ln 2, ln 5): probabilities 1/8, 2/8, 5/8."""
    logits = torch.tensor([[0.0, float(torch.tensor(2.0).log()), float(torch.tensor(5.0).log())]])
    found = head_losses(logits, torch.eye(3), None, torch.tensor([2]), 0.3)
    p = torch.tensor([1.0, 2.0, 5.0]) / 8
    by_hand = -(0.7 * p[2].log() + 0.1 * p.log().sum())
    torch.testing.assert_close(found, by_hand[None])


def test_not_all_logits_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tunewright.models import head

    seen: list[int] = []
    original = head.linear

    def watched(hidden: torch.Tensor, *rest: torch.Tensor | None) -> torch.Tensor:
        seen.append(len(hidden))
        return original(hidden, *rest)

    monkeypatch.setattr(head, "linear", watched)
    hidden, weight, _, targets = _problem()
    head_losses(hidden, weight, None, targets, 0.0, 4 * 29 * 5).sum().backward()
    assert seen == [5, 5, 3]
