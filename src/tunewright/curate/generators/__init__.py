"""Models that write text, for synthesis and augmentation: a folder here, or an endpoint."""
