"""One file, read in blocks.

The one rule: reading never hangs and never lies. Whatever is no regular file is refused after opening it without
blocking, and a file that ends early is an error, not a shorter file.

The plan, because a scan opens tens of thousands of small files: one `open`, one `fstat`, one `read` of exactly the size
that `fstat` told, one `close`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from promptguard.errors import UnreadableError
from promptguard.model import BLOCK_BYTES

NOT_REGULAR = "not a regular file"

# Windows has no such flags but O_BINARY, without which it would change line ends. O_NONBLOCK: a pipe that takes a
# file's place between listing and opening must not hang us.
_FOLLOW = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"))
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FIRST_READ = 64 * 1024

_REASONS = {
    errno.ENOENT: "vanished",
    errno.ENOTDIR: "vanished",
    errno.ESTALE: "vanished",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "symbolic link loop",
    errno.ENXIO: NOT_REGULAR,
    errno.EAGAIN: "has nothing to read yet",
}


def read(path: str, *, follow: bool = False) -> Iterator[bytes]:
    """Blocks of at most `BLOCK_BYTES`, as the file was when opened: what is appended meanwhile is left out.

    `follow` says whether a symbolic link may stand at `path`. Raises `UnreadableError`.
    """
    try:
        descriptor = os.open(path, _FOLLOW if follow else _FOLLOW | _NOFOLLOW)
    except OSError as error:
        raise UnreadableError(_refusal(error, follow)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError(NOT_REGULAR)
        yield from _sized(descriptor, status.st_size) if status.st_size else _unsized(descriptor)
    except OSError as error:
        raise UnreadableError(reason(error)) from error
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Why, in a few words that are fit for a report and hold no path."""
    known = _REASONS.get(error.errno or 0)
    return known or os.strerror(error.errno or 0).lower()


def _refusal(error: OSError, follow: bool) -> str:
    if error.errno == errno.ELOOP and not follow:
        return "replaced by a symbolic link"
    return reason(error)


def _sized(descriptor: int, left: int) -> Iterator[bytes]:
    while left > 0:
        block = os.read(descriptor, min(left, BLOCK_BYTES))
        if not block:
            raise UnreadableError("truncated while being read")
        left -= len(block)
        yield block


def _unsized(descriptor: int) -> Iterator[bytes]:
    """Empty files, and those of /proc and the like, whose size says 0."""
    size = _FIRST_READ
    while block := os.read(descriptor, size):
        yield block
        size = BLOCK_BYTES
