"""Base models: where they come from, what may be opened, and how a layer range of one is run."""
