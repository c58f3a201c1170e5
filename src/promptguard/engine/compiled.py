"""Compiled rules: what the engine needs of rules, and how it is stored.

The one rule: reading it back needs neither YAML nor the modules that understand rules, and does no work for rules that
never fire.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, overload

CONTEXT = 64
"""Characters on either side of a match that evidence may look at."""

UTF8 = 4
"""The most bytes that one character takes."""

RIGHT = UTF8 * CONTEXT
"""Bytes after a match that boundaries and evidence look at."""

_MAGIC = b"promptguard-rules/1\n"


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """What the engine needs of a rule, flat, so that it can be read back without its YAML."""

    id: str
    version: int
    name: str
    why: str
    vendor: str
    severity: int
    prior: float
    """Probability that a match is real before any evidence."""
    specificity: int
    confirm: str
    """The exact pattern for `regex`, boundaries included; the group `secret` always exists."""
    triggers: tuple[str, ...]
    """For the native engine."""
    back: int
    """Bytes: how far before a trigger's end a match may start."""
    width: int
    """Bytes of the longest match."""
    left: int
    """Bytes before the match that keywords, boundaries and evidence look at."""
    keywords: tuple[str, ...]
    """Empty where the pattern itself always holds one."""
    keyword_distance: int
    opening: str
    """The literal text that every match begins with."""
    starter: str
    """A short pattern that matches where every match begins; empty where there is none worth asking first."""
    starter_width: int
    """Characters of its longest match."""
    prefix: str
    """The public literal that every value begins with."""
    entropy: float | None
    max_token_ratio: float | None
    checksum: tuple[str, str, str] | None
    """Algorithm, group summed over, group that states the sum."""
    structure: str | None
    deny_words: tuple[str, ...]
    deny_patterns: tuple[str, ...]
    placeholders: bool
    paths_only: tuple[str, ...]
    paths_never: tuple[str, ...]
    rotate: str | None

    @property
    def log_odds(self) -> float:
        """The prior as log-odds, the scale on which evidence adds up."""
        return math.log(self.prior / (1 - self.prior))


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """Rules, literals that the same pass reports, and the native database of both.

    In the database, rule n has the id n and marker m the id `len(rules) + m`.
    """

    rules: Sequence[CompiledRule]
    markers: tuple[str, ...]
    """Lower-case literals that are none of the rules' business (allow comments); matched in any case."""
    database: bytes
    reach: int
    """Bytes on either side of a place that can decide about it: what neighbouring chunks must share."""

    def to_bytes(self) -> bytes:
        """For a cache; `from_bytes` reads it back."""
        facts = {"markers": self.markers, "reach": self.reach}
        head = b"\n".join(json.dumps(item).encode() for item in (facts, *map(asdict, self.rules)))
        return _MAGIC + zlib.crc32(head).to_bytes(4) + len(head).to_bytes(4) + head + self.database

    @classmethod
    def from_bytes(cls, data: bytes) -> CompiledRules:
        """Raises ValueError for anything but the output of `to_bytes`. The native engine checks the database itself."""
        start = len(_MAGIC) + 8
        check, size = data[start - 8 : start - 4], int.from_bytes(data[start - 4 : start])
        head = data[start : start + size]
        if not data.startswith(_MAGIC) or zlib.crc32(head).to_bytes(4) != check:
            raise ValueError("no compiled rules, or damaged ones")
        facts, *rules = head.split(b"\n")
        known = json.loads(facts)
        return cls(_Stored(rules), tuple(known["markers"]), data[start + size :], known["reach"])


class _Stored(Sequence[CompiledRule]):
    """Rules as they were stored; each is read when it is first asked for, because few ever fire."""

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines
        self._read: dict[int, CompiledRule] = {}

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> CompiledRule: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CompiledRule]: ...
    def __getitem__(self, index: int | slice) -> CompiledRule | Sequence[CompiledRule]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if index not in self._read:
            stored: dict[str, Any] = json.loads(self._lines[index])  # Any: what `to_bytes` wrote, by field
            self._read[index] = CompiledRule(**{name: _frozen(value) for name, value in stored.items()})
        return self._read[index]


def _frozen(value: Any) -> Any:  # Any: as above
    return tuple(value) if isinstance(value, list) else value


FIELDS = tuple(field.name for field in fields(CompiledRule))
"""Names of a compiled rule's fields: part of the cache's key, so that a change of shape is a change of key."""
