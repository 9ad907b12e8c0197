"""Writing texts with a model: batches, kept keys and values, shared beginnings, constraints."""
