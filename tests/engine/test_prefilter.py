"""The native pass: nothing that an exact pattern matches is missed, from any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from promptguard.engine.compiled import CompiledRule, CompiledRules
from promptguard.engine.prefilter import Prefilter, check_database
from promptguard.engine.scanner import Scanner

Build = Callable[..., Scanner]
Compile = Callable[..., CompiledRules]

SHAPES: list[dict[str, object]] = [
    {"id": "acme-prefix", "pattern": "acme_[0-9A-Za-z]{8,12}"},
    {"id": "acme-bare", "pattern": "[0-9a-f]{16}", "keywords": ["acme"], "keyword_distance": 20},
    {"id": "acme-assigned", "pattern": r"(?i:acme)[^\n]{0,12}?=\s{0,3}(?P<secret>\S{8,20})"},
    {"id": "acme-late", "pattern": "user:(?P<secret>[a-z]{4,8})@"},
    {"id": "acme-wide", "pattern": "«(?P<secret>[^<>]{4,12})»"},
    {"id": "acme-free", "pattern": "k[0-9]{6}", "boundaries": {"left": "", "right": ""}},
    {"id": "acme-odd", "pattern": "(?:x|yy|zzz-)?[0-9]{7}(?:\\b|!)", "boundaries": {"left": "[0-9a-z_]"}},
    {"id": "acme-block", "pattern": "BEGIN (?P<body>[^-]{1,600})-END"},
    {"id": "acme-lines", "pattern": "id=[0-9]{4}\\s{1,3}key=[0-9a-f]{6,10}"},
]
PIECES = [
    "acme_aB3dE5fG", "acme_", "acme", "ACME key =", "=", "= 'aB3dE5fG7h'", "0123456789abcdef", "0f1e2d3c4b5a6978",
    "user:abcdef@", "user:", "«a€cd»", "«äöüß»", "«", "»", "k123456", "k1234567", "1234567!", "zzz-1234567",
    "yy1234567", "BEGIN ", "x" * 40, "-END", "id=1234", "key=abc123", "\n", "\r\n", " ", r"\n", r"\u000a", "%3D",
    "é", "😀", "\ufeff", "-", "_", "\0",
]  # fmt: skip

texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.fixture(scope="module")
def shapes(scanner_of: Build) -> Scanner:
    return scanner_of(*({"deny": {"placeholders": False}} | shape for shape in SHAPES))


def _found(shapes: Scanner, rule: str, data: bytes) -> set[tuple[int, int]]:
    matches = shapes.confirmed(data, shapes.hits(data), 0, len(data), "stream", None)
    return {(match.start, match.end) for match in matches if match.rule.id == rule}


def _over_everything(rule: CompiledRule, text: str) -> set[tuple[int, int]]:
    """What the exact pattern finds over the whole text, its keyword checked here by what the documentation says."""
    found = set()
    for match in regex.compile(rule.confirm, regex.ASCII).finditer(text, overlapped=True):
        two_lines = "\n".join(text[: match.start()].split("\n")[-2:])
        near = two_lines[-rule.keyword_distance :].lower() if rule.keywords else ""
        if not rule.keywords or any(word in near for word in rule.keywords):
            start, end = match.span("secret")
            found.add((len(text[:start].encode()), len(text[:end].encode())))
    return found


@given(text=texts)
@settings(max_examples=200)
def test_the_native_pass_loses_nothing(shapes: Scanner, text: str) -> None:
    """Triggers are derived from patterns by rules of thumb about speed: none of them may cost a credential."""
    for rule in shapes.compiled.rules:
        assert _found(shapes, rule.id, text.encode()) == _over_everything(rule, text), rule.id


@given(left=texts, right=texts)
@settings(max_examples=60)
def test_bytes_that_are_no_utf8_hide_nothing(shapes: Scanner, left: str, right: str) -> None:
    """Core dumps, old encodings and broken files hold keys too: a stray byte beside one must not hide it."""
    value = b"acme_aB3dE5fG7h"
    for stray in (b"\xff", b"\xe2\x82", b"\x80\x80\x80\x80", b"\xf0\x9f\x98"):
        data = left.encode() + stray + value + stray + right.encode()
        start = len(left.encode()) + len(stray)
        assert (start, start + len(value)) in _found(shapes, "acme-prefix", data)


def test_markers_fire_in_any_case_behind_the_rules(compiled: Compile) -> None:
    """Allow comments are found by the same pass, and must not be taken for a rule."""
    rules = compiled({}, markers=("pass on: me", "other"))
    assert [number for number, _ in Prefilter(rules).hits(b"# Pass On: ME and OTHER")] == [1, 2]


def test_threads_share_a_prefilter(compiled: Compile) -> None:
    """The native engine refuses a scratch space that is in use: without its own, threads would fail at random."""
    prefilter = Prefilter(compiled(*SHAPES))
    data = "".join(PIECES).encode() * 300
    expected = prefilter.hits(data)
    with ThreadPoolExecutor(4) as pool:
        assert all(hits == expected for hits in pool.map(prefilter.hits, [data] * 16))


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"no database"])
def test_a_foreign_database_is_refused(data: bytes) -> None:
    """A cache from another machine holds code for another processor."""
    with pytest.raises(ValueError, match="refuses the database"):
        check_database(data)
