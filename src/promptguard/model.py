"""The values that flow through promptguard: documents in, findings out.

The one rule: values are frozen, know nothing of how they are made, and a secret's text leaves them through
`Secret.reveal()` alone. Standard library only.
"""

from __future__ import annotations

import enum
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn


class Severity(enum.IntEnum):
    """Impact if the credential is live."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


class Confidence(enum.IntEnum):
    """How sure we are that a match is a real credential: the score, in three words.

    Reporting acts on MEDIUM and up, sanitizing on LOW and up; below LOW a match is nothing (`of` answers None).
    """

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def threshold(self) -> float:
        """The lowest score that earns this word."""
        return _THRESHOLDS[self]

    @classmethod
    def of(cls, score: float) -> Confidence | None:
        """The word for a score between 0 and 1."""
        return next((level for level in reversed(cls) if score >= level.threshold), None)


_THRESHOLDS = {Confidence.LOW: 0.2, Confidence.MEDIUM: 0.5, Confidence.HIGH: 0.8}


class Secret:
    """A value that prints as `****`; `reveal()` is the only way to its text."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The text itself: never log it, never put it into an error."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret('****')"

    def __str__(self) -> str:
        return "****"

    def __format__(self, spec: str) -> str:
        return format("****", spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        ours, theirs = (text.encode("utf-8", "surrogatepass") for text in (self.__value, other.__value))
        return hmac.compare_digest(ours, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __len__(self) -> int:
        return len(self.__value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied into a serialised form; pass a reference instead")


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range `[start, end)`, in characters unless said otherwise."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document came from."""

    path: str
    """As the user would name it, with `/` on every system; `-` or the `--stdin-name` for standard input."""
    commit: str | None = None
    """The commit that brought the text in, where it was read from git history."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text to look at, of any size, not read yet."""

    origin: Origin
    blocks: Callable[[], Iterator[bytes]]
    """Opens the document and yields its bytes in blocks of at most `BLOCK_BYTES`; raises `UnreadableError`."""

    @classmethod
    def of(cls, text: str | bytes, path: str = "-") -> Document:
        """A document that is in memory already."""
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        return cls(Origin(path), lambda: iter((data,)))


BLOCK_BYTES = 4 * 1024 * 1024
"""The most that one block of a document holds: it bounds memory, and how long a signal waits for the native engine."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not looked at, and why: nothing is passed over in silence."""

    origin: Origin
    reason: str
    """`binary`, `permission denied`, `vanished`, `not a regular file`, `symbolic link loop` …"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason why a score moved."""

    kind: str
    """`checksum`, `entropy`, `tokens`, `structure`, `placeholder`, `context` …"""
    weight: float
    """What it added to the log-odds of the match being real; negative speaks against it."""
    note: str
    """A few words for a person; never text from the value."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A credential worth telling someone about."""

    origin: Origin
    rule: str
    """The rule's id."""
    rule_version: int
    rule_name: str
    vendor: str
    """The vendor's id."""
    severity: Severity
    confidence: Confidence
    score: float
    """0 to 1."""
    evidence: tuple[Evidence, ...]
    secret: Secret
    fingerprint: str
    """32 hexadecimal digits: keyed, of vendor and value, so that it survives moves. See `baseline`."""
    redacted: str
    """What may be shown in the value's place: the public prefix of its kind and asterisks, `ghp_****`."""
    start: int
    """Of the value, in characters of the decoded text."""
    end: int
    line: int
    """From 1; lines end at a line feed."""
    column: int
    """From 1, in characters."""
    end_line: int
    end_column: int
    """Of the last character, plus one."""
    excerpt: str
    """The line around the value, cut to a readable length, every known value in it masked."""
    rotate: str | None = None
    """Where to revoke or rotate such a credential."""
    why: str = ""
    """What its holder can do."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What one scan did, once it is over."""

    documents: int
    """Looked at, to the end."""
    bytes: int
    """Of the documents as stored."""
    seconds: float
    """Wall time."""
    findings: int
    """Reported."""
    allowed: int = 0
    """Not reported because a comment beside them or the baseline accepts them."""
    skipped: tuple[Skipped, ...] = ()
    unused: tuple[str, ...] = ()
    """Baseline entries and inline allows that silenced nothing, as `path: what`."""
