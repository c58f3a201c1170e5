"""What several commands ask for alike: which text to look at, and with which rules.

The one rule: an option is declared once, and its meaning is worked out once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from promptguard import guard
from promptguard.config import Configuration
from promptguard.model import Document, Skipped
from promptguard.rules import shipped

F = TypeVar("F", bound=Callable[..., Any])  # Any: click hands options over by name


@dataclass(frozen=True, slots=True)
class What:
    """Which text to look at, as asked for on the command line."""

    paths: tuple[str, ...]
    staged: bool
    commits: str | None
    ignore: bool
    stdin_name: str

    def documents(self, configuration: Configuration) -> Iterator[Document | Skipped]:
        """Opened as they are needed; path excludes of the configuration apply to all of them."""
        if self.staged:
            return guard.staged(self.paths, configuration)
        if self.commits:
            return guard.commits(self.commits, self.paths, configuration)
        if self.paths == ("-",):
            return guard.stdin(sys.stdin.buffer, self.stdin_name)
        return guard.files(self.paths or (".",), configuration, ignore=self.ignore)


def what(command: F) -> F:
    """PATHS and the options that choose between files, the index, commits and standard input."""
    for decorate in reversed(
        (
            click.argument("paths", nargs=-1),
            click.option("--staged", is_flag=True, help="What is staged in git, as it is staged."),
            click.option("--commits", metavar="RANGE", help="What a range of commits brought in: main..HEAD."),
            click.option("--no-ignore", is_flag=True, help="Also what git ignores."),
            click.option("--stdin-name", default="-", metavar="PATH", help="What to call standard input (PATHS: -)."),
            click.option(
                "--rules",
                "rule_folders",
                type=click.Path(path_type=Path),
                multiple=True,
                metavar="DIR",
                help="More rules: a folder of *.yaml, or a file. May be repeated.",
            ),
            click.option(
                "--extended", is_flag=True, help="Also the rules that name more vendors; about half the speed."
            ),
            click.option(
                "--jobs", "-j", type=click.IntRange(1, 256), metavar="N", help="Threads; default: one a core."
            ),
        )
    ):
        command = decorate(command)
    return command


def chosen(paths: tuple[str, ...], staged: bool, commits: str | None, no_ignore: bool, stdin_name: str) -> What:
    """Raises `click.UsageError` for a choice that makes no sense."""
    if staged and commits:
        raise click.UsageError("--staged and --commits exclude each other")
    if "-" in paths and len(paths) > 1:
        raise click.UsageError("standard input (-) cannot be combined with other paths")
    return What(tuple(paths), staged, commits, not no_ignore, stdin_name)


def folders_of(rule_folders: tuple[Path, ...], extended: bool) -> tuple[Path, ...]:
    """The rules asked for beside the default ones."""
    return (shipped.extended(), *rule_folders) if extended else rule_folders


def jobs_of(jobs: int | None, configuration: Configuration) -> int:
    return jobs or configuration.jobs or os.cpu_count() or 1
