"""The exact pattern, in a small window around each place where a trigger fired.

The one rule: what is found does not depend on the window or on how the text was cut. Every start position is tried on
its own, within the starts that its triggers allow, and always sees the same characters to its left and right.
Offsets are bytes of UTF-8; bytes that are no UTF-8 count as one character each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from promptguard.engine.compiled import CONTEXT, RIGHT, CompiledRule
from promptguard.engine.encoding import ENCODING, char_start
from promptguard.engine.matches import Candidate

if TYPE_CHECKING:
    import regex


def candidates(
    rule: CompiledRule,
    pattern: regex.Pattern[str],
    starter: regex.Pattern[str] | None,
    data: bytes,
    ends: Sequence[int],
) -> Iterator[Candidate]:
    """What the rule's pattern accepts near the given trigger ends (ascending), by start; a secret is yielded once.

    `pattern` and `starter` are the rule's, compiled.
    """
    last = (-1, -1)
    for low, high in _regions(rule.back, ends):
        for candidate in _in_region(rule, pattern, starter, data, low, high):
            if (candidate.start, candidate.end) != last:
                last = (candidate.start, candidate.end)
                yield candidate


def _regions(back: int, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Ranges of possible match starts, merged where they touch."""
    low, high = max(0, ends[0] - back), ends[0]
    for end in ends[1:]:
        if end - back > high:
            yield low, high
            low = end - back
        high = end
    yield low, high


def _in_region(
    rule: CompiledRule,
    pattern: regex.Pattern[str],
    starter: regex.Pattern[str] | None,
    data: bytes,
    low: int,
    high: int,
) -> Iterator[Candidate]:
    begin = char_start(data, max(0, low - rule.left))
    text = data[begin : char_start(data, high + rule.width + RIGHT)].decode(*ENCODING)
    at = _Offsets(text, begin)
    first, last = at.char(data, low), at.char(data, high)
    for match in _matches(rule, pattern, starter, text, first, last):
        if rule.keywords and not _has_keyword(rule, text, match.start()):
            continue
        start, end = match.span("secret")
        yield Candidate(
            rule=rule,
            start=at.byte(start),
            end=at.byte(end),
            value=match["secret"],
            groups=match.groupdict(),
            before=text[max(0, match.start() - CONTEXT) : start],
            after=text[end : end + CONTEXT],
        )


def _matches(
    rule: CompiledRule,
    pattern: regex.Pattern[str],
    starter: regex.Pattern[str] | None,
    text: str,
    first: int,
    last: int,
) -> Iterator[regex.Match[str]]:
    """The match at every start in [first, last) that has one. Knowing how matches begin saves trying all other starts,
    and looking far behind `last` for a match that starts there."""
    if rule.opening:
        starts = _occurrences(rule.opening, text, first, last)
    elif starter:
        found = starter.finditer(text, first, last + rule.starter_width, overlapped=True)
        starts = (match.start() for match in found if match.start() < last)
    else:
        yield from takewhile(lambda match: match.start() < last, pattern.finditer(text, first, overlapped=True))
        return
    for start in starts:
        if match := pattern.match(text, start):
            yield match


def _occurrences(literal: str, text: str, first: int, last: int) -> Iterator[int]:
    at = text.find(literal, first)
    while 0 <= at < last:
        yield at
        at = text.find(literal, at + 1)


def _has_keyword(rule: CompiledRule, text: str, start: int) -> bool:
    """Whether a keyword stands before the match, near it, on the same or the previous line."""
    region = text[max(0, start - rule.keyword_distance) : start].lower()
    own_line = region.rfind("\n")
    if own_line > 0:
        region = region[region.rfind("\n", 0, own_line) + 1 :]
    return any(word in region for word in rule.keywords)


class _Offsets:
    """Between characters of a window and bytes of the data."""

    def __init__(self, text: str, begin: int) -> None:
        self._text, self._begin, self._ascii = text, begin, text.isascii()

    def byte(self, char: int) -> int:
        return self._begin + (char if self._ascii else len(self._text[:char].encode(*ENCODING)))

    def char(self, data: bytes, byte: int) -> int:
        if self._ascii:
            return byte - self._begin
        return len(data[self._begin : char_start(data, byte)].decode(*ENCODING))
