"""The support actions sample: requests to a help desk, each with the command that grants it."""
