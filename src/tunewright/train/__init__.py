"""The engine: runs one recipe on one selection of the data with one seed."""
