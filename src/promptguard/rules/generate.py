"""Examples filled in: templates such as `ghp_{{base62:30}}{{checksum:6}}` become text with a live-looking credential.

The one rule: credentials are made at run time from a seeded generator, so that no file of ours ever holds one and every
run makes the same. `docs/write-a-rule.md` lists the templates.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import textwrap
from collections.abc import Mapping

from promptguard.rules.checksums import ALGORITHMS
from promptguard.rules.schema import Rule

ALPHABETS = {
    "base62": string.digits + string.ascii_letters,
    "base58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
    "base32": string.ascii_uppercase + "234567",
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "digits": string.digits,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "letters": string.ascii_letters,
    "lower-digits": string.ascii_lowercase + string.digits,
    "upper-digits": string.ascii_uppercase + string.digits,
}

_TEMPLATE = re.compile(r"\{\{(?P<name>[A-Za-z0-9-]+)(?::(?P<argument>(?:[^{}]|\{[^{}]*\})*))?\}\}")
_INNER = re.compile(r"\{(?P<name>[A-Za-z0-9-]+):(?P<argument>[^{}]*)\}")


class TemplateError(ValueError):
    """A template names no generator, or gives it an argument that it can't use."""


def fill(template: str, rng: random.Random, rules: Mapping[str, Rule]) -> str:
    """The text that a template stands for; `rules` answers `{{rule:id}}`. Raises `TemplateError`.

    A `{{checksum:N}}` becomes N zeros here, because its sum depends on a rule's pattern: see `example`.
    """
    return _TEMPLATE.sub(lambda found: _make(found["name"], found["argument"], rng, rules), template)


def example(rule: Rule, template: str, rng: random.Random, rules: Mapping[str, Rule]) -> str:
    """A template of this rule filled in, with its checksum right."""
    text = fill(template, rng, rules)
    if rule.checksum is None or "{{checksum" not in template:
        return text
    found = _search(rule, text)
    if found is None:
        raise TemplateError("{{checksum}} stands where the pattern does not match")
    start, end = found.span(_group(found, rule.checksum.equals))
    covered = found[_group(found, rule.checksum.over)]
    return text[:start] + ALGORITHMS[rule.checksum.algorithm](covered)[: end - start] + text[end:]


def secret_of(rule: Rule, rng: random.Random, rules: Mapping[str, Rule]) -> str:
    """The value in the rule's first example."""
    text = example(rule, rule.examples[0], rng, rules)
    found = _search(rule, text)
    if found is None:
        raise TemplateError(f"the first example of {rule.id} does not match its pattern")
    return found[_group(found, "secret")]


def _group(found: re.Match[str], name: str) -> str | int:
    """Where a pattern names no secret, the whole match is."""
    return 0 if name == "secret" and name not in found.groupdict() else name


def _search(rule: Rule, text: str) -> re.Match[str] | None:
    return re.compile(rule.pattern, re.ASCII).search(text)


def _make(name: str, argument: str | None, rng: random.Random, rules: Mapping[str, Rule]) -> str:
    if name in ALPHABETS:
        return random_text(ALPHABETS[name], _number(name, argument), rng)
    match name:
        case "from":
            chars, _, count = (argument or "").rpartition(":")
            return random_text(_class_members(chars), _number(name, count), rng)
        case "uuid":
            return uuid(rng)
        case "password":
            return password(_number(name, argument), rng)
        case "checksum":
            return "0" * _number(name, argument)
        case "base64-of":
            return base64.b64encode(_inner(argument or "", rng, rules)).decode()
        case "base64url-of":
            return base64.urlsafe_b64encode(_inner(argument or "", rng, rules)).decode().rstrip("=")
        case "jwt":
            return jwt(rng)
        case "pem":
            return pem(argument or "pkcs8", rng)
        case "rule":
            return _value_of(argument or "", rng, rules)
        case _:
            raise TemplateError(f"{{{{{name}}}}} is no template; docs/write-a-rule.md lists them")


def _number(name: str, argument: str | None) -> int:
    if not (argument or "").isdecimal():
        raise TemplateError(f"{{{{{name}}}}} needs a length: {{{{{name}:32}}}}")
    return int(argument or "")


def _inner(text: str, rng: random.Random, rules: Mapping[str, Rule]) -> bytes:
    return _INNER.sub(lambda found: _make(found["name"], found["argument"], rng, rules), text).encode()


def _class_members(chars: str) -> str:
    if not (chars.startswith("[") and chars.endswith("]")):
        raise TemplateError("{{from}} needs a class and a length: {{from:[a-z2-7]:20}}")
    wanted = re.compile(chars)
    return "".join(chr(code) for code in range(33, 127) if wanted.fullmatch(chr(code)))


def _value_of(rule_id: str, rng: random.Random, rules: Mapping[str, Rule]) -> str:
    if rule_id not in rules:
        raise TemplateError(f"{{{{rule:{rule_id}}}}} names no rule")
    return secret_of(rules[rule_id], rng, rules)


def random_text(alphabet: str, length: int, rng: random.Random) -> str:
    """Characters of the alphabet, drawn evenly; with both letters and digits where the alphabet has them and the length
    allows, because vendors' keys do, and so that no example is a word by accident."""
    while True:
        text = "".join(rng.choices(alphabet, k=length))
        if length < 16 or _is_mixed(text, alphabet):
            return text


def _is_mixed(text: str, alphabet: str) -> bool:
    kinds = (str.isdigit, str.islower, str.isupper)
    return all(any(map(kind, text)) for kind in kinds if any(map(kind, alphabet)))


def uuid(rng: random.Random) -> str:
    """A version 4 UUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{rng.choice('89ab')}{digits[17:20]}-{digits[20:]}"


def password(length: int, rng: random.Random) -> str:
    """Letters, digits and signs, one of each at least."""
    signs = "!#%*+-_="
    chars = [rng.choice(string.ascii_lowercase), rng.choice(string.ascii_uppercase), rng.choice(string.digits)]
    chars += [*rng.choices(string.ascii_letters + string.digits, k=max(0, length - 4)), rng.choice(signs)]
    rng.shuffle(chars)
    return "".join(chars)


def jwt(rng: random.Random) -> str:
    """A token as an identity provider signs them, good until 2100."""
    header = {"alg": "RS256", "typ": "JWT", "kid": random_text(ALPHABETS["hex"], 16, rng)}
    claims = {"iss": "https://id.acme.test", "sub": uuid(rng), "aud": "api", "iat": 1767225600, "exp": 4102444800}
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
    return ".".join([base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, rng.randbytes(64))])


def pem(kind: str, rng: random.Random) -> str:
    """A private key of random numbers in the right envelope: `rsa`, `ec`, `pkcs8` (Ed25519) or `openssh`."""
    makers = {"rsa": _rsa, "ec": _ec, "pkcs8": _pkcs8, "openssh": _openssh}
    if kind not in makers:
        raise TemplateError(f"{{{{pem:{kind}}}}} is no kind of key; there are {', '.join(makers)}")
    label, body = makers[kind](rng)
    lines = textwrap.wrap(base64.b64encode(body).decode(), 70 if kind == "openssh" else 64)
    return "\n".join([f"-----BEGIN {label}PRIVATE KEY-----", *lines, f"-----END {label}PRIVATE KEY-----"])


def _rsa(rng: random.Random) -> tuple[str, bytes]:
    p, q = ((rng.getrandbits(512) | 1 << 511 | 1 << 510 | 1) for _ in range(2))
    numbers = (
        0,
        p * q,
        65537,
        rng.getrandbits(1000),
        p,
        q,
        rng.getrandbits(511),
        rng.getrandbits(511),
        rng.getrandbits(511),
    )
    return "RSA ", _der(0x30, b"".join(map(_der_integer, numbers)))


def _ec(rng: random.Random) -> tuple[str, bytes]:
    curve = bytes.fromhex("06082a8648ce3d030107")  # the identifier of NIST P-256
    return "EC ", _der(0x30, _der_integer(1) + _der(0x04, rng.randbytes(32)) + _der(0xA0, curve))


def _pkcs8(rng: random.Random) -> tuple[str, bytes]:
    ed25519 = _der(0x30, bytes.fromhex("06032b6570"))
    return "", _der(0x30, _der_integer(0) + ed25519 + _der(0x04, _der(0x04, rng.randbytes(32))))


def _openssh(rng: random.Random) -> tuple[str, bytes]:
    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4) + data

    public = field(b"ssh-ed25519") + field(rng.randbytes(32))
    check = rng.randbytes(4)
    private = check + check + public + field(rng.randbytes(64)) + field(b"someone@acme")
    padded = private + bytes(range(1, 1 + -len(private) % 8))
    plain = field(b"none") + field(b"none") + field(b"") + (1).to_bytes(4)
    return "OPENSSH ", b"openssh-key-v1\0" + plain + field(public) + field(padded)


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8)
    )
    return bytes([tag]) + length + body


def _der_integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1))
