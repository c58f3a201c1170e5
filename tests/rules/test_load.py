"""Rule files: every complaint names the file, the rule and the field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from promptguard.errors import RuleError
from promptguard.rules.load import WIDEST, RuleSource, load, parse, read

Document = dict[str, Any]
Change = Callable[[Document, Document], object]
"""Breaks something: given the whole file and its one rule."""


def _document() -> Document:
    return {
        "schema": "promptguard.rules/1",
        "vendor": {"id": "acme", "name": "Acme AI"},
        "rules": [
            {
                "id": "acme-key",
                "version": 1,
                "name": "Acme key",
                "why": "spends the account's credit",
                "severity": "high",
                "confidence": "high",
                "pattern": "acme_(?P<body>[0-9a-z]{20})(?P<sum>[0-9A-Za-z]{6})",
                "examples": ["acme_{{lower-digits:20}}000000"],
                "counter_examples": [{"text": "acme_{{lower-digits:19}}", "why": "short"}],
            }
        ],
    }


def _changed(change: Change) -> str:
    document = _document()
    change(document, document["rules"][0])
    return yaml.safe_dump(document)


def _sum(**fields: str) -> Document:
    return {"algorithm": "crc32-base62", "over": "body", "equals": "sum"} | fields


COMPLAINTS: list[tuple[Change, str, str]] = [
    (lambda _, rule: rule.update(colour="red"), "colour", "no such field"),
    (lambda _, rule: rule.pop("severity"), "severity", "is missing"),
    (lambda _, rule: rule.update(severity="awful"), "severity", "'low', 'medium', 'high' or 'critical'"),
    (lambda _, rule: rule.update(version="one"), "version", "integer"),
    (lambda _, rule: rule.update(examples=[]), "examples", "at least one"),
    (lambda _, rule: rule.update(counter_examples=[]), "counter_examples", "at least one"),
    (lambda _, rule: rule["counter_examples"][0].pop("why"), "counter_examples.0.why", "is missing"),
    (lambda _, rule: rule.update(specificity=101), "specificity", "between 0 and 100"),
    (lambda _, rule: rule.update(keywords=["Acme"]), "keywords", "lower case"),
    (lambda _, rule: rule.update(keywords=[""]), "keywords", "not empty"),
    (lambda _, rule: rule.update(pattern="acme_[0-9a-z]+"), "width", "is needed"),
    (lambda _, rule: rule.update(pattern="(?=acme)x"), "pattern", "at character 1"),
    (lambda _, rule: rule.update(pattern="(?:acme)?"), "pattern", "matches the empty text"),
    (lambda _, rule: rule.update(pattern=f"acme_[a-z]{{1,{WIDEST}}}"), "pattern", f"at most {WIDEST}"),
    (lambda _, rule: rule.update(pattern="(?P<a>x)(?P<a>y)"), "pattern", "a group twice"),
    (lambda _, rule: rule.update(pattern="x(?:(?P<secret>y)|z)"), "pattern", "top level"),
    (lambda _, rule: rule.update(pattern="x(?P<secret>y){2}"), "pattern", "top level"),
    (lambda _, rule: rule.update(checksum=_sum(algorithm="crc99")), "checksum.algorithm", "is one of crc32-base62"),
    (lambda _, rule: rule.update(checksum=_sum(over="head")), "checksum.over", "names no group"),
    (lambda _, rule: rule.update(checksum=_sum(equals="tail")), "checksum.equals", "names no group"),
    (lambda _, rule: rule.update(boundaries={"left": "ab"}), "boundaries.left", "one character class"),
    (lambda _, rule: rule.update(boundaries={"right": "^"}), "boundaries.right", "at character 1"),
    (lambda _, rule: rule.update(boundaries={"top": "x"}), "boundaries.top", "no such field"),
    (lambda _, rule: rule.update(deny={"patterns": ["fine", "(open"]}), "deny.patterns", "number 2"),
    (
        lambda _, rule: rule.update(requires=[{"rule": "acme-id", "within": {"lines": 5}}]),
        "requires",
        "names no rule: acme-id",
    ),
]


@pytest.mark.parametrize(
    ("change", "field", "problem"), COMPLAINTS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_complaint_names_file_rule_and_field(change: Change, field: str, problem: str) -> None:
    """With a thousand rules, `invalid rule` sends somebody searching for an hour."""
    with pytest.raises(RuleError) as caught:
        load([RuleSource("rules/acme.yaml", _changed(change))])
    assert str(caught.value).startswith(f"rules/acme.yaml: acme-key: {field}: ")
    assert problem in str(caught.value)


def test_the_untouched_file_loads() -> None:
    """Everything above must fail for the reason that it names, not for another."""
    (rule,) = load([RuleSource("rules/acme.yaml", _changed(lambda document, rule: None))])
    assert rule.id == "acme-key"


@pytest.mark.parametrize("id_", ["Acme", "acme key", "acme--key", "-acme", "acme_key", ""])
def test_ids_are_plain(id_: str) -> None:
    """Ids stand in baselines, allow comments and placeholders, whose grammars know no more than this."""
    with pytest.raises(RuleError, match="id: is lower-case letters, digits and single dashes"):
        load([RuleSource("acme.yaml", _changed(lambda _, rule: rule.update(id=id_)))])
    with pytest.raises(RuleError, match=r"vendor\.id"):
        load([RuleSource("acme.yaml", _changed(lambda document, _: document["vendor"].update(id=id_)))])


def test_a_rule_without_an_id_is_counted() -> None:
    """Somebody who forgot the id still needs to find the rule."""
    with pytest.raises(RuleError, match=r"^acme\.yaml: rule 1: id: is missing$"):
        load([RuleSource("acme.yaml", _changed(lambda _, rule: rule.pop("id")))])


def test_an_id_is_used_once() -> None:
    """Two rules of one name would take each other's baselines and allow comments."""
    same = _changed(lambda document, rule: None)
    with pytest.raises(RuleError, match=r"^b\.yaml: acme-key: id: already used in a\.yaml"):
        load([RuleSource("a.yaml", same), RuleSource("b.yaml", same)])


@pytest.mark.parametrize("schema", [None, "promptguard.rules/2", 1])
def test_another_format_is_refused(schema: object) -> None:
    """A file for a later version must not be half understood."""
    with pytest.raises(RuleError, match=r"^acme\.yaml: schema: "):
        load([RuleSource("acme.yaml", _changed(lambda document, _: document.update(schema=schema)))])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "- a list",
        "rules: [",
        "\tkey: value",
        "a: b: c",
        "key: !!python/object/apply:os.getcwd []",
        "&a [*a]",
        "[" * 1500,
        "rules: 5",
        "rules: [5]",
        pytest.param(
            "schema: 2001-99-99",
        ),
        pytest.param(
            "schema: 0x_",
        ),
        pytest.param(
            "schema: promptguard.rules/1\nvendor: {id: a, name: A}\nrules: !!set {a, b}",
        ),
    ],
)
@pytest.mark.parametrize("trusted", [False, pytest.param(True, id="trusted")])
def test_what_is_no_rule_file_is_said_to_be_none(text: str, trusted: bool) -> None:
    """A rule folder may hold anything that ends in .yaml; the answer is a sentence, not a traceback."""
    if trusted and text.startswith("[["):
        return  # the native loader is for our own files, which are not nested
    with pytest.raises(RuleError) as caught:
        load([RuleSource("odd.yaml", text, trusted)])
    assert str(caught.value).startswith("odd.yaml: ")
    assert "\n" not in str(caught.value)


_scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.just(0.5), st.text("ab{}[]", max_size=4))
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=6,
)


_fields = [*_document()["rules"][0], "boundaries", "checksum", "deny", "paths", "tokens", "validate", "keywords"]


@given(field=st.sampled_from(_fields), value=_anything)
@settings(max_examples=80)
def test_whatever_stands_in_a_field_is_accepted_or_complained_about(field: str, value: object) -> None:
    """YAML can hold anything anywhere; only a `RuleError` is caught and told by the commands."""
    try:
        load([RuleSource("acme.yaml", _changed(lambda _, rule: rule.update({field: value})))])
    except RuleError as error:
        complaint = str(error)
    else:
        return
    assert complaint.startswith("acme.yaml: ")


def test_files_of_a_folder_come_sorted_and_alone(tmp_path: Path) -> None:
    """The order of rules must not hang on the file system, and notes beside them are no rules."""
    for name in ("b.yaml", "a.yaml", "notes.txt"):
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.yaml").write_text("x", "utf-8")
    assert [Path(source.name).name for source in read(tmp_path)] == ["a.yaml", "b.yaml"]
    assert [Path(source.name).name for source in read(tmp_path / "b.yaml")] == ["b.yaml"]


def test_a_place_without_rules_is_an_error(tmp_path: Path) -> None:
    """A mistyped folder that loads nothing would scan with nothing and report all clear."""
    with pytest.raises(RuleError, match=r"holds no \*\.yaml"):
        read(tmp_path)
    with pytest.raises(RuleError, match="no such file or folder"):
        read(tmp_path / "missing")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(RuleError, match="cannot be read"):
        read(tmp_path)


def test_line_ends_of_windows_are_line_ends(tmp_path: Path) -> None:
    """A checkout with CRLF holds the same rules."""
    text = _changed(lambda _, rule: rule.update(pattern="(?x)\n  acme_  # prefix\n  [0-9a-z]{20}\n"))
    (tmp_path / "acme.yaml").write_bytes(text.replace("\n", "\r\n").encode())
    (source,) = read(tmp_path)
    assert parse(source)[0].rule == parse(RuleSource("acme.yaml", text))[0].rule


def test_rules_are_found_by_id() -> None:
    """Templates and requirements name rules by id."""
    ruleset = load([RuleSource("acme.yaml", _changed(lambda document, rule: None))])
    assert list(ruleset.by_id) == ["acme-key"]
    assert len(ruleset) == 1
    assert not ruleset.entries[0].trusted
