"""GitHub workflow commands: a finding becomes an annotation of its line in the pull request.

The one rule: text from a document can neither end a command nor begin one. Values are never written, asked for or not:
the log is read by more people than the one who asked.

Source: "Workflow commands for GitHub Actions" in GitHub's documentation; the escapes are those of its own toolkit.
"""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from promptguard.model import Finding, Severity
from promptguard.reports import Options, Run
from promptguard.reports._visible import visible, writable

_COMMANDS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
}

_SHOWN = 10
"""Annotations of one kind that GitHub shows for a step, the first ones; it drops the others without a word."""


def report(run: Run, out: TextIO, options: Options) -> None:
    written: Counter[str] = Counter()
    for finding in run.findings:
        command = _COMMANDS[finding.severity]
        written[command] += 1
        out.write(f"{writable(_command(command, _place(finding), _message(finding)), out)}\n")
    if hidden := sum(max(0, number - _SHOWN) for number in written.values()):
        told = f"GitHub shows {_SHOWN} errors, warnings and notices each for a step; {hidden:,} more are in its log"
        out.write(f"{_command('notice', {'title': 'promptguard'}, told)}\n")


def _command(name: str, parameters: dict[str, str], message: str) -> str:
    listed = ",".join(f"{key}={_parameter(value)}" for key, value in parameters.items())
    return f"::{name} {listed}::{_escaped(message)}"


def _parameter(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _place(finding: Finding) -> dict[str, str]:
    """Columns only where the value stands in one line: GitHub refuses them otherwise."""
    return {
        "file": visible(finding.origin.path),
        "line": str(finding.line),
        **({"col": str(finding.column)} if finding.line == finding.end_line else {}),
        "endLine": str(finding.end_line),
        **({"endColumn": str(finding.end_column)} if finding.line == finding.end_line else {}),
        "title": visible(f"{finding.rule_name} ({finding.rule})"),
    }


def _message(finding: Finding) -> str:
    lines = [
        f"{finding.severity} severity, {finding.confidence} confidence: {finding.redacted}",
        f"Why it matters: {finding.why}." if finding.why else "",
        f"Brought in by commit {finding.origin.commit}." if finding.origin.commit else "",
        f"Rotate it: {finding.rotate}" if finding.rotate else "",
    ]
    return "\n".join(visible(line) for line in lines if line)
