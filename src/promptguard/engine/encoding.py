"""Bytes of any text become blocks of UTF-8, or are named as binary.

The one rule: text is never passed over because of how it is stored, and what is no text is said to be none. UTF-8
first; UTF-16 and UTF-32 with a byte-order mark, or recognised by where their zero bytes stand; a mark is no part of the
text.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from promptguard.errors import UnreadableError

ENCODING = ("utf-8", "surrogateescape")
"""How bytes become characters everywhere: what is no UTF-8 counts as one character a byte."""

HEAD = 65_536
"""Bytes at the start that decide: a zero byte among them makes a file binary, unless it is UTF-16 or UTF-32."""

LONGEST_MARK = 4
"""Bytes of the longest byte-order mark."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def char_start(data: bytes, offset: int) -> int:
    """The offset into UTF-8, or the start of the character that it would cut."""
    if offset >= len(data):
        return len(data)
    start = offset
    while start > 0 and offset - start < 3 and data[start] & 0xC0 == 0x80:
        start -= 1
    return start if data[start] >= 0xC0 else offset


def utf8_blocks(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text as UTF-8, its mark removed. Raises `UnreadableError("binary")`."""
    head = next(blocks, b"")
    while len(head) < LONGEST_MARK and (more := next(blocks, None)) is not None:
        head += more
    encoding, mark = detect(head)
    head = head[mark:]
    if encoding == "utf-8":
        yield head
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if "16" in encoding else "replace")
    try:
        yield decoder.decode(head).encode("utf-8", "surrogatepass")
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"broken {encoding}") from error


def detect(head: bytes) -> tuple[str, int]:
    """(encoding, bytes of its mark). Raises `UnreadableError("binary")`."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    sample = head[:HEAD]
    if b"\0" not in sample:
        return "utf-8", 0
    wide = _unmarked(sample[:4096])
    if wide is None:
        raise UnreadableError("binary")
    return wide, 0


def _unmarked(sample: bytes) -> str | None:
    """The wide encoding in which mostly Latin text would have its zero bytes where the sample has them."""
    if len(sample) < 4:
        return None
    zeros = [sample[lane::4].count(0) / max(1, len(sample[lane::4])) for lane in range(4)]
    match [share > 0.7 for share in zeros], [share < 0.1 for share in zeros]:
        case [False, True, True, True], [True, *_]:
            return "utf-32-le"
        case [True, True, True, False], [*_, True]:
            return "utf-32-be"
        case [False, True, False, True], [True, _, True, _]:
            return "utf-16-le"
        case [True, False, True, False], [_, True, _, True]:
            return "utf-16-be"
        case _:
            return None
