"""The line around a match, fit to be shown.

The one rule: every value found in the text is masked in it, wherever it stands in the line.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate

from promptguard.engine.encoding import char_start
from promptguard.engine.matches import Match

_BEFORE, _AFTER = 56, 40
"""Characters of the line that are kept on either side of the value."""

_SHORTEST = 4
"""Characters of a value that is worth looking for outside its match."""


class Excerpts:
    """Excerpts of one text whose matches, ascending by start, are all known."""

    def __init__(self, data: bytes, matches: Sequence[Match]) -> None:
        self._data, self._matches = data, matches

    def of(self, match: Match) -> str:
        """The match's first line, cut to a readable length."""
        data = self._data
        line_start, line_end = data.rfind(b"\n", 0, match.start) + 1, data.find(b"\n", match.end)
        line_end = len(data) if line_end < 0 else line_end
        # Masked further than it is shown: the cut must not go through a value that is recognised only as a whole.
        low = char_start(data, max(line_start, match.start - _BEFORE - self._longest))
        high = char_start(data, min(line_end, match.end + _AFTER + self._longest))
        before, after = self._shown(low, match.start), self._shown(match.end, high).rstrip("\r")
        left = before if len(before) <= _BEFORE and low == line_start else f"…{before[-_BEFORE:]}"
        right = after if len(after) <= _AFTER and high == line_end else f"{after[:_AFTER]}…"
        return f"{left}{match.redacted}{right}"

    def _shown(self, low: int, high: int) -> str:
        text = self._masked(low, high)
        return self._repeated.sub("****", text) if self._repeated else text

    @cached_property
    def _longest(self) -> int:
        """Bytes of the longest value."""
        return max(match.end - match.start for match in self._matches)

    def _masked(self, low: int, high: int) -> str:
        pieces, at = [], low
        for match in self._between(low, high):
            start, end = max(at, match.start), min(high, match.end)
            if start < end:
                pieces += [_text(self._data[at:start]), match.redacted]
                at = end
        return "".join([*pieces, _text(self._data[at:high])])

    def _between(self, low: int, high: int) -> Iterator[Match]:
        """The matches that overlap a range, by start."""
        last = bisect_left(self._starts, high)
        first = bisect_left(self._furthest_ends, low + 1)
        return (match for match in self._matches[first:last] if match.end > low)

    @cached_property
    def _starts(self) -> list[int]:
        return [match.start for match in self._matches]

    @cached_property
    def _furthest_ends(self) -> list[int]:
        """Per match, the furthest end of it and all before it: ascending, so that it can be searched."""
        return list(accumulate((match.end for match in self._matches), max))

    @cached_property
    def _repeated(self) -> re.Pattern[str] | None:
        """Finds the values themselves: one may stand in a line again where no rule sees it."""
        values = {value for match in self._matches if len(value := match.secret.reveal()) >= _SHORTEST}
        longest_first = sorted(values, key=lambda value: (-len(value), value))
        return re.compile("|".join(map(re.escape, longest_first))) if values else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
