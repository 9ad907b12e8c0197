"""The study folder: its places, its ledger and its store of computed arrays."""
