"""The command line: parses, calls, shows. No logic of its own."""
