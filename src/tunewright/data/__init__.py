"""Reads a person's files into examples: nothing is lost, and every row not used says why."""
