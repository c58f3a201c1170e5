"""Standard input, with real pipes."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from promptguard.errors import UnreadableError
from promptguard.model import BLOCK_BYTES
from promptguard.sources.stdin import stdin


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    (document,) = stdin(stream)
    return document.blocks()


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, int]]:
    """A reader as `sys.stdin.buffer` is one, and the descriptor to write to."""
    ours, theirs = os.pipe()
    with open(ours, "rb") as reader:
        yield reader, theirs


def test_is_one_document_with_a_name() -> None:
    """A report must be able to say where the text came from: `-`, or the file that an editor holds unsaved."""
    (plain,) = stdin(io.BytesIO(b"text"))
    (named,) = stdin(io.BytesIO(b"text"), "src/app.py")
    assert (plain.origin.path, named.origin.path) == ("-", "src/app.py")


def test_hands_on_what_has_arrived(pipe: tuple[BinaryIO, int]) -> None:
    """`tail -f log | promptguard scan -` must report a leak when it happens, not at the end of days."""
    reader, writer = pipe
    arriving = blocks(reader)
    os.write(writer, b"first\r\n")
    assert next(arriving) == b"first\r\n"
    os.write(writer, b"second")
    assert next(arriving) == b"second"
    os.close(writer)
    assert list(arriving) == []


def test_loses_nothing_of_a_long_stream(pipe: tuple[BinaryIO, int]) -> None:
    """Text of any size must pass through in bounded blocks."""
    reader, writer = pipe
    data = os.urandom(3_000_000)

    def write() -> None:
        with open(writer, "wb") as file:
            file.write(data)

    writing = threading.Thread(target=write)
    writing.start()
    found = list(blocks(reader))
    writing.join()
    assert b"".join(found) == data
    assert max(map(len, found)) <= BLOCK_BYTES


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_waits_on_a_pipe_that_is_not_blocking(pipe: tuple[BinaryIO, int]) -> None:
    """Some programs make a shared pipe non-blocking; reading it must not seem to be at its end while data comes."""
    reader, writer = pipe
    os.set_blocking(reader.fileno(), False)
    found: list[bytes] = []
    reading = threading.Thread(target=lambda: found.extend(blocks(reader)))
    reading.start()
    reading.join(0.05)
    assert reading.is_alive()
    os.write(writer, b"late")
    os.close(writer)
    reading.join(10)
    assert found == [b"late"]


def test_reads_a_redirected_file_in_large_blocks(tmp_path: Path) -> None:
    """`promptguard scan - < file` should cost what scanning the file does."""
    data = bytes(BLOCK_BYTES + 5)
    (tmp_path / "a").write_bytes(data)
    with open(tmp_path / "a", "rb") as stream:
        assert list(map(len, blocks(stream))) == [BLOCK_BYTES, 5]


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_reads_a_stream_in_memory(size: int) -> None:
    """Tests and other programs hand in what is no file at all."""
    found = list(blocks(io.BytesIO(bytes(size))))
    assert b"".join(found) == bytes(size)
    assert all(0 < len(block) <= BLOCK_BYTES for block in found)


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be opened on Windows")
def test_says_why_it_cannot_be_read(tmp_path: Path) -> None:
    """`promptguard scan - < folder` must fail as unreadable, not as empty, and not with a traceback."""
    folder = os.open(tmp_path, os.O_RDONLY)
    with open(os.devnull, "rb") as stream:
        os.dup2(folder, stream.fileno())
        with pytest.raises(UnreadableError, match="is a directory"):
            list(blocks(stream))
    os.close(folder)
