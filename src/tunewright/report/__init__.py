"""The report: one self-contained page drawn from the evidence and the verdict."""
