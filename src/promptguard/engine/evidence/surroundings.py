"""What stands right beside a match, on its line: words that call it an example.

Scanning only: when sanitizing, a word beside a value must not open the gate.
"""

from __future__ import annotations

import re

from promptguard.engine.matches import Candidate
from promptguard.model import Evidence

_EXAMPLE = re.compile(
    r"(?i)(?<![\w.])e\.g\.|\b(?:for )?example:|\b(?:for example|placeholder|dummy|fake|bogus|not a real|invalid)\b"
)


def judge(candidate: Candidate) -> Evidence | None:
    line = candidate.before[candidate.before.rfind("\n") + 1 :] + candidate.after.split("\n", 1)[0]
    if _EXAMPLE.search(line):
        return Evidence("surroundings", -0.7, "the line calls it an example")
    return None
