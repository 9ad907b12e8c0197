"""Writers in the engine: how the rows of a step are cut changes nothing, and they learn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.models.writers import make_writer_model
from tests.train.writing.helpers import prepared, run, token_rows, trial
from tunewright.models.writer import Writer
from tunewright.train.checkpoint import load_state
from tunewright.train.writing.batches import cut_by_tokens, pack, token_batches
from tunewright.train.writing.source import PaddedSource
from tunewright.train.writing.stream import row_losses


def test_it_learns_and_keeps_the_losses_of_every_dev_row(tmp_path: Path) -> None:
    rows = token_rows(60)
    member = run(rows, tmp_path, trial("full", num_train_epochs=6))
    losses = [record["dev_loss"] for record in member.progress.history]
    assert losses[-1] < 0.7 * losses[0]
    last = member.progress.history[-1]
    assert last["dev_score"] == pytest.approx(math.exp(-last["dev_loss"]))
    tensors, _ = load_state(tmp_path / "dev" / "epoch-6.safetensors")
    assert tensors["rows"].tolist() == list(range(48, 60))
    mean = float(tensors["losses"].sum() / tensors["weights"].sum())
    assert mean == pytest.approx(last["dev_loss"])


def test_row_losses_by_the_book(tmp_path: Path) -> None:
    rows = token_rows(7)
    model = make_writer_model("llama")
    source = PaddedSource(rows, rows.lengths, 0)
    found = row_losses(
        Writer(model),
        source,
        rows,
        np.array([5, 1, 6]),
        micro_batch_tokens=20,
        device=torch.device("cpu"),
    )
    assert found.rows.tolist() == [1, 5, 6]
    for row, loss, weight in zip(found.rows, found.losses, found.weights, strict=True):
        ids = torch.from_numpy(rows.ids.of_row(int(row)).astype(np.int64))
        logits = model(input_ids=ids[None]).logits[0]
        expected = cross_entropy(logits[1:-1], ids[2:], reduction="sum")
        assert loss == pytest.approx(float(expected), rel=1e-5)
        assert weight == len(ids) - 2


@pytest.mark.parametrize(
    "options",
    [{"packed": True}, {"micro_batch_tokens": 12}, {"packed": True, "micro_batch_tokens": 24}],
    ids=["packed", "in parts", "packed in parts"],
)
@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_however_a_step_is_cut_its_update_is_the_same(
    tmp_path: Path, strategy: str, options: dict[str, int]
) -> None:
    """In float64, where nothing but a mistake could make a difference."""
    rows, chosen = token_rows(), trial(strategy)
    model = make_writer_model("llama").double()
    plain = run(rows, tmp_path / "plain", chosen, model=model)
    cut = run(rows, tmp_path / "cut", chosen, model=model, **options)  # type: ignore[arg-type]
    for name, weight in plain.weights().items():
        torch.testing.assert_close(cut.weights()[name], weight, rtol=1e-4, atol=1e-5)
    assert cut.progress.history[-1]["train_loss"] == pytest.approx(
        plain.progress.history[-1]["train_loss"], rel=1e-6
    )


def test_accumulated_steps_are_those_of_one_large_batch(tmp_path: Path) -> None:
    """The same rows in one step, whatever the number of micro-batches they come in."""
    rows = token_rows()
    model = make_writer_model("llama").double()
    member, stream, _ = prepared(
        rows, tmp_path, trial("full", gradient_accumulation_steps=3), model=model
    )
    (first, *_) = stream.steps(0, 0)
    assert len(first) == 3
    weight = sum(batch.inputs.weight for batch in first)
    total = torch.zeros((), dtype=torch.float64)
    for batch in first:
        total = total + member._objective.loss(member.model, batch).total
    gradient = torch.autograd.grad(total / weight, member.model.head.weight)[0]  # type: ignore[attr-defined]
    chosen = np.concatenate([batch.rows for batch in first])
    together = stream.batch(chosen)
    loss = member._objective.loss(member.model, together)
    assert loss.count == weight
    expected = torch.autograd.grad(loss.total / loss.count, member.model.head.weight)[0]  # type: ignore[attr-defined]
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)


def test_a_step_of_tokens_holds_as_many_rows_as_fit(tmp_path: Path) -> None:
    rows = token_rows(80)
    _, stream, _ = prepared(rows, tmp_path, trial(tokens_per_step=40))
    counts = set()
    for epoch in range(3):
        batches = [batch.rows for step in stream.steps(epoch, 0) for batch in step]
        assert sorted(np.concatenate(batches).tolist()) == list(range(64))
        for batch in batches:
            assert len(batch) * rows.lengths[batch].max() <= 40
        counts.add(len(batches))
    assert counts == {stream.steps_per_epoch}


def test_batches_by_tokens_repeat_themselves_and_differ_between_epochs() -> None:
    lengths = np.random.default_rng(0).integers(1, 50, 200)
    first, again, other = (token_batches(lengths, 100, seed=1, epoch=e) for e in (0, 0, 1))
    assert [b.tolist() for b in first] == [b.tolist() for b in again]
    assert [b.tolist() for b in first] != [b.tolist() for b in other]


def test_cutting_and_packing_lose_no_row() -> None:
    lengths = np.random.default_rng(1).integers(1, 60, 300)
    order = np.argsort(lengths, kind="stable")
    parts = cut_by_tokens(order, lengths, 50)
    assert np.concatenate(parts).tolist() == order.tolist()
    rows = pack(lengths.tolist(), 64)
    assert sorted(place for row in rows for place in row) == list(range(300))
    assert all(sum(lengths[place] for place in row) <= 64 for row in rows)
    # Best-fit decreasing uses at most 11/9 of the least number of rows, and 1 (Johnson 1974).
    assert len(rows) <= 11 / 9 * -(-lengths.sum() // 64) + 1


def test_a_piece_longer_than_a_row_has_one_of_its_own() -> None:
    assert pack([5, 90, 4], 10) == [[1], [0, 2]]
    assert [p.tolist() for p in cut_by_tokens(np.arange(3), np.array([3, 4, 90]), 10)] == [
        [0, 1],
        [2],
    ]
