"""The command line: one file per command, found by its name. A command parses, calls the guard, prints and returns."""
