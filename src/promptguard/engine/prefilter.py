"""One native pass over UTF-8 bytes: which rules could match, and where?

The one rule: nothing that a rule's exact pattern matches is missed; too much may be reported. Offsets are bytes.
"""

from __future__ import annotations

import threading

import hyperscan

from promptguard.engine.compiled import CompiledRules


def check_database(data: bytes) -> None:
    """Raises ValueError for a database that the native engine refuses: damaged, or made for another processor."""
    try:
        hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
    except hyperscan.HyperscanError as error:
        raise ValueError(f"the native engine refuses the database: {error!r}") from error


class Prefilter:
    """The native database, usable from many threads: a scratch space serves one scan at a time, so each has its own."""

    def __init__(self, compiled: CompiledRules) -> None:
        self._database = hyperscan.loadb(compiled.database, hyperscan.HS_MODE_BLOCK)
        self._threads = threading.local()

    def hits(self, data: bytes) -> list[tuple[int, int]]:
        """(id, end offset) of everything that fired, in order of offsets. Releases the GIL while it looks."""
        found: list[tuple[int, int]] = []
        append = found.append  # a callback may only append: exceptions and truthy answers would end the scan

        def fired(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            append((number, end))

        self._database.scan(data, match_event_handler=fired, scratch=self._scratch())
        return found

    def _scratch(self) -> hyperscan.Scratch:
        scratch: hyperscan.Scratch | None = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(self._database)
        return scratch
