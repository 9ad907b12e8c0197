"""Training of models that write: rows of tokens, batches, dev losses, worker jobs."""
