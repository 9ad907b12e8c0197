"""Shared contracts: errors, registry, configuration, hashing, files, events, units, seeds."""
