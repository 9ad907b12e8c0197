"""Ten steps of training on a tiny random encoder: shows that the machinery works."""

from __future__ import annotations

import time
from typing import Any

import torch

from tunewright.workers.base import Context, JobHandler

_STEPS = 10


class SelfTest(JobHandler):
    """Payload: nothing. Returns the first and the last loss."""

    def run(self, context: Context, payload: dict[str, Any]) -> dict[str, Any]:
        from transformers import BertConfig, BertModel

        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
        )
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model: torch.nn.Module = BertModel(config, add_pooling_layer=False)
        model.to(device)
        head = torch.nn.Linear(32, 2).to(device)
        optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=1e-2)
        ids = torch.randint(3, 50, (16, 8), device=device)
        targets = (ids[:, 0] > 25).long()
        start = time.perf_counter()
        losses = []
        for _ in range(_STEPS):
            logits = head(model(input_ids=ids).last_hidden_state.mean(1))
            loss = torch.nn.functional.cross_entropy(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return {
            "steps": _STEPS,
            "first_loss": losses[0],
            "last_loss": losses[-1],
            "device": str(device),
            "seconds": time.perf_counter() - start,
        }
