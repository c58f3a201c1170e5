"""A rule's path globs."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from promptguard.engine.compiled import CompiledRules
from promptguard.engine.scanner import Scanner
from promptguard.guard import VOCABULARY
from promptguard.model import Document
from promptguard.rules.generate import ALPHABETS, random_text


@pytest.mark.parametrize(
    ("paths", "path", "is_found"),
    [
        ({"only": ["*.yaml"]}, "deploy/app.yaml", True),
        ({"only": ["*.yaml"]}, "deploy/app.py", False),
        ({"never": ["vendor/*"]}, "vendor/deep/app.py", False),
        ({"never": ["vendor/*"]}, "src/app.py", True),
        ({}, "src/app.py", True),
    ],
)
def test_decide_where_scanning_looks(
    compiled: Callable[..., CompiledRules], paths: dict[str, list[str]], path: str, is_found: bool
) -> None:
    """A shape that only means something in one kind of file must not alarm in all others."""
    scanner = Scanner(compiled({"paths": paths}), VOCABULARY.read_bytes, lambda vendor, value: "")
    text = "acme_" + random_text(ALPHABETS["base62"], 20, random.Random(1))
    assert bool(scanner.scan(Document.of(text, path))) is is_found


def test_do_not_open_the_gate_when_sanitizing(compiled: Callable[..., CompiledRules]) -> None:
    """A text that goes to a model has no path that could be trusted."""
    scanner = Scanner(compiled({"paths": {"never": ["*"]}}), VOCABULARY.read_bytes, lambda vendor, value: "")
    text = "acme_" + random_text(ALPHABETS["base62"], 20, random.Random(1))
    assert scanner.matches(text, profile="stream")
