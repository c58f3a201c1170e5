"""Evidence: each kind moves the score by itself, in the direction that it should, and never drops a match."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptguard.engine.compiled import CompiledRules
from promptguard.engine.matches import Match
from promptguard.engine.scanner import Scanner
from promptguard.model import Document, Evidence
from promptguard.rules.checksums import ALGORITHMS
from promptguard.rules.generate import jwt, pem

Build = Callable[..., Scanner]
Compile = Callable[..., CompiledRules]

VALUE = "9fK2mQ7x" + "Lw4TzR8v" + "Bn3c"
OTHER = VALUE[::-1]
RNG = random.Random(7)


def _match(scanner: Scanner, text: str, **how: Any) -> Match:  # Any: options of `matches`
    (match,) = scanner.matches(text, **how)
    return match


def _kinds(match: Match) -> dict[str, float]:
    """The weights of its evidence, summed up by kind."""
    kinds: dict[str, float] = {}
    for item in match.evidence:
        kinds[item.kind] = kinds.get(item.kind, 0.0) + item.weight
    return kinds


@pytest.fixture(scope="module")
def plain(scanner_of: Build) -> Scanner:
    """A rule that asks for no evidence of its own."""
    return scanner_of({"pattern": r"acme:(?P<secret>\S{8,80})", "confidence": "medium", "boundaries": {"right": ""}})


def test_without_evidence_the_rule_speaks(scanner_of: Build) -> None:
    """The prior is what a rule's author said; nothing else may creep in."""
    scores = [_match(scanner_of({"confidence": word}), f"acme_{VALUE}").score for word in ("low", "medium", "high")]
    assert scores == [pytest.approx(0.35), pytest.approx(0.65), pytest.approx(0.9)]
    assert _match(scanner_of({}), f"acme_{VALUE}").evidence == ()


def test_a_checksum_that_holds_is_close_to_proof(scanner_of: Build) -> None:
    """And one that fails speaks against a value, without dropping it: data sets replace characters."""
    shape = "acme_(?P<body>[0-9A-Za-z]{20})(?P<sum>[0-9A-Za-z]{6})"
    sum_ = {"algorithm": "crc32-base62", "over": "body", "equals": "sum"}
    scanner = scanner_of({"pattern": shape, "checksum": sum_, "confidence": "medium"})
    right = _match(scanner, f"acme_{VALUE}{ALGORITHMS['crc32-base62'](VALUE)}")
    wrong = _match(scanner, f"acme_{VALUE}9Zz8Yy")
    assert right.score > 0.97
    assert 0.2 < wrong.score < 0.5
    assert (_kinds(right)["checksum"] > 0, _kinds(wrong)["checksum"] < 0) == (True, True)


def test_a_sum_that_is_not_there_is_no_evidence(scanner_of: Build) -> None:
    """Vendors' older tokens have none."""
    shape = "acme_(?P<body>[0-9A-Za-z]{20})(?P<sum>-[0-9A-Za-z]{6})?"
    scanner = scanner_of({"pattern": shape, "checksum": {"algorithm": "crc32-hex", "over": "body", "equals": "sum"}})
    assert _match(scanner, f"acme_{VALUE}").evidence == ()


def test_too_little_entropy_counts_against_a_value(scanner_of: Build) -> None:
    """`aabbaabbcc…` fits the pattern of many a key."""
    scanner = scanner_of({"entropy": 2.5, "deny": {"placeholders": False}})
    poor, rich = _match(scanner, "acme_" + "abcdd" * 4), _match(scanner, f"acme_{VALUE}")
    assert _kinds(poor)["entropy"] < 0
    assert poor.score < rich.score == pytest.approx(0.9)


def test_words_count_against_a_value(scanner_of: Build) -> None:
    """Words need few tokens, random text many: what entropy cannot tell apart."""
    scanner = scanner_of({"pattern": "acme_[a-z]{20,30}", "tokens": {"max_ratio": 2.5}})
    words, noise = _match(scanner, "acme_informationtechnology"), _match(scanner, "acme_xqzvkwjpfybhdmtgrcnx")
    assert _kinds(words)["tokens"] < 0
    assert words.score < noise.score == pytest.approx(0.9)


@pytest.mark.parametrize("data", [b"", b"\n", b"damaged"])
def test_the_vocabulary_is_checked(compiled: Compile, data: bytes) -> None:
    """A truncated vocabulary would count other tokens, and other things would be found on this machine."""
    rule = {"tokens": {"max_ratio": 2.5}}
    scanner = Scanner(compiled(rule), lambda: data, lambda vendor, value: "")
    with pytest.raises(ValueError, match=r"vocabulary file .* is damaged") as caught:
        scanner.matches(f"acme_{VALUE}")
    assert VALUE not in str(caught.value)


def test_the_vocabulary_is_read_once_and_only_when_needed(compiled: Compile) -> None:
    """It takes a second to parse; most texts hold nothing that asks for it."""
    reads: list[int] = []

    def read() -> bytes:
        reads.append(1)
        from promptguard.guard import VOCABULARY

        return VOCABULARY.read_bytes()

    scanner = Scanner(
        compiled({}, {"id": "acme-b", "pattern": "b_[a-z]{20}", "tokens": {"max_ratio": 3}}), read, lambda *_: ""
    )
    scanner.matches(f"acme_{VALUE}")
    assert reads == []
    scanner.matches("b_xqzvkwjpfybhdmtgrcnx b_xqzvkwjpfybhdmtgrcny")
    assert reads == [1]


# Structures ----------------------------------------------------------------------------------------------------------


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BIP173 = "A12UEL5L"  # a test vector of the standard itself
_WIF = "5HueCGU8rMjxEXxiPuD5BDku" + "4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"  # the example key of the format's own description

STRUCTURES = {
    "jwt": (jwt(random.Random(1)), "eyJub3Q" + _base64url(b"a header at all") + ".e30." + VALUE),
    "pem": (pem("rsa", random.Random(1)), f"-----BEGIN RSA PRIVATE KEY-----\n{VALUE}\n-----END RSA PRIVATE KEY-----"),
    "json-base64": (_base64(json.dumps({"token": VALUE}).encode()), _base64(b'{"token": "' + VALUE.encode())),
    "macaroon": (_base64url(b"\x02\x01\x08acme.net\x02\x04abcd" + bytes(range(40))), _base64url(bytes(range(40, 80)))),
    "aws-key-id": ("AKIA" + "".join(RNG.choices(string.ascii_uppercase + "234567", k=16)), "AKIA" + "0189" * 4),
    "basic-auth": (_base64(b"clerk:" + VALUE.encode()), _base64(b"clerk" + VALUE.encode())),
    "bech32": (_BIP173, _BIP173[:-1] + "Q"),
    "base58check": (_WIF, _WIF[:-1] + "K"),
    "luhn": ("4111111111111111", "4111111111111112"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_structure_speaks_for_what_has_it_and_against_what_has_not(scanner_of: Build, name: str) -> None:
    """Taken apart offline, a token says more about itself than its prefix does."""
    scanner = scanner_of({
        "pattern": r"<(?P<secret>[^<>]{8,2000})>", "structure": name, "deny": {"placeholders": False},
    })  # fmt: skip
    good, bad = (_match(scanner, f"<{value}>") for value in STRUCTURES[name])
    assert _kinds(good) == {"structure": 2.0}
    assert _kinds(bad) == {"structure": -3.0}
    assert bad.score < 0.5 < 0.9 < good.score


@pytest.mark.parametrize("kind", ["rsa", "ec", "pkcs8", "openssh"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda key: key,
        lambda key: key.replace("\n", "\r\n"),
        lambda key: key.replace("\n", r"\n"),
        lambda key: key.replace("\n", r"\r\n"),
        lambda key: "".join(f'"{line}\\n" +\n' for line in key.split("\n")),
        lambda key: "\n".join(f"    {line}" for line in key.split("\n")),
        lambda key: "\n".join(f"> {line}" for line in key.split("\n")),
    ],
    ids=["plain", "crlf", "escaped", "escaped-crlf", "concatenated", "indented", "quoted"],
)
def test_keys_are_keys_however_they_are_wrapped(scanner_of: Build, kind: str, wrap: Callable[[str], str]) -> None:
    """In JSON, YAML, source code and mails the lines of a key are dressed up."""
    scanner = scanner_of({"pattern": r"-----BEGIN (?:.|\n){40,3000} PRIVATE KEY-----", "structure": "pem"})
    assert _kinds(_match(scanner, wrap(pem(kind, random.Random(3)))))["structure"] > 0


# Placeholders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "${ACME_TOKEN}", "{{acme_token}}", "<your-acme-key>", "%ACME_TOKEN%", "$ACME_TOKEN", "secret://vault/kv/acme",
        "your_api_key_here", "changemechangeme", "xxxxxxxxxxxxxxxx", "****************", "AAAAAAAAAAAAAAAA",
        "abababababababab", "0123456789abcdef", "REPLACE_ME_PLEASE", "EXAMPLE9fK2mQ7xLw", "............",
    ],
)  # fmt: skip
def test_a_stand_in_is_no_secret(plain: Scanner, value: str) -> None:
    """Documentation and templates are full of them; reporting them is what makes people switch a scanner off."""
    assert plain.matches(f"acme:{value}") == []


@pytest.mark.parametrize("words", ["example", "placeholder", "dummy", "fake", "your key", "test"])
def test_words_beside_a_value_do_not_open_the_gate(plain: Scanner, words: str) -> None:
    """When sanitizing, text from outside must not be able to talk a value through."""
    for text in (f"{words} acme:{VALUE} {words}", f"{words}: acme:{VALUE} # {words}"):
        match = _match(plain, text, profile="stream")
        assert match.score == pytest.approx(0.65)
        assert match.evidence == ()


def test_likeness_can_be_switched_off(scanner_of: Build) -> None:
    """Some vendors' real keys are monotonous."""
    scanner = scanner_of({"deny": {"placeholders": False}})
    assert len(scanner.matches("acme_" + "x" * 20)) == 1


@given(
    value=st.text(string.ascii_letters + string.digits, min_size=24, max_size=40).filter(
        lambda text: len(set(text)) > 14
    )
)
@settings(max_examples=100)
def test_random_values_are_rarely_taken_for_placeholders(plain: Scanner, value: str) -> None:
    """A value that is dropped as an example is a leak that nobody hears of: certainty needs more than a short word."""
    words = (
        "example", "placeholder", "changeme", "dummy", "sample", "fake", "xxxx", "todo", "fixme", "replace", "test",
        "foobar", "redacted", "notreal", "notused", "notsecret", "changeit", "changethis", "fillme", "fillin",
    )  # fmt: skip
    runs = ("01234", "12345", "23456", "34567", "45678", "56789", "abcde", "qwert", "asdfg", "zxcvb")
    if not any(word in value.lower() for word in (*words, *runs)):
        assert len(plain.matches(f"acme:{value}")) == 1


# Assignments ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def assigned(scanner_of: Build) -> Scanner:
    return scanner_of({
        "pattern": r"""(?x) (?P<key> (?i: secret | password | token ) ) (?P<tail> \w{0,20} )
            \s{0,2} (?P<op> == | = | : | \( ) \s{0,2} [\x22']? (?P<secret> [^\s\x22']{6,60} )""",
        "confidence": "medium", "boundaries": {"left": "", "right": ""},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        (f"secret = os.environ.{VALUE[:3]}", f"secret = {VALUE}"),
        ("password = correct_horse_battery", "password = " + "c0rrect_h0rse_b4ttery"),
        ("token = SOME_CONSTANT_NAME", f"token = {VALUE}"),
        ("password = /etc/acme/password.txt", "password = " + "etcAcme9passwort7Q"),
        ("password = mypassword", f"password = {VALUE[4:14]}"),
        (f"token_sha256 = {VALUE}", f"token_value = {VALUE}"),
        (f"token_name = {VALUE}", f"token_v = {VALUE}"),
        (f"token == {VALUE}", f"token = {VALUE}"),
        (f"token({VALUE}", f"token = {VALUE}"),
        ("token = clerk@acme.test", "token = clerk%acme9test"),
        ("token = 2.14.0-beta.3", f"token = {VALUE[:13]}"),
        ("secret = 123456789012", f"secret = {VALUE[:12]}"),
        ("secret = optional", "secret = xpqioznk"),
    ],
)
def test_what_is_assigned_is_weighed_by_its_traits(assigned: Scanner, weaker: str, stronger: str) -> None:
    """`password = get_password()` stands in every program; the shape alone tells nothing."""
    (strong,) = assigned.matches(stronger)
    weak = assigned.matches(weaker)
    assert not weak or weak[0].score < strong.score
    assert "assignment" in _kinds(strong) or "tokens" in _kinds(strong)


def test_a_rule_without_those_groups_is_not_judged_so(plain: Scanner) -> None:
    """A vendor's prefix says more than any trait."""
    assert _match(plain, "acme:correct_horse_battery").evidence == ()


# Surroundings and paths, for scanning alone --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "for example acme:{}",
        "acme:{} is a dummy",
        "# not a real one: acme:{}",
        "an Invalid key, acme:{}",
        pytest.param("e.g. acme:{}"),
        pytest.param("example: acme:{}"),
    ],
)
def test_a_line_that_calls_it_an_example_speaks_a_little_against_it(plain: Scanner, text: str) -> None:
    """Enough to tip a weak finding, never a strong one."""
    match = _match(plain, text.format(VALUE))
    assert _kinds(match) == {"surroundings": -0.7}
    assert _match(plain, text.format(VALUE), profile="stream").evidence == ()


@pytest.mark.parametrize("text", ["for example\nacme:{}", "acme:{}\ndummy", "counterexamples acme:{}"])
def test_other_lines_and_longer_words_say_nothing(plain: Scanner, text: str) -> None:
    """A comment three lines up is about something else."""
    assert _match(plain, text.format(VALUE)).evidence == ()


@pytest.mark.parametrize(
    ("path", "speaks"),
    [
        ("tests/test_app.py", True), ("src/fixtures/a.json", True), ("docs\\intro.md", True), ("app_test.go", True),
        ("src/app.py", False), ("latest/contest.py", False), ("-", False),
    ],
)  # fmt: skip
def test_folders_of_tests_speak_a_little_against_a_finding(plain: Scanner, path: str, speaks: bool) -> None:
    """Real keys leak into tests all the time: less sure, never silent."""
    (finding,) = plain.scan(Document.of(f"acme:{VALUE}", path))
    assert (("path" in [item.kind for item in finding.evidence]), finding.score < 0.65) == (speaks, speaks)


# Denials -------------------------------------------------------------------------------------------------------------


def test_what_a_rule_denies_is_dropped(scanner_of: Build) -> None:
    """The only thing that drops a match is the rule's own word on the value."""
    scanner = scanner_of({"deny": {"words": ["MQ7X"], "patterns": ["^acme_0{3}", "9$"]}})
    assert scanner.matches(f"acme_{VALUE}") == []
    assert scanner.matches(f"acme_000{OTHER[:17]}") == []
    assert scanner.matches(f"acme_1{OTHER[:18]}9") == []
    assert len(scanner.matches(f"mq7x acme_1{OTHER[:18]}c 9")) == 1


def test_notes_never_hold_the_value(assigned: Scanner) -> None:
    """Evidence is printed beside findings, in logs and reports."""
    for value in (VALUE, "correct_horse_battery", "clerk@acme.test"):
        notes: list[Evidence] = [item for match in assigned.matches(f"token = {value}") for item in match.evidence]
        assert not any(value[at : at + 5] in item.note for item in notes for at in range(len(value) - 4))
