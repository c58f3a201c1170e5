"""Weighing: what speaks for and against a candidate, one kind per file, added up as log-odds.

The one rule: evidence moves the score and never drops a candidate; only the rule's own `deny` does that. A kind is a
function `Candidate -> Evidence | None`, cheap kinds first; `surroundings` and `paths` look at more than the value
and its rule's own window, and take no part when sanitizing, where text from outside must not be able to open the gate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from promptguard.engine.matches import Candidate
from promptguard.engine.evidence import assignment, checksum, entropy, paths, placeholder, structure, surroundings
from promptguard.engine.evidence.tokens import TokenCounter, token_ratio
from promptguard.model import Evidence

Profile = Literal["scan", "stream"]

HOPELESS = -4.6
"""Log-odds from which no further evidence could lift a candidate to the lowest threshold: the rest is not asked."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """A candidate's score and how it came about."""

    score: float
    evidence: tuple[Evidence, ...]


class Weigher:
    """Weighs candidates; `vocabulary` reads the token vocabulary's file, when a candidate first needs it."""

    def __init__(self, vocabulary: Callable[[], bytes]) -> None:
        self._tokens = TokenCounter(vocabulary)

    def weigh(self, candidate: Candidate, profile: Profile, path: str | None) -> Weighing | None:
        """None where the rule's `deny` drops the candidate."""
        if is_denied(candidate):
            return None
        log_odds, found = candidate.rule.log_odds, []
        for item in _evidence(candidate, self._tokens, profile, path):
            log_odds += item.weight
            found.append(item)
            if log_odds < HOPELESS:
                break
        return Weighing(1 / (1 + math.exp(-log_odds)), tuple(found))


def is_denied(candidate: Candidate) -> bool:
    value = candidate.value.lower()
    return any(word in value for word in candidate.rule.deny_words) or any(
        _compiled(pattern).search(candidate.value) for pattern in candidate.rule.deny_patterns
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _evidence(candidate: Candidate, tokens: TokenCounter, profile: Profile, path: str | None) -> Iterator[Evidence]:
    for kind in (checksum.judge, structure.judge):
        if item := kind(candidate):
            yield item
    yield from assignment.judge(candidate, tokens)
    for kind in (placeholder.judge, entropy.judge):
        if item := kind(candidate):
            yield item
    if item := token_ratio(candidate, tokens):
        yield item
    if profile == "scan":
        yield from (item for item in (surroundings.judge(candidate), paths.judge(candidate, path)) if item)
