"""Checksums, against sums that were computed by other means."""

from __future__ import annotations

import base64
import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard.rules.checksums import ALGORITHMS, agrees

# "123456789" is the text that catalogues of checksums use; its CRC-32 is 0xCBF43926 in all of them.
CHECK = "123456789"


def _crc32(text: str) -> int:
    """CRC-32 bit by bit, as its definition has it."""
    sum_ = 0xFFFFFFFF
    for byte in text.encode():
        sum_ ^= byte
        for _ in range(8):
            sum_ = sum_ >> 1 ^ (0xEDB88320 if sum_ & 1 else 0)
    return sum_ ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("algorithm", "text", "expected"),
    [
        ("crc32-hex", CHECK, "cbf43926"),
        ("crc32-hex-le", CHECK, "2639f4cb"),
        ("crc32-base64-le", CHECK, "Jjn0yw"),
        ("crc32-hex", "", "00000000"),
        ("crc32-base62", "", "000000"),
        ("sha256-base32", "abc", "XJ4BNP4P"),
        ("luhn", "7992739871", "3"),
        ("luhn", "411111111111111", "1"),
        ("luhn", "4111-1111-1111-111", "1"),
    ],
)
def test_sums_are_those_of_their_definitions(algorithm: str, text: str, expected: str) -> None:
    """A sum computed otherwise than the vendor does would demote every real token."""
    assert ALGORITHMS[algorithm](text) == expected


@given(text=st.text())
def test_crc_sums_agree_with_a_crc_of_our_own(text: str) -> None:
    """Three spellings of one number: byte order and padding are what gets confused."""
    sum_ = _crc32(text)
    assert int(ALGORITHMS["crc32-hex"](text), 16) == sum_
    assert int.from_bytes(bytes.fromhex(ALGORITHMS["crc32-hex-le"](text)), "little") == sum_
    assert int.from_bytes(base64.b64decode(ALGORITHMS["crc32-base64-le"](text) + "=="), "little") == sum_
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    spelled = reversed(ALGORITHMS["crc32-base62"](text))
    assert sum(digits.index(char) * 62**place for place, char in enumerate(spelled)) == sum_


@given(text=st.text())
def test_sha256_base32_is_the_digests_first_forty_bits(text: str) -> None:
    """Eight characters of base 32 are exactly five bytes."""
    stated = ALGORITHMS["sha256-base32"](text)
    assert base64.b32decode(stated) == hashlib.sha256(text.encode()).digest()[:5]


@given(digits=st.text(string.digits, min_size=1, max_size=30))
def test_the_luhn_digit_catches_every_single_mistake(digits: str) -> None:
    """That is what the digit is for; doubling the wrong places would catch fewer."""
    right = ALGORITHMS["luhn"](digits)
    for place, digit in enumerate(digits):
        wrong = digits[:place] + str((int(digit) + 1) % 10) + digits[place + 1 :]
        assert ALGORITHMS["luhn"](wrong) != right


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_only_the_right_sum_agrees(algorithm: str) -> None:
    """A checksum that anything passes is worse than none: it speaks for a value."""
    right = ALGORITHMS[algorithm](CHECK)
    assert agrees(algorithm, CHECK, right)
    assert not agrees(algorithm, CHECK + "0", right)
    assert not agrees(algorithm, CHECK, right[:-1])
    assert not agrees(algorithm, CHECK, "")


@pytest.mark.parametrize(
    ("algorithm", "is_cased"),
    [("crc32-base62", True), ("crc32-base64-le", True), ("crc32-hex", False), ("crc32-hex-le", False)],
)
def test_case_counts_where_the_alphabet_has_both(algorithm: str, is_cased: bool) -> None:
    """Hexadecimal is written either way; in base 62 the other case is another digit."""
    right = next(sum_ for n in range(100) if (sum_ := ALGORITHMS[algorithm](str(n))).swapcase() != sum_)
    text = next(str(n) for n in range(100) if ALGORITHMS[algorithm](str(n)) == right)
    assert agrees(algorithm, text, right.swapcase()) is not is_cased
