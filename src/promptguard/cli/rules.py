"""`promptguard rules`: what is looked for, and whether rules keep their promises."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from promptguard import guard
from promptguard.cli.options import folders_of
from promptguard.errors import RuleError

_FOLDER = click.Path(exists=True, path_type=Path)


@click.group("rules")
def command() -> None:
    """List, show, check and try rules."""


@command.command("list")
@click.option("--rules", "folders", type=_FOLDER, multiple=True, help="More rules: a folder of *.yaml, or a file.")
@click.option("--extended", is_flag=True, help="Also the rules that name more vendors.")
def list_rules(folders: tuple[Path, ...], extended: bool) -> None:
    """Every rule: id, severity, prior confidence, name."""
    loaded = guard.ruleset(folders_of(folders, extended))
    width = max(len(rule.id) for rule in loaded)
    for rule in sorted(loaded, key=lambda rule: rule.id):
        click.echo(f"{rule.id:{width}}  {rule.severity:8}  {rule.confidence:6}  {rule.name}")
    vendors = len({entry.vendor.id for entry in loaded.entries})
    click.echo(f"{len(loaded)} rules, {vendors} vendors", err=True)


@command.command("show")
@click.argument("rule_id")
@click.option("--rules", "folders", type=_FOLDER, multiple=True, help="More rules: a folder of *.yaml, or a file.")
def show(rule_id: str, folders: tuple[Path, ...]) -> None:
    """One rule, as the engine has it."""
    loaded = guard.ruleset(folders_of(folders, extended=True))
    entry = next((entry for entry in loaded.entries if entry.rule.id == rule_id), None)
    if entry is None:
        raise click.ClickException(f"no rule is called {rule_id}; `promptguard rules list` shows them all")
    for name, text in guard.describe(entry):
        click.echo(f"{name:12} {text}")


@command.command("check")
@click.argument("paths", type=_FOLDER, nargs=-1)
def check(paths: tuple[Path, ...]) -> None:
    """Whether rules load, compile, find their examples and leave their counter-examples alone.

    PATHS are rule files or folders; without any, the shipped rules are checked.
    """
    found = 0
    try:
        for problem in guard.check(paths):
            found += 1
            click.echo(str(problem))
    except RuleError as error:
        found += 1
        click.echo(str(error))
    if found:
        click.echo(f"{found} problem{'s' * (found != 1)}", err=True)
        raise click.exceptions.Exit(1)
    click.echo("all rules keep their promises", err=True)


@command.command("test")
@click.argument("file", type=click.File("rb"))
@click.option("--rules", "folders", type=_FOLDER, multiple=True, help="More rules: a folder of *.yaml, or a file.")
def test(file: BinaryIO, folders: tuple[Path, ...]) -> None:
    """What every rule makes of FILE (`-`: standard input), weak matches and their evidence included."""
    for line in guard.explain(file.read(), folders):
        click.echo(line)
