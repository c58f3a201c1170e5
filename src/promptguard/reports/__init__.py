"""Reports: how findings are told, to people and to programs. One module per format, called by the word of `--format`.

The one rule: a report writes each finding as it comes and holds on to one document's at most, so that memory does not
grow with the number of findings; and it says nothing of a value but what is fit to be shown, unless asked to.

A report leaves to its caller where the text goes, whether there is colour, and what to do when the reader has left. If
the scan fails, so does the report: half a JSON document is not taken for a whole one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, TextIO, cast

from promptguard.errors import ConfigurationError
from promptguard.model import Finding, Skipped, Summary
from promptguard.reports._visible import visible


@dataclass(frozen=True, slots=True)
class Run:
    """One scan, as a report needs it."""

    findings: Iterator[Finding]
    """Drives the scan; ordered by document; to be consumed once."""
    summary: Callable[[], Summary]
    """Complete once the findings are exhausted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to tell it. A format heeds what it has a use for."""

    version: str
    """Of promptguard."""
    show_secrets: bool = False
    """Whether the values themselves are written, where the format is for the eyes of whoever asked."""
    colour: bool = False
    verbose: int = 0
    width: int | None = None
    """Columns to keep within; None: as many as the terminal has that is written to, else 100."""


class Format(Protocol):
    """What a module of this folder offers."""

    def report(self, run: Run, out: TextIO, options: Options) -> None:
        """Consumes the run and writes it to `out`."""


def names() -> tuple[str, ...]:
    """The formats there are. A new file in this folder is a new format; those with a leading underscore are none."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py")))


def load(name: str) -> Format:
    """Raises `ConfigurationError` for a format that does not exist."""
    if name not in names():
        raise ConfigurationError(f"there is no report format {name!r}; choose from {', '.join(names())}")
    return cast(Format, import_module(f"{__name__}.{name}"))  # a test asks each of them for its `report`


def summary_lines(summary: Summary, verbose: int) -> list[str]:
    """How a scan went, for a person: one line, and with `verbose` one more for each thing that it only counts."""
    lines = [_summary_line(summary)]
    if verbose:
        lines += [f"skipped {visible(item.origin.path)}: {visible(item.reason)}" for item in summary.skipped]
        lines += [f"unused allow {visible(text)}" for text in summary.unused]
    return lines


def _summary_line(summary: Summary) -> str:
    facts = [_counted(summary.findings, "finding")]
    if summary.allowed:
        facts.append(f"{summary.allowed:,} allowed")
    if summary.skipped:
        facts.append(f"{len(summary.skipped):,} skipped ({_reasons(summary.skipped)})")
    if summary.unused:
        facts.append(_counted(len(summary.unused), "unused allow"))
    seen = f"{_counted(summary.documents, 'document')}, {_amount(summary.bytes)} in {summary.seconds:.2f} s"
    return f"{seen} ({_rate(summary)}): {', '.join(facts)}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _amount(size: int) -> str:
    for unit, bytes_each in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_each:
            return f"{size / bytes_each:,.1f} {unit}"
    return f"{size} B"


def _rate(summary: Summary) -> str:
    megabytes = summary.bytes / 1e6 / summary.seconds if summary.seconds > 0 else 0.0
    return f"{megabytes:,.1f} MB/s" if megabytes < 10 else f"{megabytes:,.0f} MB/s"


def _reasons(skipped: Iterable[Skipped]) -> str:
    """`12 binary, 2 permission denied`, the most frequent first."""
    counted = sorted(Counter(item.reason for item in skipped).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {visible(reason)}" for reason, number in counted)
