"""What one .gitignore file says, without git.

The one rule: each verdict is git's own, byte for byte, for a name whose parent folders are not ignored (the caller
enters no ignored folder). Every pattern becomes a regular expression in which no part is retried once it has matched,
so that a hostile file costs no more than an honest one.

A limit: git reads the stars of `foo**/bar` as if a folder could begin after `foo`. Its manual calls them ordinary
stars, and that is what they are here.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

_T = TypeVar("_T")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SLASH, _STAR, _STARS = b"/", b"*", b"**"

_CLASSES = {
    b"alnum": string.ascii_letters + string.digits,
    b"alpha": string.ascii_letters,
    b"blank": " \t",
    b"cntrl": "".join(map(chr, (*range(1, 32), 127))),
    b"digit": string.digits,
    b"graph": string.ascii_letters + string.digits + string.punctuation,
    b"lower": string.ascii_lowercase,
    b"print": string.ascii_letters + string.digits + string.punctuation + " ",
    b"punct": string.punctuation,
    b"space": " \t\n\r",
    b"upper": string.ascii_uppercase,
    b"xdigit": string.hexdigits,
}

_MEMBER = re.compile(rb"(?s)\[:(?P<named>[^]]*):]|(?P<low>\\.|[^\\])(?:-(?P<high>\\.|[^]\\]))?")


@dataclass(frozen=True, slots=True)
class Gitignore:
    """The patterns of one file; the last that matches decides."""

    groups: tuple[_Group, ...]
    """Neighbours that say the same are one group; the last comes first."""

    @classmethod
    def parse(cls, text: bytes) -> Gitignore:
        patterns = filter(None, map(_pattern, text.removeprefix(_BYTE_ORDER_MARK).split(b"\n")))
        groups = [_group(ignores, run) for ignores, run in groupby(patterns, key=lambda pattern: pattern.ignores)]
        return cls(tuple(reversed(groups)))

    def verdict(self, path: str) -> bool | None:
        """Whether a path is ignored; None: not said. Relative to the file's folder, a folder with a trailing `/`."""
        whole = path.encode("utf-8", "surrogateescape")
        name = whole[whole.rfind(b"/", 0, -1) + 1 :]
        for group in self.groups:
            if group.matches(whole, name):
                return group.ignores
        return None


@dataclass(frozen=True, slots=True)
class _Group:
    ignores: bool
    names: re.Pattern[bytes] | None
    """Of the patterns without a slash: they match the last name of a path."""
    paths: re.Pattern[bytes] | None
    """Of the patterns with one: they match whole paths."""

    def matches(self, path: bytes, name: bytes) -> bool:
        if self.names is not None and self.names.fullmatch(name):
            return True
        return self.paths is not None and self.paths.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class _Pattern:
    ignores: bool
    is_path: bool
    expression: bytes


def _group(ignores: bool, patterns: Iterator[_Pattern]) -> _Group:
    names: list[bytes] = []
    paths: list[bytes] = []
    for pattern in patterns:
        (paths if pattern.is_path else names).append(pattern.expression)
    return _Group(ignores, _any_of(names), _any_of(paths))


def _any_of(expressions: list[bytes]) -> re.Pattern[bytes] | None:
    return re.compile(b"(?s)" + b"|".join(expressions)) if expressions else None


def _pattern(line: bytes) -> _Pattern | None:
    """One line's pattern; None for a comment, an empty line, and what can match nothing."""
    line = _without_trailing_blanks(line.removesuffix(b"\r"))
    if line.startswith(b"#"):
        return None
    ignores = not line.startswith(b"!")
    line = line if ignores else line[1:]
    end = b"/" if line.endswith(b"/") else b"/?"
    line = line.removesuffix(b"/")
    tokens = _tokens(line.removeprefix(b"/"))
    return _Pattern(ignores, b"/" in line, _expression(tokens) + end) if tokens else None


def _without_trailing_blanks(line: bytes) -> bytes:
    """A blank after a backslash stays."""
    kept = line.rstrip(b" ")
    is_escaped = (len(kept) - len(kept.rstrip(b"\\"))) % 2
    return line[: len(kept) + is_escaped]


def _tokens(pattern: bytes) -> list[bytes] | None:
    """`/`, `*`, `**` where it spans folders, else a regular expression of one byte; None if nothing can match."""
    tokens, at = [], 0
    while at < len(pattern):
        token, end = _token(pattern, at)
        if not token:
            return None
        tokens.append(token)
        at = end
    return tokens


def _token(pattern: bytes, at: int) -> tuple[bytes | None, int]:
    """The token at `at`, and where it ends; None if it is cut off."""
    match pattern[at : at + 1]:
        case b"*":
            end = len(pattern) - len(pattern[at:].lstrip(b"*"))
            is_alone = pattern[:at][-1:] in (b"", b"/") and pattern[end : end + 1] in (b"", b"/")
            return _STARS if is_alone and end > at + 1 else _STAR, end
        case b"?":
            return b"[^/]", at + 1
        case b"[":
            return _bracket(pattern, at + 1)
        case b"\\":
            return re.escape(pattern[at + 1 : at + 2]), at + 2
        case plain:
            return re.escape(plain), at + 1


def _bracket(pattern: bytes, at: int) -> tuple[bytes | None, int]:
    """A bracket expression as its members, each written out; a slash is never one."""
    is_negated = pattern[at : at + 1] in (b"!", b"^")
    at += is_negated
    members: set[int] = set()
    first = at
    while at == first or pattern[at : at + 1] != b"]":
        member = _MEMBER.match(pattern, at)
        if member is None or member["named"] not in (None, *_CLASSES):
            return None, at
        members |= _bytes_of(member)
        at = member.end()
    members = set(range(256)) - members if is_negated else members
    written = b"".join(b"\\x%02x" % byte for byte in sorted(members - {ord("/")}))
    return b"[%b]" % written if written else b"(?!)", at + 1


def _bytes_of(member: re.Match[bytes]) -> set[int]:
    if member["named"] is not None:
        return set(_CLASSES[member["named"]].encode())
    low = member["low"][-1]
    return {low, *range(low, member["high"][-1] + 1)} if member["high"] else {low}


def _expression(tokens: list[bytes]) -> bytes:
    """The regular expression of a pattern: `**` spans folders, `*` the bytes of one name.

    What stands between two of a kind has a fixed length, so the first place where it fits is as good as any later one:
    hence the atomic groups.
    """
    first, *others = _split(_split(tokens, _SLASH), [_STARS])
    expression = _folders(first) if others else _names(first)
    for part in others[:-1]:
        if part:
            expression += b"(?>(?:[^/]+/)*?%b)" % _folders(part)
    if others:
        expression += b"(?:[^/]+/)*%b" % _names(others[-1]) if others[-1] else b".+"
    return expression


def _folders(names: list[list[bytes]]) -> bytes:
    return b"".join(_name(name) + b"/" for name in names)


def _names(names: list[list[bytes]]) -> bytes:
    return b"/".join(map(_name, names))


def _name(tokens: list[bytes]) -> bytes:
    first, *others = map(b"".join, _split(tokens, _STAR))
    if not others:
        return first
    beginning = first or b"(?=[^/])"  # no name is empty
    middle = b"".join(b"(?>[^/]*?%b)" % part for part in others[:-1])
    return b"%b%b[^/]*%b" % (beginning, middle, others[-1])


def _split(values: list[_T], separator: _T) -> list[list[_T]]:
    parts: list[list[_T]] = [[]]
    for value in values:
        if value == separator:
            parts.append([])
        else:
            parts[-1].append(value)
    return parts
