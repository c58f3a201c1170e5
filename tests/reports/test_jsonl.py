"""JSON Lines: what programs may rely on."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from promptguard.model import Evidence, Finding

Make = Callable[..., Finding]
Write = Callable[..., str]

FIELDS = [
    "path", "line", "column", "end_line", "end_column", "start", "end", "rule", "rule_version", "vendor", "severity",
    "confidence", "score", "evidence", "fingerprint", "redacted", "rotate",
]  # fmt: skip


def test_a_finding_is_one_line_of_these_fields(finding: Make, written: Write) -> None:
    """Scripts read these names; a renamed one breaks them in silence."""
    (line,) = written("jsonl", [finding(evidence=(Evidence("checksum", 4.1, "CRC32 agrees"),))]).splitlines()
    told = json.loads(line)
    assert list(told) == FIELDS
    assert told["severity"] == "critical"
    assert told["confidence"] == "high"
    assert told["evidence"] == [{"kind": "checksum", "weight": 4.1, "note": "CRC32 agrees"}]
    assert (told["start"], told["end"], told["line"], told["column"]) == (300, 337, 12, 15)


def test_a_commit_is_told_where_there_is_one(finding: Make, written: Write) -> None:
    """In history the path alone does not lead to the text."""
    told = json.loads(written("jsonl", [finding(commit=20 * "ab")]))
    assert list(told) == [FIELDS[0], "commit", *FIELDS[1:]]
    assert told["commit"] == 20 * "ab"


def test_the_value_is_added_when_asked_for(finding: Make, written: Write) -> None:
    """Whoever rotates keys in bulk needs them, and says so."""
    value = "one\r\ntwo\x1b[0m"
    told = json.loads(written("jsonl", [finding(value=value)], show_secrets=True))
    assert list(told) == [*FIELDS, "secret"]
    assert told["secret"] == value


@given(path=st.text())
def test_paths_come_back_as_they_were(finding: Make, written: Write, path: str) -> None:
    """The reader opens the file by this name: quotes, line ends and foreign letters are part of it."""
    assert json.loads(written("jsonl", [finding(path=path)]))["path"] == path


def test_a_name_that_is_no_unicode_shows_its_bytes(finding: Make, written: Write) -> None:
    """Strict parsers refuse a lone surrogate, and with it the whole report."""
    path = b"caf\xe9/\xff.py".decode("utf-8", "surrogateescape")
    assert json.loads(written("jsonl", [finding(path=path)]))["path"] == r"caf\xe9/\xff.py"


def test_lines_are_ascii(finding: Make, written: Write) -> None:
    """A terminal must not obey what stands in a file's name, even where nobody meant to print it."""
    told = written("jsonl", [finding(path="\x1b[2J\u202eключ\u2028.py")])
    assert told.isascii()
    assert "\x1b" not in told
    assert told.count("\n") == 1
