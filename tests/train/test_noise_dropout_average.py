"""Noise on embeddings, dropout that is one number, averaged weights: against closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.models.writers import FAMILIES, make_writer_model
from tests.train.writing import helpers
from tunewright.models.writer import Sequences, Writer
from tunewright.train.averaging import WeightAverage
from tunewright.train.checkpoint import load_state
from tunewright.train.dropout import DropoutStream, set_dropout, use_stream
from tunewright.train.noise import EmbeddingNoise, lengths_of_tokens
from tunewright.train.writing.source import PackedSource, PaddedSource


class TestAverage:
    @pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
    def test_closed_form(self, decay: float) -> None:
        """The weighted mean of all weights after an update, the weight decay^(t - s)."""
        steps = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
        weight = torch.full((3,), 1e6)  # the start has no part in it
        average = WeightAverage({"w": weight}, decay)
        for value in steps:
            weight.copy_(value)
            average.update()
        share = decay ** torch.arange(11, -1, -1, dtype=torch.float64)
        expected = (share[:, None] * steps.double()).sum(0) / share.sum()
        with average.in_place():
            torch.testing.assert_close(weight.double(), expected, rtol=1e-5, atol=1e-6)
        assert torch.equal(weight, steps[-1])

    def test_torch_does_the_same_from_the_first_update_on(self) -> None:
        """torch's has the bias that ours is without: a start with the weight decay^t."""
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        model = nn.Linear(2, 2, bias=False)
        weights = {"w": model.weight}
        ours, count, decay = WeightAverage(weights, 0.8), 9, 0.8
        theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        nn.init.zeros_(theirs.module.weight)  # type: ignore[arg-type]
        theirs.n_averaged += 1
        for step in range(count):
            generator = torch.Generator().manual_seed(step)
            with torch.no_grad():
                model.weight.copy_(torch.randn(2, 2, generator=generator))
            ours.update()
            theirs.update_parameters(model)
        with ours.in_place():
            corrected = theirs.module.weight / (1 - decay**count)
            torch.testing.assert_close(model.weight, corrected)

    def test_it_is_judged_and_kept(self, tmp_path: Path) -> None:
        rows = helpers.token_rows(40)
        chosen = helpers.trial("full", ema_decay=0.8, lr_scheduler_type="constant")
        member, stream, judge = helpers.prepared(rows, tmp_path, chosen)
        from tunewright.train.engine import train

        train([member], stream, judge, lambda event: None)
        raw = {name: weight.detach().clone() for name, weight in member.weights().items()}
        member.load_judged()
        kept = {name: weight.detach().clone() for name, weight in member.weights().items()}
        assert not all(torch.equal(kept[name], raw[name]) for name in raw)
        member.model.eval()
        loss = judge(member.model).loss
        assert loss == pytest.approx(member.progress.history[-1]["dev_loss"], rel=1e-6)
        best, _ = load_state(tmp_path / "best" / f"epoch-{member.progress.best_epoch}.safetensors")
        assert all(torch.equal(best[name], kept[name]) for name in kept)


def _inputs(family: str, rows: list[int], *, packed: bool = False) -> Sequences:
    made = helpers.token_rows(20)
    if family in ("t5", "bart"):
        ids_bs = torch.arange(3, 13).view(1, 10).repeat(2, 1)
        mask_bs = torch.ones_like(ids_bs)
        mask_bs[1, 6:] = 0
        return Sequences(
            source_ids_bs=ids_bs,
            source_mask_bs=mask_bs,
            input_ids_bt=torch.arange(4, 12).view(2, 4),
            places_n=torch.tensor([1, 2, 5]),
            targets_n=torch.tensor([5, 6, 7]),
            weights_n=torch.ones(3),
            weight=3.0,
        )
    kind = PackedSource(made, made.lengths) if packed else PaddedSource(made, made.lengths, 0)
    return kind.inputs(np.array(rows))


class TestNoise:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_only_during_a_step_and_repeatable(self, family: str) -> None:
        writer = Writer(make_writer_model(family))
        inputs = _inputs(family, [0, 1, 2])
        calm = writer(inputs)
        stream = DropoutStream(1, alone=True)
        noise = EmbeddingNoise(writer.backbone, 50.0, stream)
        assert torch.equal(writer(inputs), calm)
        found = []
        for step in (4, 4, 5):
            stream.restart(step, 0)
            with noise.during(inputs):
                found.append(writer(inputs))
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])
        assert not torch.allclose(found[0], calm)
        noise.remove()
        with noise.during(inputs):
            assert torch.equal(writer(inputs), calm)

    @pytest.mark.parametrize("family", ["t5", "bart"])
    def test_the_decoder_is_not_disturbed(self, family: str) -> None:
        writer = Writer(make_writer_model(family))
        noise = EmbeddingNoise(writer.backbone, 5.0, DropoutStream(1, alone=True))
        inputs = _inputs(family, [])
        looked_up: list[tuple[torch.Tensor, torch.Tensor, nn.Module]] = []
        parts = (writer.backbone.get_encoder(), writer.backbone.get_decoder())
        for module in {part.get_input_embeddings() for part in parts}:
            module.register_forward_hook(lambda m, a, out: looked_up.append((a[0], out, m)))
        with noise.during(inputs):
            writer(inputs)
        changed = {
            ids.shape[1]: not torch.equal(found, module.forward(ids))
            for ids, found, module in looked_up
        }
        assert changed == {10: True, 4: False}

    def test_the_bound_follows_the_real_length(self) -> None:
        """alpha / sqrt(L d), row by row, and the noise fills it evenly."""
        embeddings = nn.Embedding(40, 25)
        backbone = _Reader(embeddings)
        noise = EmbeddingNoise(backbone, 5.0, DropoutStream(1, alone=True))
        rows = helpers.token_rows(20)
        lengths = rows.lengths - 1
        for packed in (False, True):
            chosen = np.array([3, 8, 1])
            inputs = _inputs("llama", chosen.tolist(), packed=packed)
            ids = inputs.input_ids_bt
            assert ids is not None
            ids = ids.remainder(40)
            inputs = Sequences(
                **{n: getattr(inputs, n) for n in inputs.__slots__} | {"input_ids_bt": ids}
            )
            largest = torch.zeros(ids.shape)
            total = torch.zeros(ids.shape)
            for _ in range(60):
                with noise.during(inputs):
                    added = (embeddings(ids) - embeddings.weight[ids]).detach().abs()
                largest = torch.maximum(largest, added.amax(-1))
                total += added.mean(-1) / 60
            for place, row in enumerate(chosen):
                start = int(lengths[chosen[:place]].sum()) if packed else place * ids.shape[1]
                own = slice(start, start + int(lengths[row]))
                bound = 5.0 / (lengths[row] * 25) ** 0.5
                assert (largest.flatten()[own] <= bound + 1e-6).all()
                assert (largest.flatten()[own] > 0.95 * bound).all()
                torch.testing.assert_close(
                    total.flatten()[own],
                    torch.full((int(lengths[row]),), bound / 2),
                    rtol=0.1,
                    atol=0,
                )
                if not packed:
                    assert (largest[place, int(lengths[row]) :] == 0).all()

    def test_masks_are_lengths_too(self) -> None:
        inputs = _inputs("t5", [])
        ids, lengths = lengths_of_tokens(inputs)
        assert ids is inputs.source_ids_bs
        assert lengths.tolist() == [[10.0] * 10, [6.0] * 6 + [0.0] * 4]

    def test_a_training_is_disturbed_and_its_scores_are_not(self, tmp_path: Path) -> None:
        rows = helpers.token_rows(30)
        found = {}
        for alpha in (None, 5.0):
            chosen = helpers.trial("lora", neftune_noise_alpha=alpha)
            found[alpha] = helpers.run(rows, tmp_path / str(alpha), chosen)
        assert found[None].starts_from == 0
        assert found[5.0].starts_from == -1
        assert found[5.0].lowest_trained_layer == 0
        losses = {a: m.progress.history[0]["train_loss"] for a, m in found.items()}
        assert losses[None] != losses[5.0]
        _, _, judge = helpers.prepared(rows, tmp_path / "5.0", helpers.trial("lora"))
        noisy = found[5.0]
        noisy.model.eval()
        last = noisy.progress.history[-1]["dev_loss"]
        assert judge(noisy.model).loss == pytest.approx(last, rel=1e-6)


class _Reader(nn.Module):
    """As much of a backbone as the noise asks for."""

    class config:  # noqa: N801
        is_encoder_decoder = False

    def __init__(self, embeddings: nn.Embedding) -> None:
        super().__init__()
        self.embeddings = embeddings

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings


DROPPING = {
    "llama": {"attention_dropout": 0.3},
    "qwen2": {"attention_dropout": 0.3},
    "gemma2": {"attention_dropout": 0.3},
    "granite": {"attention_dropout": 0.3},
}


class TestDropout:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_zero_is_none_at_all(self, family: str) -> None:
        """Those of the families whose default is not zero drop; at 0 nothing does."""
        base = make_writer_model(family, **DROPPING.get(family, {}))
        inputs = _inputs(family, [0, 1, 2])
        for strategy in ("full", "lora"):
            found = []
            for probability in (None, 0.0, 0.4):
                writer = Writer(base)
                parts = [writer.backbone] if strategy == "full" else writer.blocks
                if probability is not None:
                    set_dropout(parts, probability)
                use_stream(parts, stream := DropoutStream(3, alone=True))
                stream.restart(0, 0)
                calm = writer.eval()(inputs)
                for part in parts:
                    part.train()
                found.append(torch.equal(writer(inputs), calm))
            assert found == [False, True, False], strategy

    def test_what_is_read_from_the_configuration(self) -> None:
        """Falcon reads it in each forward; the file beside the weights still says what it said."""
        from transformers import FalconConfig, FalconForCausalLM

        torch.manual_seed(0)
        config = FalconConfig(
            vocab_size=61, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
            hidden_dropout=0.4, attention_dropout=0.4,
        )  # fmt: skip
        base = FalconForCausalLM(config).eval()
        inputs = _inputs("llama", [0, 1])
        found = []
        for probability in (None, 0.0):
            writer = Writer(base)
            calm = writer(inputs)
            if probability is not None:
                set_dropout(writer.blocks, probability)
            for block in writer.blocks:
                block.train()
            found.append(torch.equal(writer(inputs), calm))
        assert found == [False, True]
        assert writer.model.config.hidden_dropout == base.config.hidden_dropout == 0.4
        assert base.transformer.h[0].config.hidden_dropout == 0.4

    def test_that_of_adapters_stays(self) -> None:
        from tunewright.strategies.base import build_strategy

        writer = Writer(make_writer_model("llama"))
        build_strategy("lora", {"lora_dropout": 0.25}).prepare(writer)
        set_dropout(writer.blocks, 0.1)
        rates = {m.p for m in writer.blocks[0].modules() if isinstance(m, nn.Dropout)}
        assert rates == {0.25}
        assert writer.blocks[0].self_attn.attention_dropout == 0.1
