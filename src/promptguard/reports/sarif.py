"""SARIF 2.1.0, for code scanning services and editors.

The one rule: values are never written, asked for or not, since the file is made to be uploaded. Rules are described
from the findings themselves, after them: the order of a JSON object's members is free, so nothing has to be held.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0 plus Errata 01"; `security-severity`,
`precision` and the tags are those that GitHub's code scanning reads.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TextIO
from urllib.parse import quote

from promptguard.model import Confidence, Finding, Origin, Severity, Skipped, Summary
from promptguard.reports import Options, Run
from promptguard.reports._visible import encodable, name_bytes

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}

_SECURITY_SEVERITIES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""In the middle of the ranges that GitHub calls by the same four words."""

_HARD_CODED_CREDENTIALS = "external/cwe/cwe-798"


@dataclass(slots=True)
class _Rule:
    """What the findings of one rule tell about it."""

    index: int
    first: Finding
    confidence: Confidence
    """The best that one of its findings has."""


def report(run: Run, out: TextIO, options: Options) -> None:
    rules: dict[str, _Rule] = {}
    out.write(f'{{"$schema": {json.dumps(SCHEMA)}, "version": "2.1.0", "runs": [{{"results": [')
    separator = "\n"
    for finding in run.findings:
        rule = rules.setdefault(finding.rule, _Rule(len(rules), finding, finding.confidence))
        rule.confidence = max(rule.confidence, finding.confidence)
        out.write(f"{separator}{json.dumps(_result(finding, rule))}")
        separator = ",\n"
    rest = json.dumps(_rest(run.summary(), rules, options))
    out.write(f"\n], {rest[1:]}]}}\n")


def _result(finding: Finding, rule: _Rule) -> dict[str, object]:
    commit = finding.origin.commit
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule.index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": [{"physicalLocation": {**_artifact(finding.origin), "region": _region(finding)}}],
        "partialFingerprints": {"promptguard/v1": finding.fingerprint},
        "rank": round(100 * finding.score, 1),
        "properties": {"confidence": str(finding.confidence), **({"commit": commit} if commit else {})},
    }


def _message(finding: Finding) -> str:
    told = f"{finding.rule_name} {finding.redacted} ({finding.confidence} confidence)."
    return encodable(f"{told} {_advice(finding)}".rstrip())


def _advice(finding: Finding) -> str:
    why = f"Why it matters: {finding.why}." if finding.why else ""
    rotate = f"Rotate it: {finding.rotate}" if finding.rotate else ""
    return " ".join(filter(None, (why, rotate)))


def _artifact(origin: Origin) -> dict[str, object]:
    uri = _uri(origin.path)
    base = {} if uri.startswith("file:") else {"uriBaseId": "%SRCROOT%"}  # an absolute address has no base
    return {"artifactLocation": {"uri": uri, **base}}


def _uri(path: str) -> str:
    """Percent-encoded as its bytes on disk; a name that is no UTF-8 is kept whole."""
    quoted = quote(name_bytes(path), safe="/")
    if path.startswith("//"):
        return f"file:{quoted}"  # //server/share
    if path.startswith("/"):
        return f"file://{quoted}"
    if re.match("[A-Za-z]:/", path):
        return f"file:///{path[:2]}{quote(name_bytes(path[2:]), safe='/')}"
    return quoted


def _region(finding: Finding) -> dict[str, int]:
    return {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
        "charOffset": finding.start,
        "charLength": finding.end - finding.start,
    }


def _rest(summary: Summary, rules: dict[str, _Rule], options: Options) -> dict[str, object]:
    driver = {
        "name": "promptguard",
        "version": options.version,
        "rules": [_descriptor(rule) for rule in rules.values()],
    }
    return {
        "columnKind": "unicodeCodePoints",
        "redactionTokens": ["****"],
        "invocations": [_invocation(summary)],
        "tool": {"driver": driver},
    }


def _descriptor(rule: _Rule) -> dict[str, object]:
    finding = rule.first
    name = encodable(finding.rule_name)
    told = encodable(_advice(finding)) or name
    is_page = (finding.rotate or "").startswith(("https://", "http://"))
    return {
        "id": finding.rule,
        "name": name,
        "shortDescription": {"text": name},
        "fullDescription": {"text": told},
        "help": {"text": told},
        **({"helpUri": finding.rotate} if is_page else {}),
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {
            "security-severity": _SECURITY_SEVERITIES[finding.severity],
            "precision": str(rule.confidence),
            "tags": list(dict.fromkeys(("security", "secret", _HARD_CODED_CREDENTIALS, finding.vendor))),
            "version": finding.rule_version,
        },
    }


def _invocation(summary: Summary) -> dict[str, object]:
    return {
        "executionSuccessful": True,  # else there would be no end of this document
        "toolExecutionNotifications": [_notification(item) for item in summary.skipped],
        "toolConfigurationNotifications": [
            {"level": "note", "message": {"text": encodable(f"This allow silenced nothing: {text}")}}
            for text in summary.unused
        ],
    }


def _notification(item: Skipped) -> dict[str, object]:
    return {
        "level": "warning",
        "message": {"text": encodable(f"Not looked at: {item.reason}")},
        "locations": [{"physicalLocation": _artifact(item.origin)}],
    }
