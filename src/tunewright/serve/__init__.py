"""Answers texts with a finished candidate."""
