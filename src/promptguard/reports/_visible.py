"""Text from outside, made fit to be written: names and lines of scanned files are chosen by whoever made them.

The one rule: what is not a visible character becomes its escape. An escape sequence would command the terminal, a
bidirectional override would show a line other than it is, and a name that is no Unicode would break the encoding.
"""

from __future__ import annotations

from typing import TextIO


def visible(text: str) -> str:
    r"""For a terminal: controls, bidirectional overrides and all else without a shape as `\x1b`, `\u202e` …

    >>> visible("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in encodable(text)
    )


def encodable(text: str) -> str:
    r"""For JSON in UTF-8: the bytes of a name that is no Unicode as `\xe9`; all other text stays as it is.

    Parsers differ over lone surrogates (some refuse the document), so none is written.
    """
    return text if text.isascii() else name_bytes(text).decode("utf-8", "backslashreplace")


def name_bytes(text: str) -> bytes:
    """The bytes that a file's name has on disk: Python decodes those that are no UTF-8 to lone surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # not from a file system that has bytes for names
        return text.encode("utf-8", "surrogatepass")


def writable(text: str, out: TextIO) -> str:
    """With escapes for what `out` has no code for: a redirected stream on Windows is seldom Unicode."""
    encoding = out.encoding or "utf-8"  # an `io.StringIO` has none
    return text.encode(encoding, "backslashreplace").decode(encoding)
