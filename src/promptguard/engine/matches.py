"""What the engine finds in one text: first candidates, then matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptguard.model import Confidence, Evidence, Secret, Span

if TYPE_CHECKING:
    from promptguard.engine.compiled import CompiledRule


@dataclass(frozen=True, slots=True)
class Candidate:
    """Text that a rule's pattern, boundaries and keywords accept; not weighed yet."""

    rule: CompiledRule
    start: int
    """Of the secret, in bytes."""
    end: int
    value: str
    groups: dict[str, str | None]
    """The pattern's named groups."""
    before: str
    """At most `CONTEXT` characters before the match and all of it before the secret."""
    after: str
    """At most `CONTEXT` characters after the secret."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a rule matched. Offsets are in the unit of the input: characters for `str`, bytes for `bytes`."""

    rule: CompiledRule
    start: int
    """Of the secret."""
    end: int
    secret: Secret
    score: float
    evidence: tuple[Evidence, ...]
    union: Span
    """Everything that overlapping matches cover together: what redaction must replace."""

    @property
    def confidence(self) -> Confidence:
        found = Confidence.of(self.score)
        assert found, "a match below the lowest threshold is never made"
        return found

    @property
    def specificity(self) -> int:
        return self.rule.specificity

    @property
    def redacted(self) -> str:
        """The public prefix of its kind, if it has one, and asterisks."""
        return f"{self.rule.prefix}****"
