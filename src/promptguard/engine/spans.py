"""Overlapping matches: who speaks for them, and what all of them cover.

The one rule: matches come in order of their start, one cluster of overlaps is held at a time, and the outcome depends
on the matches alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from promptguard.model import Span


class Ranked(Protocol):
    """What overlaps are settled by."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def specificity(self) -> int: ...
    @property
    def score(self) -> float: ...


T = TypeVar("T", bound=Ranked)


class Settler(Generic[T]):
    """Holds one cluster of overlapping matches; `add` and `close` return the winners of the one that is over, in order,
    each with the span that its cluster covers."""

    def __init__(self) -> None:
        self._cluster: list[T] = []
        self._end = 0

    def add(self, match: T) -> list[tuple[T, Span]]:
        over = self.close() if self._cluster and match.start >= self._end else []
        self._end = max(self._end, match.end) if self._cluster else match.end
        self._cluster.append(match)
        return over

    def close(self) -> list[tuple[T, Span]]:
        cluster, self._cluster = self._cluster, []
        return _winners(cluster, self._end) if cluster else []


def settle(matches: Iterable[T]) -> list[tuple[T, Span]]:
    """The winners among matches that are all there."""
    settler: Settler[T] = Settler()
    settled = [winner for match in matches for winner in settler.add(match)]
    return settled + settler.close()


def _winners(cluster: list[T], end: int) -> list[tuple[T, Span]]:
    """The most specific match, then whatever does not overlap those already chosen."""
    union = Span(cluster[0].start, end)
    if len(cluster) == 1:
        return [(cluster[0], union)]
    chosen: list[T] = []
    for match in sorted(cluster, key=_rank):
        if all(match.end <= other.start or other.end <= match.start for other in chosen):
            chosen.append(match)
    return [(match, union) for match in sorted(chosen, key=lambda match: match.start)]


def _rank(match: Ranked) -> tuple[float, float, int, int]:
    return (-match.specificity, -match.score, match.start, -match.end)
