"""Findings to accept or not, made from the few things that a baseline looks at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from promptguard.model import Confidence, Finding, Origin, Secret, Severity


@pytest.fixture(scope="session")
def finding() -> Callable[..., Finding]:
    def make(
        value: str,
        path: str = "src/app.py",
        rule: str = "acme-api-key",
        vendor: str = "acme",
        line: int = 1,
        end_line: int | None = None,
        commit: str | None = None,
    ) -> Finding:
        return Finding(
            origin=Origin(path, commit),
            rule=rule,
            rule_version=1,
            rule_name="A key",
            vendor=vendor,
            severity=Severity.HIGH,
            confidence=Confidence.HIGH,
            score=0.9,
            evidence=(),
            secret=Secret(value),
            fingerprint="",  # a baseline has its own salt
            redacted="****",
            start=0,
            end=len(value),
            line=line,
            column=1,
            end_line=end_line or line,
            end_column=1,
            excerpt="****",
        )

    return make
