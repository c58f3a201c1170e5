"""What other tools were told to accept, so that a team's first baseline holds no more and no less.

    accepted = importers.accepted(Path(".secrets.baseline"))
    Baseline.create(filter(accepted, findings), reason="accepted in .secrets.baseline")
    print(*accepted.unmatched(), sep="\\n")

The one rule: no such file holds what a baseline needs (one has hashes, another line numbers), so the findings of a scan
are asked about, one by one. Each module of this folder reads one kind of file; a new module is a new kind, there is no
list to edit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from promptguard.baseline.match import slashed
from promptguard.errors import BaselineError
from promptguard.model import Finding

Key = tuple[str, int | str]
"""Where to look for a finding: its path, and a line or the SHA-1 of its value."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that another tool accepts."""

    label: str
    """What to call it in a report; nothing of the value."""
    keys: tuple[Key, ...]
    """Any of them leads to it."""
    agrees: Callable[[Finding], bool] = lambda finding: True
    """Whether a finding that a key leads to is the one that was meant."""


class Accepted:
    """Says of a finding whether the other tool's file accepts it; knows at the end which records met none."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._labels: list[str] = []
        self._matched: set[int] = set()
        self._by_key: dict[Key, list[tuple[int, Record]]] = {}
        for number, record in enumerate(records):
            self._labels.append(record.label)
            for key in record.keys:
                self._by_key.setdefault(key, []).append((number, record))

    def __call__(self, finding: Finding) -> bool:
        met = {number for number, record in self._met(finding) if record.agrees(finding)}
        self._matched |= met
        return bool(met)

    def unmatched(self) -> Iterator[str]:
        """The labels of the records that accept none of the findings, in the file's order."""
        return (label for number, label in enumerate(self._labels) if number not in self._matched)

    def _met(self, finding: Finding) -> Iterator[tuple[int, Record]]:
        for key in _keys(finding):
            yield from self._by_key.get(key, ())


def accepted(file: Path) -> Accepted:
    """Reads a file of any kind that a module of this folder knows, told apart by what is in it."""
    text = _text(file)
    for kind in _kinds():
        records = kind.records(text)
        if records is not None:
            return Accepted(records)
    raise BaselineError(f"{file}: is none of what can be taken over: {', '.join(kind.ACCEPTS for kind in _kinds())}")


def _keys(finding: Finding) -> Iterator[Key]:
    path = named(finding.origin.path)
    yield path, sha1(finding.secret.reveal())
    for line in range(finding.line, finding.end_line + 1):
        yield path, line


def named(path: str) -> str:
    """A path as both tools would write it: with slashes, and without the `./` of a scan of the current folder."""
    return slashed(path).removeprefix("./")


def sha1(value: str) -> str:
    import hashlib

    return hashlib.sha1(value.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


class _Kind(Protocol):
    ACCEPTS: str
    """The file, as a user would call it."""

    def records(self, text: str) -> list[Record] | None:
        """What it accepts, or None when it is another kind of file."""
        ...


def _kinds() -> Iterator[_Kind]:
    from importlib import import_module
    from pkgutil import iter_modules

    for module in iter_modules(__path__):
        yield cast(_Kind, import_module(f"{__name__}.{module.name}"))


def _text(file: Path) -> str:
    """PowerShell's `>` writes UTF-16."""
    try:
        data = file.read_bytes()
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise BaselineError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BaselineError(f"{file}: is not text; give the file that the other tool wrote") from error
