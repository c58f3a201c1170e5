"""Checksums that vendors put into their tokens: names that rules may use, and how each is computed.

The one rule: a function takes the text that the sum covers and returns the sum as the token spells it. Sources:
GitHub's article on its token formats (CRC-32 in six base-62 digits, npm the same), Grafana's and Atlassian's tokens
(CRC-32 in hexadecimal, Grafana's little-endian), Confluent's (CRC-32 in base 64), and public samples of GitHub's
fine-grained tokens.
"""

from __future__ import annotations

import base64
import hashlib
import string
import zlib
from collections.abc import Callable

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())


def _in_base62(number: int, alphabet: str) -> str:
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = alphabet[digit] + digits
    return digits


def crc32_base62(text: str) -> str:
    """Six digits of `0-9A-Za-z`, most significant first."""
    return _in_base62(_crc(text), _BASE62)


def crc32_hex(text: str) -> str:
    """Eight lower-case hexadecimal digits."""
    return f"{_crc(text):08x}"


def crc32_hex_le(text: str) -> str:
    """Eight lower-case hexadecimal digits, bytes in little-endian order."""
    return _crc(text).to_bytes(4, "little").hex()


def crc32_base64_le(text: str) -> str:
    """Six characters of base 64 of the four bytes in little-endian order."""
    return base64.b64encode(_crc(text).to_bytes(4, "little")).decode().rstrip("=")


def sha256_base32(text: str) -> str:
    """The first eight characters of the base 32 of SHA-256."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest())[:8].decode()


def luhn(text: str) -> str:
    """The check digit that makes text plus digit pass Luhn's test."""
    total = 0
    for place, digit in enumerate(int(char) for char in reversed(text) if char.isdigit()):
        doubled = digit * 2 if place % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


ALGORITHMS: dict[str, Callable[[str], str]] = {
    "crc32-base62": crc32_base62,
    "crc32-hex": crc32_hex,
    "crc32-hex-le": crc32_hex_le,
    "crc32-base64-le": crc32_base64_le,
    "sha256-base32": sha256_base32,
    "luhn": luhn,
}


def agrees(algorithm: str, over: str, stated: str) -> bool:
    """Whether the stated sum is the right one; case counts only where the algorithm's alphabet has both."""
    expected = ALGORITHMS[algorithm](over)
    return expected == stated or (algorithm not in _CASED and expected.lower() == stated.lower())


_CASED = {"crc32-base62", "crc32-base64-le"}
