"""Which entries of a baseline accept a finding.

The one rule: an entry accepts a value at a path, never a line. So it survives edits, moves and renamed rules, and a
different secret on the same line is reported.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptguard.model import Finding

if TYPE_CHECKING:
    from datetime import date

ANYWHERE = "*"
"""The path of an entry that accepts its value wherever it stands."""


def fingerprint(salt: bytes, vendor: str, value: str) -> str:
    """32 hexadecimal digits for a value of a vendor: the first half of HMAC-SHA256 over both, each after its length."""
    parts = (text.encode("utf-8", "surrogatepass") for text in (vendor, value))
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(salt, message, "sha256").hex()[:32]


def place(finding: Finding) -> str:
    """Its path as a baseline writes it. A file that is really called `*` must not pass for anywhere."""
    path = slashed(finding.origin.path)
    return "./*" if path == ANYWHERE else path


def slashed(path: str) -> str:
    return path.replace("\\", "/")


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding accepted before."""

    fingerprint: str
    path: str
    """As findings name it, with `/` on every system; or `ANYWHERE`."""
    rule: str
    """The rule that found it then. For people, and to recognise the value when the rule moves to another vendor."""
    reason: str = ""
    expires: date | None = None
    """The last day on which it accepts anything."""
    replaces: str | None = None
    """The fingerprint under an earlier rule, accepted too: two versions of promptguard may share a baseline."""

    def __str__(self) -> str:
        return f"{self.path}: {self.rule} {self.fingerprint[:8]}"

    def is_expired(self, today: date) -> bool:
        return self.expires is not None and self.expires < today


class Matcher:
    """Asked about each finding of one scan; knows at its end which entries were of no use."""

    def __init__(self, lookup: Lookup, today: date) -> None:
        self._lookup = lookup
        self._today = today
        self._needed: set[Entry] = set()

    def accepts(self, finding: Finding) -> bool:
        entries = self._lookup.entries(finding)
        self._needed.update(entries)
        return any(not entry.is_expired(self._today) for entry in entries)

    def expired(self) -> Iterator[Entry]:
        """The entries that a finding asked for after their last day."""
        yield from _by_place(entry for entry in self._needed if entry.is_expired(self._today))

    def unused(self, covers: Callable[[str], bool] | None = None) -> Iterator[Entry]:
        """The entries that no finding asked for. Of a scan that saw only a part, `covers` says which paths it saw."""
        yield from _by_place(entry for entry in self._lookup.judged(covers) if entry not in self._needed)


class Lookup:
    """Finds the entries of a baseline that speak of a finding, expired or not."""

    def __init__(self, salt: bytes, entries: Iterable[Entry], exists: Callable[[str], bool]) -> None:
        """`exists` says whether a path is still there: once asked, its answer holds for the whole scan."""
        self._salt = salt
        self._exists = exists
        self._gone: dict[str, bool] = {}
        self._by_fingerprint: dict[str, list[Entry]] = {}
        self._vendors: dict[str, set[str]] = {}
        for entry in entries:
            for known_as in {entry.fingerprint, entry.replaces or entry.fingerprint}:
                self._by_fingerprint.setdefault(known_as, []).append(entry)
            self._vendors.setdefault(slashed(entry.path), set()).update(_vendors(entry.rule))

    def fingerprint(self, finding: Finding) -> str:
        """Under this baseline's salt, whichever the scan used."""
        return fingerprint(self._salt, finding.vendor, finding.secret.reveal())

    def entries(self, finding: Finding) -> list[Entry]:
        """Those for the value at its path or anywhere; else those whose path is gone; else those of an earlier rule."""
        path = place(finding)
        same_value = self._by_fingerprint.get(self.fingerprint(finding), [])
        return (
            _at(path, same_value)
            or [entry for entry in same_value if self._is_gone(entry.path)]
            or [entry for earlier in self._earlier(finding, path) for entry in _at(path, earlier)]
        )

    def judged(self, covers: Callable[[str], bool] | None) -> Iterator[Entry]:
        """The entries that a scan of the covered paths may call unused; an entry for anywhere needs a scan of all."""
        for entry in {entry for entries in self._by_fingerprint.values() for entry in entries}:
            if covers is None or (entry.path != ANYWHERE and covers(entry.path)):
                yield entry

    def _is_gone(self, path: str) -> bool:
        if path not in self._gone:
            self._gone[path] = path not in (ANYWHERE, "-") and not self._exists(path)
        return self._gone[path]

    def _earlier(self, finding: Finding, path: str) -> Iterator[list[Entry]]:
        """What the value would be known as, had the rule of an entry at this path found it."""
        value = finding.secret.reveal()
        for vendor in self._vendors.get(path, set()) | self._vendors.get(ANYWHERE, set()):
            yield self._by_fingerprint.get(fingerprint(self._salt, vendor, value), [])


def _at(path: str, entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if slashed(entry.path) in (path, ANYWHERE)]


def _vendors(rule: str) -> Iterator[str]:
    """A rule's id begins with its vendor's and a dash, but a vendor's id may hold dashes too: `acme`, `acme-cloud` …"""
    for end, character in enumerate(rule):
        if character == "-":
            yield rule[:end]


def _by_place(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.path, entry.rule, entry.fingerprint))
