"""The rules that come with promptguard: they keep the promises of their examples, and the native pass loses none."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from promptguard.engine.compile import compile_rules
from promptguard.engine.compiled import CompiledRule, CompiledRules
from promptguard.engine.scanner import Scanner
from promptguard.guard import VOCABULARY, check_rules, ruleset
from promptguard.model import Confidence
from promptguard.rules import shipped
from promptguard.rules.generate import example
from promptguard.rules.load import Entry, Ruleset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return ruleset()


@pytest.fixture(scope="module")
def compiled(rules: Ruleset) -> CompiledRules:
    return compile_rules(rules)


def test_every_example_is_found_and_every_counter_example_left_alone(rules: Ruleset, compiled: CompiledRules) -> None:
    """A rule that finds nothing, or everything, looks exactly like a good one until somebody leaks a key."""
    complaints = [str(complaint) for complaint in check_rules(rules.entries, rules, compiled)]
    assert not complaints, "\n".join(["", *complaints])


def test_rules_bear_the_names_of_their_vendors(rules: Ruleset) -> None:
    """`promptguard rules show acme-key` and the file `acme.yaml` lead to one another."""
    strangers = [
        f"{Path(entry.file).name}: {entry.rule.id}"
        for entry in rules.entries
        if Path(entry.file).stem != "generic" and not f"{entry.rule.id}-".startswith(f"{entry.vendor.id}-")
    ]
    assert not strangers


def test_no_rule_file_holds_a_vendors_value(rules: Ruleset, compiled: CompiledRules) -> None:
    """Other scanners, and our own, must stay quiet about this repository."""
    scanner = Scanner(compiled, VOCABULARY.read_bytes, lambda vendor, value: "")
    found = [
        f"{file.name}:{finding.line}: {finding.rule}"
        for file in shipped.folder().glob("*.yaml")
        for finding in scanner.scan(file.read_bytes(), minimum=Confidence.HIGH)
        if finding.vendor != "generic"
    ]
    assert not found, "\n".join(["", *found])


# Nothing is lost -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def credulous(compiled: CompiledRules) -> Scanner:
    """The same rules believing everything: what the pattern, its boundaries and its keywords accept is a match."""
    return Scanner(
        replace(compiled, rules=tuple(map(_credulous, compiled.rules))), VOCABULARY.read_bytes, lambda *_: ""
    )


def _credulous(rule: CompiledRule) -> CompiledRule:
    return replace(
        rule,
        prior=1 - 1e-12,
        checksum=None,
        structure=None,
        entropy=None,
        max_token_ratio=None,
        placeholders=False,
        deny_words=(),
        deny_patterns=(),
    )


def _found(scanner: Scanner, rule: CompiledRule, text: str) -> set[tuple[int, int]]:
    data = text.encode()
    hits = [(number, end) for number, end in scanner.hits(data) if scanner.compiled.rules[number].id == rule.id]
    return {(match.start, match.end) for match in scanner.confirmed(data, hits, 0, len(data), "stream", None)}


def _over_everything(rule: CompiledRule, text: str) -> set[tuple[int, int]]:
    """What the exact pattern finds over the whole text, its keywords looked for as the documentation says."""
    found = set()
    for match in regex.compile(rule.confirm, regex.ASCII).finditer(text, overlapped=True):
        two_lines = "\n".join(text[: match.start()].split("\n")[-2:])
        near = two_lines[-rule.keyword_distance :].lower() if rule.keywords else ""
        if not rule.keywords or any(word in near for word in rule.keywords):
            start, end = match.span("secret")
            found.add((len(text[:start].encode()), len(text[:end].encode())))
    return found


BESIDE = [
    "",
    "é",
    "😀",
    "\n",
    "\r\n",
    " ",
    "'",
    '"',
    r"\n",
    r"\u000a",
    r"\x22",
    "%3D",
    "=",
    "-",
    "_",
    "x",
    "0",
    "\0",
    "\ufeff",
]


def _surrounded(text: str, rng: random.Random) -> str:
    """The text between other characters, once more with line ends of Windows, once as a string in JSON."""
    before, after = ("".join(rng.choices(BESIDE, k=rng.randint(0, 3))) for _ in range(2))
    versions = [text, text.replace("\n", "\r\n"), text.replace("\n", r"\n"), text[: len(text) // 2]]
    return before + rng.choice(versions) + after + " ü " + text + "\n"


def _example(entry: Entry, rules: Ruleset, rng: random.Random) -> str:
    return example(entry.rule, rng.choice(entry.rule.examples), rng, rules.by_id)


def test_the_native_pass_loses_no_example(rules: Ruleset, credulous: Scanner) -> None:
    """Triggers are derived from patterns; a thousand rules are the best test of how."""
    lost, by_id = [], rules.by_id
    for entry, rule in zip(rules.entries, credulous.compiled.rules, strict=True):
        rng = random.Random(rule.id)
        text = _surrounded(example(entry.rule, entry.rule.examples[0], rng, by_id), rng)
        expected = _over_everything(rule, text)
        if not expected or _found(credulous, rule, text) != expected:
            lost.append(f"{rule.id}: {text!r}")
    assert not lost, "\n".join(["", *lost])


@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=60)
def test_the_native_pass_loses_nothing(rules: Ruleset, credulous: Scanner, seed: int) -> None:
    """The same with several credentials in one text, as they stand in a configuration file."""
    rng = random.Random(seed)
    at = rng.randrange(len(rules))
    chosen = [rules.entries[at], *(rng.choice(rules.entries) for _ in range(3))]
    text = "".join(_surrounded(_example(entry, rules, rng), rng) for entry in chosen)
    for number in {at, *(rules.entries.index(entry) for entry in chosen[1:])}:
        rule = credulous.compiled.rules[number]
        assert _found(credulous, rule, text) == _over_everything(rule, text), rule.id
