"""The JSON document: a whole run for a program."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from promptguard.model import Finding, Origin, Skipped, Summary

Make = Callable[..., Finding]
Write = Callable[..., str]


@given(number=st.integers(0, 5))
def test_findings_are_those_of_jsonl(finding: Make, written: Write, number: int) -> None:
    """One description serves both formats."""
    findings = [finding(line=line) for line in range(1, number + 1)]
    told = json.loads(written("json", findings))
    assert list(told) == ["schema", "findings", "summary"]
    assert told["schema"] == "promptguard.findings/1"
    assert told["findings"] == [json.loads(line) for line in written("jsonl", findings).splitlines()]


def test_the_summary_comes_with_all_it_counts(written: Write, summary: Callable[..., Summary]) -> None:
    """A dashboard must be able to tell a clean run from one that could not look."""
    skipped = (Skipped(Origin("a.png"), "binary"), Skipped(Origin("k", commit="c0ffee"), "permission denied"))
    told = summary(documents=9, seconds=1.23456, findings=0, allowed=4, skipped=skipped, unused=("b.py:1: ggignore",))
    assert json.loads(written("json", [], told))["summary"] == {
        "documents": 9,
        "bytes": 4096,
        "seconds": 1.235,
        "findings": 0,
        "allowed": 4,
        "skipped": [
            {"path": "a.png", "reason": "binary"},
            {"path": "k", "commit": "c0ffee", "reason": "permission denied"},
        ],
        "unused": ["b.py:1: ggignore"],
    }


def test_the_summary_is_asked_for_after_the_findings(finding: Make, written: Write) -> None:
    """The findings drive the scan: asked before, the summary would tell of nothing."""
    told = json.loads(written("json", [finding(), finding()]))
    assert list(told)[-1] == "summary"
