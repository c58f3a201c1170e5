"""Whether the checksum that a vendor puts into its tokens holds.

A right sum is close to proof. A wrong one only demotes: data sets replace characters, and vendors change algorithms.
"""

from __future__ import annotations

from promptguard.engine.matches import Candidate
from promptguard.model import Evidence
from promptguard.rules.checksums import agrees


def judge(candidate: Candidate) -> Evidence | None:
    if candidate.rule.checksum is None:
        return None
    algorithm, over, equals = candidate.rule.checksum
    covered, stated = candidate.groups[over], candidate.groups[equals]
    if covered is None or stated is None:
        return None
    if agrees(algorithm, covered, stated):
        return Evidence("checksum", 4.0, f"{algorithm} holds")
    return Evidence("checksum", -1.5, f"{algorithm} does not hold")
