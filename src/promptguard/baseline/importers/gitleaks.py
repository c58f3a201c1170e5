"""JSON reports of gitleaks and betterleaks, as their `--baseline-path` takes them.

The one rule: where the report shows the value, it must be the finding's (or one hold the other: tools differ in where a
value ends); where it is redacted, path and lines decide.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from promptguard.baseline.importers import Record, named
from promptguard.baseline.importers.gitleaksignore import is_of_commit
from promptguard.model import Finding, Secret

ACCEPTS = "a JSON report of gitleaks"


def records(text: str) -> list[Record] | None:
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, list) or not all(isinstance(found, dict) and "RuleID" in found for found in report):
        return None
    return [_record(found) for found in report]


_MOST_LINES = 1000
"""Of one value; a report that claims more is not believed."""


def _record(found: dict[str, Any]) -> Record:  # Any: another tool's JSON
    path, start = str(found.get("File")), _line(found.get("StartLine"))
    end = min(max(start, _line(found.get("EndLine"))), start + _MOST_LINES)
    return Record(
        label=f"{path}: {found['RuleID']} on line {start}",
        keys=tuple((named(path), line) for line in range(start, end + 1)),
        agrees=partial(_is_meant, str(found.get("Commit") or ""), Secret(str(found.get("Secret") or ""))),
    )


def _line(value: object) -> int:
    return value if isinstance(value, int) else 0


def _is_meant(commit: str, shown: Secret, finding: Finding) -> bool:
    return is_of_commit(commit, finding) and _may_be(shown.reveal(), finding.secret.reveal())


def _may_be(shown: str, value: str) -> bool:
    """`--redact` shows `REDACTED`, and `--redact=60` the first part of a value and three dots."""
    if shown in ("", "REDACTED"):
        return True
    if shown.endswith("...") and value.startswith(shown[:-3]):
        return True
    return shown in value or value in shown
