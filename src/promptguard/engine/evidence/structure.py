"""What can be taken apart without asking anybody: tokens that carry a structure of their own.

A structure that holds speaks for a value, one that does not against it. Names are what rules write as `structure`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable

from promptguard.engine.matches import Candidate
from promptguard.model import Evidence


def judge(candidate: Candidate) -> Evidence | None:
    name = candidate.rule.structure
    if name is None:
        return None
    if STRUCTURES[name](candidate):
        return Evidence("structure", 2.0, f"is well-formed {name}")
    return Evidence("structure", -3.0, f"is no well-formed {name}")


def decoded(text: str) -> bytes | None:
    """Base 64 of either alphabet, padded or not."""
    body = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _json_object(text: str) -> dict[str, object] | None:
    data = decoded(text)
    if data is None:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_jwt(candidate: Candidate) -> bool:
    header = _json_object(candidate.value.split(".")[0])
    return header is not None and ("alg" in header or "enc" in header)


def is_json_base64(candidate: Candidate) -> bool:
    """The longest base-64 run of the value is a JSON object."""
    runs = re.findall(r"[A-Za-z0-9+/_-]{16,}={0,2}", candidate.value)
    start = next((run[run.find("eyJ") :] for run in sorted(runs, key=len, reverse=True) if "eyJ" in run), None)
    return start is not None and any(_json_object(start[: len(start) - cut]) is not None for cut in range(4))


def is_macaroon(candidate: Candidate) -> bool:
    """Version 2: a 2, then packets of type, length, body; the first names a location or an identifier."""
    body = candidate.value[len(candidate.rule.prefix) :] if candidate.rule.prefix else candidate.value
    for text in (candidate.value.split("-", 1)[-1], body, candidate.value):
        data = decoded(text[: len(text) // 4 * 4])
        if data and data[0] == 2 and len(data) > 3 and data[1] in (1, 2) and data[2] < len(data):
            return True
    return False


_ARMOUR = re.compile(r"-----[^-]{1,60}-----")
_HEADER = re.compile(r"(?m)^[ \t>|#*/\"']*[A-Za-z][A-Za-z-]{1,30}: .*$")
_BASE64_WORD = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def is_pem(candidate: Candidate) -> bool:
    """Words of base 64 between BEGIN and END, most of them long; encrypted keys carry headers first, and source code
    puts quotes, escapes and signs around the lines."""
    text = candidate.value.replace("\\r", "").replace("\\n", "\n")
    body = _HEADER.sub("", _ARMOUR.sub("\n", text))
    words = [word for word in re.split(r"[\s\"'`,+;\\>|#*]+(?=\s|$)|[\s\"'`,;\\>|#*()]+", body) if word]
    if sum(map(len, words)) < 40 or not all(map(_BASE64_WORD.fullmatch, words)):
        return False
    short = sum(len(word) < 16 for word in words)
    return short <= 1 + len(words) // 4 and len(set(body)) > 12


def is_aws_key_id(candidate: Candidate) -> bool:
    """Twelve digits of account number, in base 32 after the four letters of its kind."""
    return re.fullmatch("[A-Z2-7]{16}", candidate.value[4:20]) is not None


_STAND_IN = re.compile(
    r"(?:my|your|some)?[ _-]?(?:pass(?:word)?|secret|token|pwd|key|x+|\*+)|x-oauth-basic|changeme|example"
)


def is_basic_auth(candidate: Candidate) -> bool:
    """A user name and a password, joined by a colon."""
    data = decoded(candidate.value)
    if data is None or b":" not in data[1:-2]:
        return False
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return text.isprintable() and not _STAND_IN.fullmatch(text.partition(":")[2].lower())


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def is_bech32(candidate: Candidate) -> bool:
    """BIP-173's checksum, of either case."""
    human, _, data = candidate.value.lower().rpartition("1")
    if not human or any(char not in _BECH32 for char in data):
        return False
    values = [ord(char) >> 5 for char in human] + [0] + [ord(char) & 31 for char in human]
    values += [_BECH32.index(char) for char in data]
    sum_ = 1
    for value in values:
        top, sum_ = sum_ >> 25, (sum_ & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            sum_ ^= generator if top >> bit & 1 else 0
    return sum_ in (1, 0x2BC830A3)


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def is_base58check(candidate: Candidate) -> bool:
    """Bitcoin's double SHA-256 over all but the last four bytes."""
    number = 0
    for char in candidate.value:
        digit = _BASE58.find(char)
        if digit < 0:
            return False
        number = number * 58 + digit
    data = number.to_bytes((number.bit_length() + 7) // 8)
    data = bytes(len(candidate.value) - len(candidate.value.lstrip("1"))) + data
    return hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


def is_luhn(candidate: Candidate) -> bool:
    digits = [int(char) for char in candidate.value if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


STRUCTURES: dict[str, Callable[[Candidate], bool]] = {
    "basic-auth": is_basic_auth,
    "jwt": is_jwt,
    "json-base64": is_json_base64,
    "macaroon": is_macaroon,
    "pem": is_pem,
    "aws-key-id": is_aws_key_id,
    "bech32": is_bech32,
    "base58check": is_base58check,
    "luhn": is_luhn,
}
