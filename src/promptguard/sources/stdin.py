"""Standard input.

The one rule: blocks are handed on as they arrive, so that a stream without an end can be scanned too.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from promptguard.errors import UnreadableError
from promptguard.model import BLOCK_BYTES, Document, Origin
from promptguard.sources.blocks import reason

_PIPE_BYTES = 64 * 1024
"""What a pipe gives at a time; asking for more would reserve it each time."""


def stdin(stream: BinaryIO, name: str = "-") -> Iterator[Document]:
    """One document of a binary stream that nobody has read from yet, `sys.stdin.buffer`. Its blocks come only once."""
    yield Document(Origin(name), partial(_blocks, stream))


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    try:
        yield from _arriving(stream.fileno())
    except io.UnsupportedOperation:  # it is in memory
        yield from iter(partial(stream.read, BLOCK_BYTES), b"")
    except OSError as error:
        raise UnreadableError(reason(error)) from error


def _arriving(descriptor: int) -> Iterator[bytes]:
    """Past the stream's own buffer: through that, a pipe that another program made non-blocking seems to have ended."""
    size = BLOCK_BYTES if stat.S_ISREG(os.fstat(descriptor).st_mode) else _PIPE_BYTES
    while True:
        try:
            block = os.read(descriptor, size)
        except BlockingIOError:
            _wait(descriptor)
            continue
        if not block:
            return
        yield block


def _wait(descriptor: int) -> None:
    import select

    select.select([descriptor], [], [])
