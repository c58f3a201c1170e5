"""promptguard keeps credentials away from language models.

    from promptguard import Scanner

    for finding in Scanner.default().scan("DATABASE_URL=…"):
        print(finding.rule, finding.line, finding.redacted)

The names below are the public ones. They are imported on first use, so that `import promptguard` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptguard.engine.matches import Match
    from promptguard.errors import PromptguardError, RuleError, UnreadableError
    from promptguard.guard import Scanner, ruleset
    from promptguard.model import Confidence, Document, Evidence, Finding, Origin, Secret, Severity, Span
    from promptguard.rules.load import Ruleset
    from promptguard.rules.schema import Rule

_HOMES = {
    "Confidence": "promptguard.model",
    "Document": "promptguard.model",
    "Evidence": "promptguard.model",
    "Finding": "promptguard.model",
    "Match": "promptguard.engine.matches",
    "Origin": "promptguard.model",
    "PromptguardError": "promptguard.errors",
    "Rule": "promptguard.rules.schema",
    "RuleError": "promptguard.errors",
    "Ruleset": "promptguard.rules.load",
    "Scanner": "promptguard.guard",
    "Secret": "promptguard.model",
    "Severity": "promptguard.model",
    "Span": "promptguard.model",
    "UnreadableError": "promptguard.errors",
    "ruleset": "promptguard.guard",
}

__all__ = [
    "Confidence",
    "Document",
    "Evidence",
    "Finding",
    "Match",
    "Origin",
    "PromptguardError",
    "Rule",
    "RuleError",
    "Ruleset",
    "Scanner",
    "Secret",
    "Severity",
    "Span",
    "UnreadableError",
    "ruleset",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
