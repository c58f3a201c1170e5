"""`promptguard scan`: finds credentials and says where."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import click

from promptguard import guard, reports
from promptguard.cli.options import chosen, folders_of, jobs_of, what
from promptguard.cli.progress import progress
from promptguard.config import Configuration
from promptguard.errors import ConfigurationError
from promptguard.model import Confidence, Document, Finding, Severity, Skipped, Summary
from promptguard.version import VERSION

FOUND, COULD_NOT_LOOK = 1, 2

NO_SUCH = "no such file or folder"

_LEVELS = click.Choice([str(level) for level in Confidence])
_SEVERITIES = click.Choice([str(level) for level in Severity])


@click.command("scan")
@what
@click.option("--format", "format_", type=click.Choice(reports.names()), default="text", show_default=True)
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to a file.")
@click.option("--min-confidence", type=_LEVELS, help="Report from this on; low is what sanitizing acts on. [medium]")
@click.option("--fail-on", type=_SEVERITIES, help="Exit with 1 only for findings this severe. [low]")
@click.option("--baseline", type=click.Path(path_type=Path), help="Findings accepted before.")
@click.option("--no-allow", is_flag=True, help="Pay no heed to allow comments, baselines and path excludes.")
@click.option("--show-secrets", is_flag=True, help="Print the values themselves.")
@click.option("--strict", is_flag=True, help="Exit with 2 if anything could not be looked at.")
@click.option("--verbose", "-v", count=True, help="Name what was skipped, and what no longer needs allowing.")
@click.option("--quiet", "-q", is_flag=True, help="No summary.")
def command(
    paths: tuple[str, ...],
    staged: bool,
    commits: str | None,
    no_ignore: bool,
    stdin_name: str,
    rule_folders: tuple[Path, ...],
    extended: bool,
    jobs: int | None,
    format_: str,
    output: Path | None,
    min_confidence: str | None,
    fail_on: str | None,
    baseline: Path | None,
    no_allow: bool,
    show_secrets: bool,
    strict: bool,
    verbose: int,
    quiet: bool,
) -> int:
    """Find credentials in PATHS (files and folders; `-`: standard input; default: this folder).

    Exit status: 0 nothing found, 1 something found, 2 something could not be looked at.
    """
    configuration = Configuration.find()
    looked_for = chosen(paths, staged, commits, no_ignore, stdin_name)
    documents = looked_for.documents(replace(configuration, exclude=()) if no_allow else configuration)
    run = guard.scan(
        _without(documents, output),
        guard.project_scanner(configuration, folders_of(rule_folders, extended), baseline),
        minimum=Confidence[(min_confidence or configuration.min_confidence).upper()],
        jobs=jobs_of(jobs, configuration),
        inline=not no_allow,
        accepted=None if no_allow else guard.accepted(configuration, baseline),
    )
    gc.freeze()  # what is loaded by now stays; looking at it again and again would take a tenth of a scan
    worst = _Worst()
    with _opened(output) as stream, progress(lambda: run.looked_at, wanted=not quiet):
        options = reports.Options(
            show_secrets=show_secrets, colour=_wants_colour(stream), verbose=verbose, version=VERSION
        )
        reports.load(format_).report(reports.Run(worst.watch(run.findings), run.summary), stream, options)
    summary = run.summary()
    if not quiet:
        for line in reports.summary_lines(summary, verbose):
            click.echo(line, err=True)
    threshold = Severity[(fail_on or configuration.fail_on).upper()]
    return _exit_code(summary, strict=strict, found=worst.severity is not None and worst.severity >= threshold)


class _Worst:
    """Remembers the worst severity that went by."""

    def __init__(self) -> None:
        self.severity: Severity | None = None

    def watch(self, findings: Iterator[Finding]) -> Iterator[Finding]:
        for finding in findings:
            self.severity = max(self.severity or finding.severity, finding.severity)
            yield finding


def _exit_code(summary: Summary, *, strict: bool, found: bool) -> int:
    """What was named and is not there could not be looked at, strict or not."""
    if strict and summary.skipped:
        return COULD_NOT_LOOK
    if found:
        return FOUND
    return COULD_NOT_LOOK if any(item.reason == NO_SUCH for item in summary.skipped) else 0


def _without(documents: Iterator[Document | Skipped], output: Path | None) -> Iterator[Document | Skipped]:
    """The report that is being written is not among the documents."""
    if output is None:
        return documents
    own = {os.path.abspath(output), os.path.abspath(_temporary(output))}
    return (
        item
        for item in documents
        if not item.origin.path.endswith(output.name) or os.path.abspath(item.origin.path) not in own
    )


def _temporary(output: Path) -> Path:
    """Ends in the report's own name."""
    return output.with_name(f".{os.getpid()}.{output.name}")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole once the report is finished."""
    if output is None:
        # A file name that is no UTF-8 must not end the report.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        yield sys.stdout
        return
    temporary = _temporary(output)
    try:
        with temporary.open("w", encoding="utf-8", newline="\n", errors="backslashreplace") as stream:
            yield stream
        os.replace(temporary, output)
    except OSError as error:
        raise ConfigurationError(f"{output}: the report cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
