"""Evidence: what speaks for and against a candidate, one kind per file; `weigh.py` adds it up."""
