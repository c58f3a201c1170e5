"""JSON: the whole run as one document, findings first, the summary after them.

The one rule: a finding looks as it does in `jsonl`, one a line, so that a line-based tool can still find its way.
"""

from __future__ import annotations

import json
from typing import TextIO

from promptguard.model import Skipped, Summary
from promptguard.reports import Options, Run
from promptguard.reports._visible import encodable
from promptguard.reports.jsonl import line

SCHEMA = "promptguard.findings/1"


def report(run: Run, out: TextIO, options: Options) -> None:
    out.write(f'{{"schema": {json.dumps(SCHEMA)}, "findings": [')
    separator = "\n"
    for finding in run.findings:
        out.write(f"{separator}{line(finding, options)}")
        separator = ",\n"
    out.write(f'\n], "summary": {json.dumps(_fields(run.summary()))}}}\n')


def _fields(summary: Summary) -> dict[str, object]:
    return {
        "documents": summary.documents,
        "bytes": summary.bytes,
        "seconds": round(summary.seconds, 3),
        "findings": summary.findings,
        "allowed": summary.allowed,
        "skipped": [_skipped(item) for item in summary.skipped],
        "unused": [encodable(text) for text in summary.unused],
    }


def _skipped(item: Skipped) -> dict[str, str]:
    commit = item.origin.commit
    return {
        "path": encodable(item.origin.path),
        **({"commit": commit} if commit else {}),
        "reason": encodable(item.reason),
    }
