"""JSON Lines: one finding a line, written as soon as it is found.

The one rule: the fields below are a promise to programs; one may be added, none renamed. The text is ASCII, so that it
survives every stream and terminal; offsets count the characters of the decoded text.
"""

from __future__ import annotations

import json
from typing import TextIO

from promptguard.model import Finding
from promptguard.reports import Options, Run
from promptguard.reports._visible import encodable


def report(run: Run, out: TextIO, options: Options) -> None:
    for finding in run.findings:
        out.write(f"{line(finding, options)}\n")


def line(finding: Finding, options: Options) -> str:
    """A finding as a JSON object in one line."""
    return json.dumps(_fields(finding, options))


def _fields(finding: Finding, options: Options) -> dict[str, object]:
    commit = finding.origin.commit
    return {
        "path": encodable(finding.origin.path),
        **({"commit": commit} if commit else {}),
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "start": finding.start,
        "end": finding.end,
        "rule": finding.rule,
        "rule_version": finding.rule_version,
        "vendor": finding.vendor,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "score": finding.score,
        "evidence": [{"kind": item.kind, "weight": item.weight, "note": item.note} for item in finding.evidence],
        "fingerprint": finding.fingerprint,
        "redacted": encodable(finding.redacted),
        "rotate": finding.rotate,
        **({"secret": encodable(finding.secret.reveal())} if options.show_secrets else {}),
    }
