"""Compiled rules: what a cache may hold, and what keywords and boundaries mean once compiled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptguard.engine.compiled import FIELDS, CompiledRules
from promptguard.engine.prefilter import Prefilter, check_database
from promptguard.engine.scanner import Scanner
from promptguard.errors import RuleError

Compile = Callable[..., CompiledRules]
Build = Callable[..., Scanner]

VALUE = "9fK2mQ7x" + "Lw4TzR8v" + "Bn3c"
"""Twenty characters without meaning; no vendor makes keys of this form."""

EVERYTHING = {
    "pattern": "acme_(?P<body>[0-9A-Za-z]{20})(?P<sum>[0-9A-Za-z]{6})",
    "checksum": {"algorithm": "crc32-base62", "over": "body", "equals": "sum"},
    "keywords": ["acme"],
    "entropy": 3.0,
    "tokens": {"max_ratio": 2.5},
    "structure": "jwt",
    "deny": {"words": ["Nope"], "patterns": ["^x"], "placeholders": False},
    "paths": {"only": ["*.py"], "never": ["docs/*"]},
    "rotate": "https://acme.test",
}


def test_compiled_rules_come_back_as_they_were(compiled: Compile) -> None:
    """A warm start must find what a cold one does."""
    before = compiled(EVERYTHING, {"id": "acme-other", "pattern": "€_[0-9]{9}"}, markers=("allow me",))
    after = CompiledRules.from_bytes(before.to_bytes())
    assert list(after.rules) == list(before.rules)
    assert (after.markers, after.database) == (before.markers, before.database)
    assert {type(getattr(rule, field)) for rule in after.rules for field in FIELDS} <= {
        int,
        str,
        float,
        tuple,
        bool,
        type(None),
    }
    assert after.reach == before.reach > 0


@pytest.fixture(scope="module")
def packed(compiled: Compile) -> bytes:
    """The bytes of one rule."""
    return compiled({}).to_bytes()


@given(place=st.floats(0, 1, exclude_max=True), flipped=st.integers(1, 255))
@settings(max_examples=100)
def test_damaged_bytes_are_refused_or_harmless(packed: bytes, place: float, flipped: int) -> None:
    """A half-written or bit-rotten cache must mean compiling again, not a scanner that finds nothing."""
    at = int(place * len(packed))
    changed = bytearray(packed)
    changed[at] ^= flipped
    with pytest.raises(ValueError, match=r"damaged|refuses the database"):
        check_database(CompiledRules.from_bytes(packed[:at]).database)
    try:
        read = CompiledRules.from_bytes(bytes(changed))
        check_database(read.database)
    except ValueError:
        return
    # The native engine's own header has reserved bytes, which nobody reads.
    value = f" acme_{VALUE} ".encode()
    assert Prefilter(read).hits(value) == Prefilter(CompiledRules.from_bytes(packed)).hits(value)


def test_rules_are_read_by_place(compiled: Compile) -> None:
    """Rules are read when they first fire, by the number that the native engine gives; slices are for people."""
    stored = CompiledRules.from_bytes(compiled({}, {"id": "acme-b"}, {"id": "acme-c"}).to_bytes()).rules
    assert [rule.id for rule in stored[1:]] == ["acme-b", "acme-c"]
    assert stored[2] is stored[2]
    assert len(stored) == 3


def test_an_unknown_structure_is_an_error_of_its_rule(compiled: Compile) -> None:
    """The loader knows no structures; left until scanning it would end every scan."""
    with pytest.raises(RuleError, match=r"^acme\.yaml: acme-key: structure: is one of .*jwt"):
        compiled({"structure": "crystal"})


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z]{0,300}foo",
        "a\\ba",
        pytest.param(r"\b[a-z]{0,300}=[0-9]{20}"),
    ],
)
def test_a_pattern_without_a_trigger_is_refused_by_name(compiled: Compile, pattern: str) -> None:
    """A rule that can't be looked for must not hide among a thousand, and find nothing in silence."""
    with pytest.raises(RuleError, match=r"^acme\.yaml: acme-bad: pattern: "):
        compiled({}, {"id": "acme-bad", "pattern": pattern, "boundaries": {"left": "", "right": ""}})


def test_no_rules_at_all_compile(compiled: Compile, scanner_of: Build) -> None:
    """Everything switched off is an odd wish, not a crash."""
    assert scanner_of().matches(f"acme_{VALUE}") == []
    assert compiled().reach == 0


# Keywords ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside_keyword(scanner_of: Build) -> Scanner:
    return scanner_of({"pattern": "[0-9A-Za-z]{20}", "keywords": ["acme", "größe"], "keyword_distance": 30})


@pytest.mark.parametrize(
    "text",
    [
        "acme {}", "ACME {}", "my-acme-key = '{}'", "acme\n{}", "acme\r\n{}", "acme:\r\n  key: {}", "größe {}",
        "acme" + 26 * "-" + "{}", "acme" + 13 * "ß" + 13 * "€" + "{}", "x\nacme\n{}",
    ],
)  # fmt: skip
def test_a_keyword_before_the_match_lets_it_through(beside_keyword: Scanner, text: str) -> None:
    """Keys without a prefix are known by the vendor's name before them, on the line or the one above."""
    assert [match.secret.reveal() for match in beside_keyword.matches(text.format(VALUE))] == [VALUE]


@pytest.mark.parametrize(
    "text",
    ["{}", "{} acme", "{}\nacme", "acme\n\n{}", "acme\nx\n{}", "acm {}", "a\ncme {}", "acme" + 27 * "-" + "{}",
     "acme" + 27 * "€" + "{}"],
)  # fmt: skip
def test_without_a_keyword_near_before_it_nothing_matches(beside_keyword: Scanner, text: str) -> None:
    """Twenty letters and digits are everywhere; only nearness makes them a credential."""
    assert beside_keyword.matches(text.format(VALUE)) == []


def test_keywords_outside_ascii_match_in_any_case(beside_keyword: Scanner) -> None:
    """Keywords are promised to be case-folded."""
    assert beside_keyword.matches(f"GRÖSSE Größe GRÖßE {VALUE}".replace("Größe", ""))


def test_a_pattern_that_holds_its_keyword_needs_no_other(scanner_of: Build) -> None:
    """`ACME_KEY=…` says it all."""
    scanner = scanner_of({"pattern": "(?i:acme)_key=(?P<secret>[0-9A-Za-z]{20})", "keywords": ["acme"]})
    assert len(scanner.matches(f"ACME_key={VALUE}")) == 1


# Boundaries ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bounded(scanner_of: Build) -> Scanner:
    return scanner_of({})


@pytest.mark.parametrize(
    "text",
    ["{}", "ä{}ä", "😀{}", "_{}", "-{}", "\n{}\n", "'{}'", r"\n{}", r"\t{}", r"\u000a{}", r"\u000A{}", r"\x0a{}",
     "%3D{}", "%3d{}", "\x00{}"],
)  # fmt: skip
def test_what_is_no_letter_may_touch_a_secret(bounded: Scanner, text: str) -> None:
    """In JSON an escape ends in a letter, in URLs in a digit: what follows is still the start of a value."""
    assert len(bounded.matches(text.format("acme_" + VALUE))) == 1


@pytest.mark.parametrize("text", ["x{}", "9{}", "Z{}", r"\q{}", r"\u00{}", "%3{}", "{}x", "{}0"])
def test_letters_that_touch_a_secret_make_it_another_word(bounded: Scanner, text: str) -> None:
    """A longer word that happens to hold a key's form is no key."""
    assert bounded.matches(text.format("acme_" + VALUE)) == []


def test_boundaries_can_be_lifted_and_changed(scanner_of: Build) -> None:
    """Some keys stand right inside other text, others hold dashes."""
    lifted = scanner_of({"boundaries": {"left": "", "right": ""}})
    assert len(lifted.matches(f"xacme_{VALUE}x")) == 1
    dashed = scanner_of({"boundaries": {"right": "[0-9A-Za-z-]"}})
    assert dashed.matches(f"acme_{VALUE}-") == []
    assert len(dashed.matches(f"acme_{VALUE}.")) == 1


def test_the_public_prefix_is_never_most_of_a_value(compiled: Compile) -> None:
    """It is printed in reports: `acme_****` names the kind, more would give the value away."""
    patterns = ["acme_[0-9]{20}", "x(?P<secret>acme_[0-9]{3})", "key=(?P<secret>[0-9]{9})", "(?i)acme_[0-9]{20}"]
    assert [compiled({"pattern": pattern}).rules[0].prefix for pattern in patterns] == ["acme_", "", "", ""]
