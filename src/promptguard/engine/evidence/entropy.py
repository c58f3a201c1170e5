"""How much a value varies, in bits per character, against what its rule expects."""

from __future__ import annotations

import math
from collections import Counter

from promptguard.engine.matches import Candidate
from promptguard.model import Evidence


def bits_per_character(value: str) -> float:
    """Shannon's entropy of the value's own characters."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


def judge(candidate: Candidate) -> Evidence | None:
    expected = candidate.rule.entropy
    if expected is None:
        return None
    short = expected - bits_per_character(candidate.value)
    if short <= 0:
        return None
    return Evidence("entropy", -min(4.0, 1.0 + 3.0 * short), f"{short:.1f} bits per character below what is usual")
