"""Findings to tell, and what a format makes of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from promptguard import reports
from promptguard.model import Confidence, Evidence, Finding, Origin, Secret, Severity, Summary


@pytest.fixture(scope="session")
def finding() -> Callable[..., Finding]:
    def make(
        *,
        value: str = "acme_" + 32 * "x",
        path: str = "src/settings.py",
        commit: str | None = None,
        line: int = 12,
        column: int = 15,
        end_line: int | None = None,
        **fields: Any,
    ) -> Finding:
        usual = {
            "rule": "acme-api-key",
            "rule_version": 1,
            "rule_name": "Acme API key",
            "vendor": "acme",
            "severity": Severity.CRITICAL,
            "confidence": Confidence.HIGH,
            "score": 0.97,
            "evidence": (Evidence("checksum", 4.1, "CRC32 agrees"),),
            "fingerprint": 4 * "0123abcd",
            "redacted": "acme_****",
            "start": 300,
            "end": 337,
            "end_column": column + 37,
            "excerpt": 'TOKEN = "acme_****"',
            "rotate": "https://acme.example/settings/keys",
            "why": "calls every model of the account and spends its credit",
        }
        return Finding(
            origin=Origin(path, commit),
            secret=Secret(value),
            line=line,
            column=column,
            end_line=end_line or line,
            **{**usual, **fields},
        )

    return make


@pytest.fixture(scope="session")
def summary() -> Callable[..., Summary]:
    def make(**fields: Any) -> Summary:
        return Summary(**{"documents": 3, "bytes": 4_096, "seconds": 0.5, "findings": 0, **fields})

    return make


@pytest.fixture(scope="session")
def written(summary: Callable[..., Summary]) -> Callable[..., str]:
    """What a format writes about findings."""

    def write(format_: str, findings: Iterable[Finding], told: Summary | None = None, **options: Any) -> str:
        out = io.StringIO()
        run = reports.Run(iter(findings), lambda: told or summary())
        reports.load(format_).report(run, out, reports.Options(version="1.2.3", **options))
        return out.getvalue()

    return write
