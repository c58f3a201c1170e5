"""Weighing: what speaks for and against a candidate, one kind per file, added up as log-odds.

The one rule: evidence moves the score and never drops a candidate; only the rule's own `deny` does that. A kind is a
function `Candidate -> Evidence | None`, cheap kinds first; `surroundings` and `paths` look at more than the value
and its rule's own window, and take no part when sanitizing, where text from outside must not be able to open the gate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from promptguard.engine.evidence import assignment, checksum, entropy, paths, placeholder, structure, surroundings
from promptguard.engine.evidence.tokens import TokenCounter, token_ratio
from promptguard.engine.matches import Candidate
from promptguard.model import Evidence

Profile = Literal["scan", "stream"]

REMEMBERED = 8192
"""Values whose evidence is kept at a time."""

HOPELESS = -4.6
"""Log-odds from which no further evidence could lift a candidate to the lowest threshold: the rest is not asked."""


@dataclass(frozen=True, slots=True)
class Weighing:
    """A candidate's score and how it came about."""

    score: float
    evidence: tuple[Evidence, ...]


class Weigher:
    """Weighs candidates; `vocabulary` reads the token vocabulary's file, when a candidate first needs it.

    Code and configuration say the same things again and again, so what a value is worth by itself is remembered.
    """

    def __init__(self, vocabulary: Callable[[], bytes]) -> None:
        self._tokens = TokenCounter(vocabulary)
        self._remembered: dict[Hashable, tuple[Evidence, ...] | None] = {}

    def weigh(self, candidate: Candidate, profile: Profile, path: str | None) -> Weighing | None:
        """None where the rule's `deny` drops the candidate."""
        own = self._own(candidate)
        if own is None:
            return None
        log_odds = candidate.rule.log_odds + sum(item.weight for item in own)
        if profile == "scan" and log_odds > HOPELESS:
            around = tuple(item for item in (surroundings.judge(candidate), paths.judge(candidate, path)) if item)
            log_odds += sum(item.weight for item in around)
            own += around
        return Weighing(1 / (1 + math.exp(-log_odds)), own)

    def _own(self, candidate: Candidate) -> tuple[Evidence, ...] | None:
        """What the value, its groups and the name before it say, whatever else stands around them."""
        key = (candidate.rule.id, candidate.value, assignment.owner_of(candidate), *candidate.groups.values())
        if key in (remembered := self._remembered):
            return remembered[key]
        if len(remembered) >= REMEMBERED:
            # A new one, not an emptied one: another thread may be about to read what it has just seen in it.
            remembered = self._remembered = {}
        own = remembered[key] = None if is_denied(candidate) else tuple(self._evidence(candidate))
        return own

    def _evidence(self, candidate: Candidate) -> Iterator[Evidence]:
        log_odds = candidate.rule.log_odds
        for item in _all_evidence(candidate, self._tokens):
            yield item
            log_odds += item.weight
            if log_odds < HOPELESS:
                return


def is_denied(candidate: Candidate) -> bool:
    value = candidate.value.lower()
    return any(word in value for word in candidate.rule.deny_words) or any(
        _compiled(pattern).search(candidate.value) for pattern in candidate.rule.deny_patterns
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _all_evidence(candidate: Candidate, tokens: TokenCounter) -> Iterator[Evidence]:
    for kind in (checksum.judge, structure.judge):
        if item := kind(candidate):
            yield item
    yield from assignment.judge(candidate, tokens)
    for kind in (placeholder.judge, entropy.judge):
        if item := kind(candidate):
            yield item
    if item := token_ratio(candidate, tokens):
        yield item
