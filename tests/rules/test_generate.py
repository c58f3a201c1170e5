"""Templates: what they make is seeded, and is what it says."""

from __future__ import annotations

import base64
import json
import random
import re
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard.rules.checksums import ALGORITHMS
from promptguard.rules.generate import ALPHABETS, TemplateError, example, fill, secret_of
from promptguard.rules.schema import Checksum, CounterExample, Rule

SUMMED = Rule(
    id="acme-key",
    version=1,
    name="Acme key",
    why="spends credit",
    severity="high",
    confidence="high",
    pattern="key: (?P<secret>(?P<body>acme_[0-9A-Za-z]{20})(?P<sum>[0-9A-Za-z]{6}))",
    checksum=Checksum("crc32-base62", over="body", equals="sum"),
    examples=("key: acme_{{base62:20}}{{checksum:6}}!",),
    counter_examples=(CounterExample("acme", "short"),),
)
EVERY_TEMPLATE = (
    *(f"{{{{{name}:24}}}}" for name in ALPHABETS),
    "{{from:[a-f_]:9}}", "{{uuid}}", "{{password:14}}", "{{base64-of:user:{hex:8}}}", "{{base64url-of:{digits:5}}}",
    "{{jwt}}", "{{pem:rsa}}", "{{pem:ec}}", "{{pem:pkcs8}}", "{{pem:openssh}}", "{{rule:acme-key}}",
)  # fmt: skip


def _filled(template: str, seed: object = 1) -> str:
    return fill(template, random.Random(str(seed)), {"acme-key": SUMMED})


@pytest.mark.parametrize("template", EVERY_TEMPLATE)
def test_a_seed_decides_everything(template: str) -> None:
    """A failing example must fail again tomorrow, and two rounds must not try the same value."""
    assert _filled(template, 1) == _filled(template, 1)
    assert _filled(template, 1) != _filled(template, 2)
    assert "{{" not in _filled(template)


@given(name=st.sampled_from(sorted(ALPHABETS)), length=st.integers(0, 80), seed=st.integers())
def test_alphabets_give_that_many_of_their_characters(name: str, length: int, seed: int) -> None:
    """An example one character short tests the counter-example."""
    text = _filled(f"{{{{{name}:{length}}}}}", seed)
    assert len(text) == length
    assert set(text) <= set(ALPHABETS[name])


@given(seed=st.integers())
def test_long_keys_hold_letters_and_digits(seed: int) -> None:
    """Real keys do, and a value of letters alone would be weighed as words once in a thousand runs."""
    text = _filled("{{base62:16}}", seed)
    assert any(map(str.isdigit, text))
    assert any(map(str.islower, text))
    assert any(map(str.isupper, text))


@given(seed=st.integers(), length=st.integers(4, 40))
def test_passwords_hold_one_of_each(seed: int, length: int) -> None:
    """Password rules that people live under ask for that."""
    text = _filled(f"{{{{password:{length}}}}}", seed)
    assert len(text) == length
    assert all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]", "[0-9]", r"[!#%*+\-_=]"))


@given(seed=st.integers())
def test_uuids_are_of_version_4(seed: int) -> None:
    """Rules tell random UUIDs from numbered ones by these digits."""
    made = uuid.UUID(_filled("{{uuid}}", seed))
    assert (made.version, made.variant) == (4, uuid.RFC_4122)


def test_a_jwt_can_be_read() -> None:
    """The structure evidence decodes it, as any server would."""
    header, claims, signature = _filled("{{jwt}}").split(".")
    decoded = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (header, claims, signature)]
    assert json.loads(decoded[0])["alg"] == "RS256"
    assert json.loads(decoded[1])["exp"] > 4_000_000_000
    assert len(decoded[2]) == 64
    assert "=" not in header + claims + signature


def _der(data: bytes) -> tuple[int, bytes, bytes]:
    """(tag, body, rest) of the first value."""
    tag, size, at = data[0], data[1], 2
    if size & 0x80:
        count = size & 0x7F
        size, at = int.from_bytes(data[2 : 2 + count]), 2 + count
    assert len(data) >= at + size
    return tag, data[at : at + size], data[at + size :]


def _values(body: bytes) -> list[tuple[int, bytes]]:
    found = []
    while body:
        tag, value, body = _der(body)
        found.append((tag, value))
    return found


def _pem_body(text: str, label: str) -> bytes:
    begin, *lines, end = text.split("\n")
    assert begin == f"-----BEGIN {label}PRIVATE KEY-----"
    assert end == f"-----END {label}PRIVATE KEY-----"
    assert all(len(line) <= 70 for line in lines)
    return base64.b64decode("".join(lines), validate=True)


@pytest.mark.parametrize(
    ("kind", "label", "tags"), [("rsa", "RSA ", [2] * 9), ("ec", "EC ", [2, 4, 0xA0]), ("pkcs8", "", [2, 0x30, 4])]
)
def test_keys_are_der_inside(kind: str, label: str, tags: list[int]) -> None:
    """A key block of noise would let a rule pass that real keys fail."""
    tag, body, rest = _der(_pem_body(_filled(f"{{{{pem:{kind}}}}}"), label))
    assert (tag, rest) == (0x30, b"")
    assert [tag for tag, _ in _values(body)] == tags


def test_the_rsa_modulus_is_the_product_of_its_primes() -> None:
    """That is what tells a key from its look-alike."""
    _, body, _ = _der(_pem_body(_filled("{{pem:rsa}}"), "RSA "))
    numbers = [int.from_bytes(value, signed=True) for _, value in _values(body)]
    assert numbers[1] == numbers[4] * numbers[5]
    assert numbers[:1] + numbers[2:3] == [0, 65537]
    assert all(number >= 0 for number in numbers)


def test_openssh_keys_follow_their_format() -> None:
    """Length-prefixed fields, twice the same check number, padding 1, 2, 3 …"""
    data = _pem_body(_filled("{{pem:openssh}}"), "OPENSSH ")
    assert data.startswith(b"openssh-key-v1\0")
    rest, fields = data[15:], []
    for turn in range(6):
        if turn == 3:
            assert rest[:4] == (1).to_bytes(4)
            rest = rest[4:]
            continue
        size = int.from_bytes(rest[:4])
        fields.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    assert fields[:3] == [b"none", b"none", b""]
    assert fields[4][:4] == fields[4][4:8]
    assert len(fields[4]) % 8 == 0
    assert rest == b""


def test_encodings_take_templates_inside() -> None:
    """Credentials travel as `user:password` in base 64."""
    assert re.fullmatch(rb"user:[0-9a-f]{8}", base64.b64decode(_filled("{{base64-of:user:{hex:8}}}"), validate=True))
    unpadded = _filled("{{base64url-of:{digits:5}}}")
    assert "=" not in unpadded
    assert base64.urlsafe_b64decode(unpadded + "=").isdigit()


@given(seed=st.integers())
def test_an_example_carries_the_right_sum(seed: int) -> None:
    """Otherwise a rule with a checksum could never be shown to find anything."""
    text = example(SUMMED, SUMMED.examples[0], random.Random(seed), {})
    found = re.fullmatch(SUMMED.pattern + "!", text)
    assert found
    assert ALGORITHMS["crc32-base62"](found["body"]) == found["sum"]


def test_the_value_of_an_example_is_the_group_or_all() -> None:
    """Other rules embed it: `{{rule:…}}` must not drag the text around it along."""
    value = secret_of(SUMMED, random.Random(1), {})
    assert re.fullmatch("acme_[0-9A-Za-z]{26}", value)
    whole = replace(SUMMED, pattern="acme_[0-9]{3}", checksum=None, examples=("x acme_{{digits:3}} y",))
    assert re.fullmatch("acme_[0-9]{3}", secret_of(whole, random.Random(1), {}))


@pytest.mark.parametrize(
    "template",
    [
        "{{nonsense}}",
        "{{hex}}",
        "{{hex:many}}",
        "{{hex:-1}}",
        "{{from:a-z:5}}",
        "{{from}}",
        "{{pem:dsa}}",
        "{{rule:none}}",
        "{{password}}",
        "{{checksum}}",
        "{{base64-of:{no:5}}}",
    ],
)
def test_a_template_that_says_nothing_is_an_error(template: str) -> None:
    """Left as it stands it would be scanned as text, and the example would fail for a reason nobody sees."""
    with pytest.raises(TemplateError):
        _filled(template)


def test_a_sum_needs_its_pattern_to_match() -> None:
    """Where the sum goes is known only from the match."""
    with pytest.raises(TemplateError, match="does not match"):
        example(SUMMED, "key: acme_{{base62:5}}{{checksum:6}}", random.Random(1), {})


def test_a_sum_over_the_whole_match_is_refused_or_made() -> None:
    """The loader lets a rule say `over: secret` where its pattern names no such group."""
    over_all = Checksum("luhn", over="secret", equals="sum")
    rule = replace(SUMMED, pattern="acme_[0-9]{6}(?P<sum>[0-9]{2})", checksum=over_all)
    try:
        example(rule, "acme_{{digits:6}}{{checksum:2}}", random.Random(1), {})
    except TemplateError:
        return
