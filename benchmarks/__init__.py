"""Measurements behind every figure in the documentation; see README.md here."""
