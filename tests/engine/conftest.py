"""Scanners for rules that a test writes down itself, as a rule file would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from promptguard.engine.compile import compile_rules
from promptguard.engine.compiled import CompiledRules
from promptguard.engine.scanner import Scanner
from promptguard.guard import VOCABULARY
from promptguard.rules.load import RuleSource, load

Fields = dict[str, Any]


def _rule(fields: Fields) -> Fields:
    common = {
        "id": "acme-key",
        "version": 1,
        "name": "A key",
        "why": "opens doors",
        "severity": "high",
        "confidence": "high",
        "pattern": "acme_[0-9A-Za-z]{20}",
        "examples": ["unused"],
        "counter_examples": [{"text": "unused", "why": "unused"}],
    }
    return common | fields


@pytest.fixture(scope="session")
def compiled() -> Callable[..., CompiledRules]:
    """Compiles rules given as fields that differ from those of `acme-key`."""

    def compile_(*rules: Fields, markers: tuple[str, ...] = ()) -> CompiledRules:
        vendor = {"id": "acme", "name": "Acme"}
        file = {"schema": "promptguard.rules/1", "vendor": vendor, "rules": [_rule(fields) for fields in rules]}
        return compile_rules(load([RuleSource("acme.yaml", yaml.safe_dump(file))]), markers)

    return compile_


@pytest.fixture(scope="session")
def scanner_of(compiled: Callable[..., CompiledRules]) -> Callable[..., Scanner]:
    """A scanner for such rules; its fingerprints say only whose they are."""

    def build(*rules: Fields, markers: tuple[str, ...] = ()) -> Scanner:
        return Scanner(compiled(*rules, markers=markers), VOCABULARY.read_bytes, lambda vendor, value: f"of {vendor}")

    return build
