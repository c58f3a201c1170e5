"""Text, for a person at a terminal: where it is, what it is, its line, why it matters and how to rotate it.

    src/settings.py:12:15: critical: Acme API key acme_****
      12 │ TOKEN = "acme_****"
      rule    acme-api-key, high confidence
      why     calls every model of the account and spends its credit
      rotate  https://acme.example/settings/keys
      also    src/settings.py:40:9

The one rule: no character of a document or of its name reaches the terminal as anything but a visible character.

A place stands first and whole, so that terminals and editors make it a link. A value that stands several times in a
document is told once, with its places; so is what a rule has to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from operator import attrgetter
from typing import TextIO

from promptguard.model import Finding, Severity
from promptguard.reports import Options, Run
from promptguard.reports._visible import visible, writable

Row = tuple[tuple[str, str], ...]
"""A line as (text, style) pieces; styles are rich's words, `""` is none."""

_SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}

_NARROWEST, _WITHOUT_TERMINAL = 40, 100
"""Columns."""

_INDENT = "  "
_TAB = 4
_PLACES = 10
"""Further places of one value that are named without `verbose`."""


def report(run: Run, out: TextIO, options: Options) -> None:
    write = _write_coloured if options.colour else _write_plain
    write(_blocks(run.findings, _Page(out, options)), out)


def _blocks(findings: Iterable[Finding], page: _Page) -> Iterator[list[Row]]:
    """The rows of one finding each, with a blank one in between."""
    above: list[Row] = []
    for _, document in groupby(findings, attrgetter("origin")):
        for block in page.document(document):
            yield [*above, *block]
            above = [()]


class _Page:
    """Lays findings out in rows, for the width and the characters that `out` has."""

    def __init__(self, out: TextIO, options: Options) -> None:
        self._options = options
        self._width = max(_NARROWEST, options.width or _columns(out))
        self._bar = "│" if writable("│", out) == "│" else "|"
        self._label_width = len("fingerprint" if options.verbose else "rotate")

    def document(self, findings: Iterable[Finding]) -> Iterator[list[Row]]:
        """One block for each value of a document, in the order in which they first stand there."""
        values: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            values.setdefault((finding.rule, finding.fingerprint), []).append(finding)
        explained: set[str] = set()
        for first, *others in values.values():
            block = [*self._headline(first), self._excerpt(first), *self._facts(first)]
            if first.rule not in explained:
                explained.add(first.rule)
                block += self._explanation(first)
            yield [*block, *self._labelled("also", self._places(others))]

    def _headline(self, finding: Finding) -> Iterator[Row]:
        place, severity = _place(finding), str(finding.severity)
        told = visible(f"{finding.rule_name} {finding.redacted}")
        head: Row = ((f"{place}:", "bold"), (" ", ""), (severity, _SEVERITY_STYLES[finding.severity]), (":", ""))
        used = sum(_cells(text) for text, _ in head)
        if used + 1 + _cells(told) <= self._width:
            yield (*head, (f" {told}", ""))
            return
        yield head
        yield from (((f"{_INDENT}{line}", ""),) for line in self._wrapped(told, len(_INDENT)))

    def _excerpt(self, finding: Finding) -> Row:
        """The line with its number; where it is longer than the terminal is wide, the part around the value."""
        gutter = f"{_INDENT}{finding.line} {self._bar} "
        redacted = visible(finding.redacted)
        line = visible(finding.excerpt.rstrip("\r\n").expandtabs(_TAB))
        before, value, after = _clipped(line, redacted, self._width - len(gutter)).partition(redacted)
        return (gutter, "dim"), (before, ""), (value, _SEVERITY_STYLES[finding.severity]), (after, "")

    def _facts(self, finding: Finding) -> Iterator[Row]:
        score = f" ({finding.score:.2f})" if self._options.verbose else ""
        version = f" version {finding.rule_version}" if self._options.verbose else ""
        yield from self._labelled("rule", [f"{finding.rule}{version}, {finding.confidence} confidence{score}"])
        if finding.end_line > finding.line:
            yield from self._labelled("lines", [f"{finding.line} to {finding.end_line}"])
        if finding.origin.commit:
            yield from self._labelled("commit", [finding.origin.commit])
        if self._options.show_secrets:
            yield from self._labelled("secret", finding.secret.reveal().split("\n"))
        if self._options.verbose:
            yield from self._labelled("fingerprint", [finding.fingerprint])
            evidence = [f"{item.weight:+.1f} {item.kind}: {item.note}" for item in finding.evidence]
            yield from self._labelled("evidence", evidence)

    def _explanation(self, finding: Finding) -> Iterator[Row]:
        room = self._label_width + 2 + len(_INDENT)
        yield from self._labelled("why", self._wrapped(finding.why, room))
        yield from self._labelled("rotate", self._wrapped(finding.rotate or "", room))

    def _places(self, findings: list[Finding]) -> list[str]:
        """Values of one document may be many: what is left out is counted."""
        named = findings if self._options.verbose else findings[:_PLACES]
        places = [_place(finding) for finding in named]
        if left_out := len(findings) - len(named):
            places.append(f"and {left_out:,} more (-v names them)")
        return places

    def _labelled(self, label: str, lines: Iterable[str]) -> Iterator[Row]:
        for line in lines:
            yield (f"{_INDENT}{label:{self._label_width}}  ", "dim"), (visible(line), "")
            label = ""

    def _wrapped(self, text: str, indent: int) -> list[str]:
        """Links are not broken."""
        import textwrap  # costs milliseconds, which a clean run need not spend

        return textwrap.wrap(text, self._width - indent, break_long_words=False, break_on_hyphens=False)


def _columns(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns or _WITHOUT_TERMINAL  # some pretend to have none
    except (OSError, ValueError):  # no file behind it, or no terminal
        return _WITHOUT_TERMINAL


def _place(finding: Finding) -> str:
    return f"{visible(finding.origin.path)}:{finding.line}:{finding.column}"


def _clipped(text: str, anchor: str, room: int) -> str:
    """At most `room` cells of the text, the anchor's beginning among them, a third of them before it if need be."""
    low, high, used = 0, len(text), _cells(text)
    if used <= room:
        return text
    at = max(0, text.find(anchor))
    while used > room - 2:  # for an ellipsis at either end
        if 2 * (at - low) > high - at:
            used -= _cells(text[low])
            low += 1
        else:
            high -= 1
            used -= _cells(text[high])
    return f"{'…' if low else ''}{text[low:high]}{'…' if high < len(text) else ''}"


def _cells(text: str) -> int:
    """Columns that a terminal needs for it: ideographs take two, combining marks none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _write_plain(blocks: Iterable[list[Row]], out: TextIO) -> None:
    for block in blocks:
        lines = (writable("".join(text for text, _ in row), out).rstrip() for row in block)
        out.write("".join(f"{line}\n" for line in lines))


def _write_coloured(blocks: Iterator[list[Row]], out: TextIO) -> None:
    """By rich, which knows how each terminal is told; it is imported with the first block, for it takes its time."""
    first = next(blocks, None)
    if first is None:
        return
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    console = Console(
        file=out, force_terminal=True, force_jupyter=False, color_system="standard", no_color=False, highlight=False
    )
    for block in chain([first], blocks):
        pieces = ((*row, ("\n", "")) for row in block)
        segments = [Segment(writable(text, out), Style.parse(style)) for row in pieces for text, style in row]
        console.print(Segments(segments), end="", soft_wrap=True)
