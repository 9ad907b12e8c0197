"""Scores of answers and the statistics between them: pure functions of arrays and a seed."""
