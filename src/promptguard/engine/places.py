"""Where something is, as people and editors count: characters, lines, columns.

The one rule: a place is moved forward over the bytes in between, so that nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from promptguard.engine.encoding import ENCODING


@dataclass(frozen=True, slots=True)
class Place:
    char: int = 0
    """From 0, in the decoded text."""
    line: int = 1
    """From 1; lines end at a line feed."""
    column: int = 1
    """From 1, in characters."""

    def after(self, data: bytes) -> Place:
        """The place where `data`, which starts here, ends."""
        if not data:
            return self
        newlines = data.count(b"\n")
        chars = _chars(data)
        if not newlines:
            return Place(self.char + chars, self.line, self.column + chars)
        return Place(self.char + chars, self.line + newlines, 1 + _chars(data[data.rfind(b"\n") + 1 :]))


def _chars(data: bytes) -> int:
    return len(data) if data.isascii() else len(data.decode(*ENCODING))
