"""What was accepted before, so that a scan speaks of the rest: allow comments in the text, and a file of findings.

The one rule: only scanning looks here. The sanitizer, hooks and scrubbing never do.
"""
