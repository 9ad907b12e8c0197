"""One small program for each trainer that `benchmarks.sft` measures.

Each runs in an interpreter of its own (`python -m benchmarks.sft_peers.trl JOB`), takes a JSON job
and prints a JSON result as its last line. They import nothing of Tunewright, so that a peer needs
only its own environment; `tunewright.py` is our side.
"""
