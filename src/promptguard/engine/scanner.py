"""Text in, matches out: prefilter → confirm → weigh → settle overlaps.

Plan: most texts have no hit, and cost one native pass. A hit costs a window of a few hundred characters. A large
document comes in blocks; each is looked at together with `reach` bytes of its neighbours, and answers for the secrets
that start in its own part, so that how a document is cut changes nothing.

The one rule: `matches` and `scan` share every decision; there is no second way to an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import chain
from typing import TYPE_CHECKING

from promptguard.engine.compiled import CompiledRule, CompiledRules
from promptguard.engine.confirm import candidates
from promptguard.engine.encoding import ENCODING, char_start, utf8_blocks
from promptguard.engine.excerpt import Excerpts
from promptguard.engine.matches import Match
from promptguard.engine.places import Place
from promptguard.engine.prefilter import Prefilter
from promptguard.engine.spans import Settler, settle
from promptguard.errors import UnreadableError
from promptguard.model import Confidence, Document, Finding, Secret, Severity, Span

if TYPE_CHECKING:
    import regex

    from promptguard.engine.evidence.weigh import Profile, Weigher

LOOKAHEAD = 16_384
"""Bytes that neighbouring parts of a document share at least: how far an allow comment on a long line is seen."""

LINE_PIECE = 4_096
"""Bytes on either side of a marker that are handed out of a very long line."""

MARKER_ROOM = 2_048
"""Bytes before the end of such a piece in which a marker gets another piece of its own, with what stands around it."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A line that holds one of the markers, or a piece of it where it is very long."""

    line: int
    text: str
    begins: bool
    """Whether the text begins where the line does."""
    ends: bool


@dataclass(frozen=True, slots=True)
class Part:
    """What one block of a document brought: markers first, because they may speak about the findings."""

    markers: tuple[Marker, ...]
    findings: tuple[Finding, ...]
    size: int
    """Bytes of the block as UTF-8."""


class Scanner:
    """Finds credentials. Safe to share between threads."""

    def __init__(
        self, compiled: CompiledRules, vocabulary: Callable[[], bytes], fingerprint: Callable[[str, str], str]
    ) -> None:
        """`vocabulary` reads the token vocabulary's file; `fingerprint` names a (vendor, value)."""
        self.compiled = compiled
        self.reach = max(compiled.reach, LOOKAHEAD)
        self.fingerprint = fingerprint
        self._prefilter = Prefilter(compiled)
        self._vocabulary = vocabulary
        self._patterns = cache(self._compile)

    @cached_property
    def _weigher(self) -> Weigher:
        from promptguard.engine.evidence.weigh import Weigher  # not needed by the many texts that have no hit

        return Weigher(self._vocabulary)

    def _compile(self, number: int) -> tuple[regex.Pattern[str], regex.Pattern[str] | None]:
        import regex  # likewise

        rule = self.compiled.rules[number]
        starter = regex.compile(rule.starter, regex.ASCII) if rule.starter else None
        return regex.compile(rule.confirm, regex.ASCII), starter

    def matches(
        self, text: str | bytes, *, left: str | bytes = "", final: bool = True, profile: Profile = "scan"
    ) -> list[Match]:
        """The matches whose secret starts in `text`, overlaps settled, in order.

        `left` is the original text before it, which may decide but is not searched again. With `final=False` more text
        will follow, and secrets that start within `reach` bytes of the end are left for the next call. `bytes` are
        UTF-8; what is none counts as a character a byte. The profile `stream` uses a rule's own window only.
        """
        before, data = _encoded(left), _encoded(text)
        whole = before + data
        stop = len(whole) if final else max(len(before), len(whole) - self.reach)
        found = self.confirmed(whole, self.hits(whole), len(before), stop, profile, None)
        settled = [replace(match, union=union) for match, union in settle(found)]
        return _relative(settled, whole, len(before), in_characters=isinstance(text, str))

    def scan(self, document: Document | str | bytes, *, minimum: Confidence = Confidence.MEDIUM) -> list[Finding]:
        """The findings of one document. Raises `UnreadableError`."""
        if not isinstance(document, Document):
            document = Document.of(document)
        return [finding for part in self.parts(document, minimum=minimum) for finding in part.findings]

    def parts(self, document: Document, *, minimum: Confidence = Confidence.MEDIUM) -> Iterable[Part]:
        """The findings block by block, with the markers beside them. Raises `UnreadableError`."""
        blocks = utf8_blocks(document.blocks())
        first, second = next(blocks, b""), next(blocks, None)
        scan = _DocumentScan(self, document, minimum)
        return scan.whole(first) if second is None else scan.parts(chain((first, second), blocks))

    def hits(self, data: bytes) -> list[tuple[int, int]]:
        """What the native pass says: (rule or marker, end offset)."""
        return self._prefilter.hits(data)

    def confirmed(
        self, data: bytes, hits: list[tuple[int, int]], start: int, stop: int, profile: Profile, path: str | None
    ) -> list[Match]:
        """Matches worth keeping whose secret starts in [start, stop), by start; offsets are bytes of `data`."""
        if not hits:
            return []
        ends: dict[int, list[int]] = {}
        for number, end in hits:
            ends.setdefault(number, []).append(end)
        found: list[Match] = []
        for number, at in ends.items():
            if number < len(self.compiled.rules):
                found += self._matches_of(number, data, at, start, stop, profile, path)
        found.sort(key=lambda match: (match.start, -match.specificity, match.end, match.rule.id))
        return found

    def _matches_of(
        self, number: int, data: bytes, ends: list[int], start: int, stop: int, profile: Profile, path: str | None
    ) -> Iterator[Match]:
        rule = self.compiled.rules[number]
        if profile == "scan" and path is not None and not _looks_at(rule, path):
            return
        for candidate in candidates(rule, *self._patterns(number), data, sorted(ends)):
            if not start <= candidate.start < stop:
                continue
            weighing = self._weigher.weigh(candidate, profile, path)
            if weighing and Confidence.of(weighing.score):
                span = Span(candidate.start, candidate.end)
                secret = Secret(candidate.value)
                yield Match(rule, span.start, span.end, secret, weighing.score, weighing.evidence, span)


def _looks_at(rule: CompiledRule, path: str) -> bool:
    """What the rule's path globs say; `*` matches across folders."""
    if not rule.paths_only and not rule.paths_never:
        return True
    from fnmatch import fnmatchcase

    is_wanted = not rule.paths_only or any(fnmatchcase(path, glob) for glob in rule.paths_only)
    return is_wanted and not any(fnmatchcase(path, glob) for glob in rule.paths_never)


@dataclass(frozen=True, slots=True)
class _Located:
    """A match of a document, in characters of the whole of it."""

    match: Match
    begin: Place
    stop: Place
    excerpt: str

    @property
    def start(self) -> int:
        return self.begin.char

    @property
    def end(self) -> int:
        return self.stop.char

    @property
    def specificity(self) -> int:
        return self.match.specificity

    @property
    def score(self) -> float:
        return self.match.score


class _DocumentScan:
    """One document on its way through a scanner: what is carried from block to block."""

    def __init__(self, scanner: Scanner, document: Document, minimum: Confidence) -> None:
        self._scanner, self._document, self._minimum = scanner, document, minimum
        self._settler: Settler[_Located] = Settler()

    def whole(self, text: bytes) -> tuple[Part, ...]:
        """All of a document that is one block, as most are."""
        hits = self._scanner.hits(text)
        if not hits:
            return (Part((), (), len(text)),)
        markers = tuple(self._markers(text, hits, Place(), 0, len(text), is_last=True))
        findings = tuple(self._findings(text, hits, Place(), 0, len(text), is_last=True))
        return (Part(markers, findings, len(text)),)

    def parts(self, blocks: Iterable[bytes]) -> Iterator[Part]:
        """Windows are `left | own | lookahead`; the own part of the last one runs to the end."""
        try:
            yield from self._parts(blocks)
        except UnreadableError:
            held = tuple(finding for winner, _ in self._settler.close() for finding in self._finding(winner))
            yield Part((), held, 0)  # what was found before the document broke off is told all the same
            raise

    def _parts(self, blocks: Iterable[bytes]) -> Iterator[Part]:
        window, own, marked = b"", 0, 0
        origin, reach = Place(), self._scanner.reach
        for block, is_last in _with_last(blocks):
            window = window + block if window else block
            stop = len(window) if is_last else char_start(window, max(own, len(window) - reach))
            seen = len(window) if is_last else max(marked, len(window) - LINE_PIECE)
            hits = self._scanner.hits(window)
            markers = tuple(self._markers(window, hits, origin, marked, seen, is_last=is_last))
            findings = tuple(self._findings(window, hits, origin, own, stop, is_last=is_last))
            yield Part(markers, findings, len(block))
            cut = char_start(window, max(0, stop - reach))
            origin = origin.after(window[:cut])
            window, own, marked = window[cut:], stop - cut, seen - cut

    def _markers(
        self, window: bytes, hits: list[tuple[int, int]], origin: Place, start: int, stop: int, *, is_last: bool
    ) -> Iterator[Marker]:
        """One for each marked line, or piece of a line, whose marker ends in (start, stop]."""
        rules = len(self._scanner.compiled.rules)
        done = start
        for number, end in hits:
            if number < rules or not max(start, done) < end <= stop:
                continue
            line_start, line_end = window.rfind(b"\n", 0, end) + 1, window.find(b"\n", end)
            whole_start = line_start > 0 or origin.column == 1
            whole_end = line_end >= 0 or is_last
            line_end = len(window) if line_end < 0 else line_end
            low, high = max(line_start, end - LINE_PIECE), min(line_end, end + LINE_PIECE)
            begins, ends = whole_start and low == line_start, whole_end and high == line_end
            done = high if ends else high - MARKER_ROOM
            text = window[low:high].decode("utf-8", "replace")
            yield Marker(origin.after(window[:low]).line, text, begins, ends)

    def _findings(
        self, window: bytes, hits: list[tuple[int, int]], origin: Place, own: int, stop: int, *, is_last: bool
    ) -> Iterator[Finding]:
        everywhere = self._scanner.confirmed(window, hits, 0, len(window), "scan", self._document.origin.path)
        for located in _located(window, origin, everywhere, own, stop):
            for winner, _ in self._settler.add(located):
                yield from self._finding(winner)
        if is_last:
            for winner, _ in self._settler.close():
                yield from self._finding(winner)

    def _finding(self, located: _Located) -> Iterator[Finding]:
        match, rule = located.match, located.match.rule
        if match.confidence < self._minimum:
            return
        yield Finding(
            origin=self._document.origin,
            rule=rule.id,
            rule_version=rule.version,
            rule_name=rule.name,
            vendor=rule.vendor,
            severity=Severity(rule.severity),
            confidence=match.confidence,
            score=match.score,
            evidence=match.evidence,
            secret=match.secret,
            fingerprint=self._scanner.fingerprint(rule.vendor, match.secret.reveal()),
            redacted=match.redacted,
            start=located.start,
            end=located.end,
            line=located.begin.line,
            column=located.begin.column,
            end_line=located.stop.line,
            end_column=located.stop.column,
            excerpt=located.excerpt,
            rotate=rule.rotate,
            why=rule.why,
        )


def _located(window: bytes, origin: Place, matches: list[Match], own: int, stop: int) -> Iterator[_Located]:
    """The matches that start in [own, stop), with places; all of them are masked in the excerpts."""
    place, at = origin, 0
    excerpts = Excerpts(window, matches)
    for match in matches:
        if own <= match.start < stop:
            place, at = place.after(window[at : match.start]), match.start
            end = place.after(window[match.start : match.end])
            yield _Located(match, place, end, excerpts.of(match))


def _with_last(blocks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block, and whether it is the last."""
    held: bytes | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    yield held or b"", True


def _encoded(text: str | bytes) -> bytes:
    """As UTF-8; a lone surrogate becomes one `?`, so that offsets stay."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


def _relative(matches: list[Match], data: bytes, origin: int, *, in_characters: bool) -> list[Match]:
    """The matches in the unit of the caller's text."""
    if not in_characters or data.isascii():
        return [_shifted(match, lambda offset: offset - origin) for match in matches]
    return [_shifted(match, lambda offset: len(data[origin:offset].decode(*ENCODING))) for match in matches]


def _shifted(match: Match, unit: Callable[[int], int]) -> Match:
    union = Span(unit(match.union.start), unit(match.union.end))
    return replace(match, start=unit(match.start), end=unit(match.end), union=union)
