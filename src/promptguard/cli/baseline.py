"""`promptguard baseline`: accept today's findings, so that only new ones are reported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from promptguard import guard
from promptguard.cli.options import chosen, folders_of, jobs_of, what
from promptguard.config import Configuration
from promptguard.errors import BaselineError
from promptguard.model import Confidence

F = TypeVar("F", bound=Callable[..., Any])  # Any: click hands options over by name

DEFAULT = Path(".promptguard-baseline")

_FILE = click.option(
    "--baseline",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The baseline. [the configuration's, else {DEFAULT}]",
)
_REASON = click.option("--reason", default="", metavar="TEXT", help="Why these findings are accepted.")
_EXPIRES = click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The last day on which they are.")


@click.group("baseline")
def command() -> None:
    """Accept findings that are known, by value and path."""


def _scanning(function: F) -> F:
    """The options of a command that scans before it writes."""
    return what(_FILE(function))


@command.command("create")
@_scanning
@_REASON
@_EXPIRES
@click.option(
    "--from",
    "others",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Accept only what another tool's file accepts: .secrets.baseline, .gitleaksignore, gitleaks JSON.",
)
def create(
    file: Path | None, reason: str, expires: datetime | None, others: tuple[Path, ...], **options: Any
) -> None:  # Any: the options of `what`
    """Accept everything that is found in PATHS now, in a new baseline."""
    configuration = Configuration.find()
    target = _target(file, configuration)
    if target.exists():
        raise BaselineError(f"{target}: is there already; use `promptguard baseline update`")
    findings = _found(configuration, **options)
    for line in guard.create_baseline(target, findings, reason, _day(expires), others):
        click.echo(line, err=True)


@command.command("update")
@_scanning
@_REASON
@_EXPIRES
def update(file: Path | None, reason: str, expires: datetime | None, **options: Any) -> None:  # Any: as above
    """Accept what is found in PATHS now as well; what was accepted before keeps its reason."""
    configuration = Configuration.find()
    target = _target(file, configuration)
    for line in guard.update_baseline(target, _found(configuration, **options), reason, _day(expires)):
        click.echo(line, err=True)


@command.command("prune")
@_scanning
def prune(file: Path | None, **options: Any) -> None:  # Any: as above
    """Drop the entries that nothing in PATHS needs any more."""
    configuration = Configuration.find()
    target = _target(file, configuration)
    for line in guard.prune_baseline(target, _found(configuration, **options)):
        click.echo(line, err=True)


def _target(file: Path | None, configuration: Configuration) -> Path:
    return file or configuration.baseline or DEFAULT


def _day(expires: datetime | None) -> date | None:
    return expires.date() if expires else None


def _found(
    configuration: Configuration,
    paths: tuple[str, ...],
    staged: bool,
    commits: str | None,
    no_ignore: bool,
    stdin_name: str,
    rule_folders: tuple[Path, ...],
    extended: bool,
    jobs: int | None,
) -> guard.ScanRun:
    """A scan of everything down to what is reported, allow comments heeded, no baseline."""
    looked_for = chosen(paths, staged, commits, no_ignore, stdin_name)
    scanner = guard.project_scanner(configuration, folders_of(rule_folders, extended), None)
    return guard.scan(
        looked_for.documents(configuration),
        scanner,
        minimum=Confidence[configuration.min_confidence.upper()],
        jobs=jobs_of(jobs, configuration),
    )
