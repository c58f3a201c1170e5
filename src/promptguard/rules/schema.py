"""What a rule file may say.

The one rule: this is the whole format, each field described where it stands. `load.py` turns YAML into these values and
complains about everything else; the engine reads them and knows nothing of YAML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

_STRICT: dict[str, Any] = {"extra": "forbid"}  # Any: pydantic's own configuration type, not imported at run time


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whose credential it is."""

    __pydantic_config__: ClassVar = _STRICT

    id: str
    name: str
    url: str | None = None
    category: str = "generic"
    """ai, cloud, vcs, ci, registry, identity, security, communication, payments, data, saas, monitoring or generic."""


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Character classes that must not touch the secret; empty means anything may.

    An escape sequence before the secret (`\\n`, `\\u000a`, `%3D`) is a boundary, whatever its last character.
    """

    __pydantic_config__: ClassVar = _STRICT

    left: str = "[0-9A-Za-z]"
    right: str = "[0-9A-Za-z]"


@dataclass(frozen=True, slots=True)
class Tokens:
    __pydantic_config__: ClassVar = _STRICT

    max_ratio: float
    """Characters per token of the value: more speaks against a secret (words need few tokens, random text many)."""


@dataclass(frozen=True, slots=True)
class Checksum:
    __pydantic_config__: ClassVar = _STRICT

    algorithm: str
    """A name of `engine/evidence/checksum.py`."""
    over: str
    """The group (or `secret`) that the sum is computed over."""
    equals: str
    """The group that holds the sum."""


@dataclass(frozen=True, slots=True)
class Deny:
    """What drops a match outright."""

    __pydantic_config__: ClassVar = _STRICT

    words: tuple[str, ...] = ()
    """Case-folded; a value that contains one is dropped."""
    patterns: tuple[str, ...] = ()
    """Searched in the value."""
    placeholders: bool = True
    """Whether likeness to a placeholder counts against the value."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Globs over `/` paths; only scanning looks at them."""

    __pydantic_config__: ClassVar = _STRICT

    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Within:
    __pydantic_config__: ClassVar = _STRICT

    lines: int


@dataclass(frozen=True, slots=True)
class Requirement:
    """Another part of a composite credential."""

    __pydantic_config__: ClassVar = _STRICT

    rule: str
    within: Within
    optional: bool = False


@dataclass(frozen=True, slots=True)
class CounterExample:
    __pydantic_config__: ClassVar = _STRICT

    text: str
    why: str
    at: Literal["report", "redact"] = "report"
    """`report`: must not be reported. `redact`: must not be redacted either."""


@dataclass(frozen=True, slots=True)
class Expectation:
    __pydantic_config__: ClassVar = _STRICT

    status: int | tuple[int, ...]
    result: Literal["live", "dead", "unknown"]
    body: str | None = None
    """A literal that the answer's body must contain."""


@dataclass(frozen=True, slots=True)
class Validation:
    """How to ask the vendor whether a credential is live. Opt-in, never a filter."""

    __pydantic_config__: ClassVar = _STRICT

    url: str
    expect: tuple[Expectation, ...]
    method: Literal["GET", "POST", "HEAD"] = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


Level = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential."""

    __pydantic_config__: ClassVar = _STRICT

    id: str
    """`[a-z0-9-]+`, stable for ever, never reused."""
    version: int
    """Raised on any change of behaviour; reported in findings."""
    name: str
    why: str
    """One line: what its holder can do."""
    severity: Literal["low", "medium", "high", "critical"]
    confidence: Level
    """How likely a match is real before any evidence."""
    pattern: str
    """In the subset of `pattern.py`; the group `secret` is the value, else the whole match is."""
    examples: tuple[str, ...]
    """Templates of `generate.py`; each must be reported."""
    counter_examples: tuple[CounterExample, ...]
    specificity: int = 50
    """Who wins an overlap; generic rules 0."""
    aliases: dict[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    """Case-folded. One must stand within `keyword_distance` characters before the match, on the same or the previous
    line, unless the pattern itself always contains one."""
    keyword_distance: int = 64
    boundaries: Boundaries = Boundaries()
    width: int | None = None
    """The most characters a match may have, where the pattern itself has no bound."""
    entropy: float | None = None
    """Bits per character that the value should have."""
    tokens: Tokens | None = None
    checksum: Checksum | None = None
    structure: str | None = None
    """A name of `engine/evidence/structure.py`."""
    deny: Deny = Deny()
    paths: Paths = Paths()
    requires: tuple[Requirement, ...] = ()
    alone: Literal["redact", "pass"] = "redact"  # promptguard:allow[generic-password] two words
    """What the sanitizer does with a part whose only evidence is another part."""
    validate: Validation | None = None
    rotate: str | None = None
    see: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One YAML file: a vendor and its rules."""

    __pydantic_config__: ClassVar = _STRICT

    schema: Literal["promptguard.rules/1"]
    vendor: Vendor
    rules: tuple[Rule, ...]
