"""Checking rules against their own examples: what is promised is tried, several times, and named when broken."""

from __future__ import annotations

import re

import pytest

from promptguard.rules.check import ROUNDS, Look, check
from promptguard.rules.load import Ruleset, RuleSource, load
from promptguard.rules.schema import Rule

FILE = """
schema: promptguard.rules/1
vendor: {id: acme, name: Acme}
rules:
- id: acme-key
  version: 1
  name: Acme key
  why: opens doors
  severity: high
  confidence: high
  pattern: 'acme_[0-9]{6}'
  examples: ['key: acme_{{digits:6}}', 'acme_{{digits:6}}!']
  counter_examples:
  - {text: 'acme_{{digits:5}}', why: short}
  - {text: 'acme_{{digits:5}}x', why: no digit, at: redact}
"""


@pytest.fixture
def rules() -> Ruleset:
    return load([RuleSource("acme.yaml", FILE)])


def _looks_right(rule: Rule, text: str) -> Look:
    found = re.search(rule.pattern, text) is not None
    return Look(is_reported=found, is_redacted=found)


def _complaints(rules: Ruleset, look: object) -> list[str]:
    assert callable(look)
    return [str(problem) for problem in check(rules.entries, rules.by_id, look)]


def test_a_rule_that_keeps_its_promises_is_left_alone(rules: Ruleset) -> None:
    """Complaints stop a release: each must be true."""
    assert _complaints(rules, _looks_right) == []


def test_an_example_that_is_not_found_is_named(rules: Ruleset) -> None:
    """The number leads to the line."""

    def look(rule: Rule, text: str) -> Look:
        return Look(is_reported="!" not in text and _looks_right(rule, text).is_reported, is_redacted=False)

    (complaint,) = _complaints(rules, look)
    assert complaint.startswith("acme.yaml: acme-key: examples: example 2 is not reported")


def test_an_example_must_be_found_every_time(rules: Ruleset) -> None:
    """Filled in at random, one may be found by luck."""
    texts: list[str] = []

    def look(rule: Rule, text: str) -> Look:
        texts.append(text)
        return Look(is_reported=len(texts) != ROUNDS, is_redacted=False)

    assert any("example 1 is not reported" in complaint for complaint in _complaints(rules, look))
    assert len(set(texts[:ROUNDS])) == ROUNDS


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        (Look(is_reported=True, is_redacted=True), "counter-example 1 is reported"),
        (Look(is_reported=False, is_redacted=True), "counter-example 2 is redacted"),
    ],
)
def test_a_counter_example_that_is_found_is_named(rules: Ruleset, seen: Look, complaint: str) -> None:
    """Redacting one is allowed unless the rule says otherwise; reporting one never is."""

    def look(rule: Rule, text: str) -> Look:
        right = _looks_right(rule, text)
        return right if right.is_reported else seen

    told = _complaints(rules, look)
    assert complaint in told[0]
    assert len(told) == (2 if seen.is_reported else 1)


def test_a_broken_template_is_a_complaint_of_its_rule() -> None:
    """`rules check` goes on with the other rules."""
    rules = load([RuleSource("acme.yaml", FILE.replace("{{digits:5}}x", "{{digit:5}}x"))])
    (complaint,) = _complaints(rules, _looks_right)
    assert complaint.startswith("acme.yaml: acme-key: examples: {{digit}} is no template")
