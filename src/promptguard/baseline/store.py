"""The baseline file: findings accepted before, each with a reason and a last day.

    {"schema":"promptguard.baseline/1","salt":"<32 hexadecimal digits>"}
    {"fingerprint":"…","path":"src/app.py","rule":"github-pat","reason":"revoked","expires":"2027-01-31"}

The one rule: a baseline is a set of entries. The file has them sorted, one a line, and holds nothing that changes by
itself (no date of writing, no line numbers), so that two branches seldom touch the same place. It is read in any order,
and with lines twice, so git may join the rest with `merge=union`. It is replaced as a whole or not at all; of two
writers, the last one wins.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from promptguard.baseline.lines import encoded, encoded_header, split
from promptguard.baseline.match import ANYWHERE, Entry, Lookup, Matcher, place
from promptguard.errors import BaselineError
from promptguard.model import Finding


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a project has accepted. Values: `update` and `prune` answer a new one."""

    salt: bytes
    """Keys the fingerprints, so that those of two projects can't be compared."""
    entries: frozenset[Entry]

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Raises `BaselineError` for a file that can't be read, or a line that doesn't say what it should."""
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise BaselineError(f"{path}: no such baseline; make one with `promptguard baseline create`") from error
        except OSError as error:
            raise BaselineError(f"{path}: cannot be read: {error.strerror}") from error
        lines = split(path, data)
        if not lines:
            raise BaselineError(f"{path}: is empty; make a baseline with `promptguard baseline create`")
        return cls(lines[0].salt(), frozenset(line.entry() for line in lines[1:]))

    @classmethod
    def create(cls, findings: Iterable[Finding], reason: str = "", expires: date | None = None) -> Baseline:
        """Accepts all of them, under a new random salt."""
        return cls(os.urandom(16), frozenset()).update(findings, reason, expires, today=date.min, exists=_always)

    def matcher(self, today: date, exists: Callable[[str], bool]) -> Matcher:
        """`exists` says whether a path of an entry is still there: the value of one that is gone has moved."""
        return Matcher(Lookup(self.salt, self.entries, exists), today)

    def update(
        self,
        findings: Iterable[Finding],
        reason: str = "",
        expires: date | None = None,
        *,
        today: date,
        exists: Callable[[str], bool],
    ) -> Baseline:
        """Accepts these findings too.

        What is accepted already keeps its reason and last day, and follows its value to a new path or rule; what has
        expired gets the new ones (the old reason where no new one is given).
        """
        lookup = Lookup(self.salt, self.entries, exists)
        entries, added = set(self.entries), dict[tuple[str, str], Entry]()
        for (mark, path), found in sorted(_places(lookup, findings).items()):
            known = min(lookup.entries(found[0]), key=lambda entry: _preference(entry, today), default=None)
            if known is None:
                entry = Entry(mark, path, _first_rule(found), reason, expires)
            else:
                entries.discard(known)
                entry = _renewed(_following(known, mark, path, found), today, reason, expires)
            added.setdefault((entry.fingerprint, entry.path), entry)
        return replace(self, entries=frozenset(entries) | frozenset(added.values()))

    def prune(
        self,
        findings: Iterable[Finding],
        *,
        exists: Callable[[str], bool],
        covers: Callable[[str], bool] | None = None,
    ) -> Baseline:
        """Drops what none of the findings needs. Of a scan that saw only a part, `covers` says which paths it saw."""
        lookup = Lookup(self.salt, self.entries, exists)
        needed = {entry for finding in findings for entry in lookup.entries(finding)}
        return replace(self, entries=self.entries - (set(lookup.judged(covers)) - needed))

    def write(self, path: Path) -> None:
        """Replaces the file, following a symbolic link; whoever reads it meanwhile sees the old one whole."""
        lines = [encoded_header(self.salt), *sorted(map(encoded, self.entries))]
        try:
            _replace(Path(os.path.realpath(path)), b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise BaselineError(f"{path}: cannot be written: {error.strerror}; nothing was changed") from error


def _always(path: str) -> bool:
    return True


def _places(lookup: Lookup, findings: Iterable[Finding]) -> dict[tuple[str, str], list[Finding]]:
    """Findings by fingerprint and path: two rules of a vendor may find the same value."""
    places: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        places.setdefault((lookup.fingerprint(finding), place(finding)), []).append(finding)
    return places


def _preference(entry: Entry, today: date) -> tuple[bool, bytes]:
    return entry.is_expired(today), encoded(entry)


def _first_rule(found: list[Finding]) -> str:
    return min(finding.rule for finding in found)


def _following(known: Entry, mark: str, path: str, found: list[Finding]) -> Entry:
    """The entry, at the place and under the rule where its value is now."""
    same_value = mark in (known.fingerprint, known.replaces)
    is_anywhere = known.path == ANYWHERE
    keeps_rule = any(finding.rule == known.rule for finding in found) or (same_value and is_anywhere)
    return replace(
        known,
        fingerprint=known.fingerprint if same_value else mark,
        path=ANYWHERE if is_anywhere else path,
        rule=known.rule if keeps_rule else _first_rule(found),
        replaces=known.replaces if same_value else known.fingerprint,
    )


def _renewed(entry: Entry, today: date, reason: str, expires: date | None) -> Entry:
    if not entry.is_expired(today):
        return entry
    return replace(entry, reason=reason or entry.reason, expires=expires)


def _replace(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{os.urandom(6).hex()}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a power cut. Not every file system can, and the file is in place already."""
    if os.name == "posix":
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
