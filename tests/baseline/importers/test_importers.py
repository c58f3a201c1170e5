from __future__ import annotations

import hashlib
import json
import random
import string
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from promptguard.baseline import importers
from promptguard.baseline.store import Baseline
from promptguard.errors import BaselineError
from promptguard.model import Finding

Make = Callable[..., Finding]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def made_up(length: int = 32) -> str:
    return "".join(random.Random(length).choices(string.ascii_letters + string.digits, k=length))


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def secrets_baseline(**found: object) -> str:
    return json.dumps({"version": "1.5.0", "plugins_used": [], "results": found})


def a_file(folder: Path, text: str) -> Path:
    file = folder / "file"
    file.write_text(text, encoding="utf-8")
    return file


# detect-secrets


def test_what_detect_secrets_itself_wrote_is_accepted(finding: Make, tmp_path: Path) -> None:
    """The real tool's file, not our idea of it: values by their hash, private keys by their first line."""
    value, password = made_up(), made_up(14)
    pem = "\n".join(["-----BEGIN RSA " + "PRIVATE KEY-----", made_up(64), "-----END RSA " + "PRIVATE KEY-----"])
    (tmp_path / "app.py").write_text(f'token = "{value}"\nx = 1\npassword = "{password}"\n\n{pem}\n')
    command = [sys.executable, "-m", "detect_secrets", "scan", "--all-files", "app.py"]
    written = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    accepted = importers.accepted(a_file(tmp_path, written))
    mine = [
        finding(value, "app.py", line=1),
        finding(password, "app.py", line=3),
        finding(pem, "app.py", line=5, end_line=7),
    ]
    assert [accepted(each) for each in mine] == [True, True, True]
    assert list(accepted.unmatched()) == []
    assert not accepted(finding(made_up(31), "app.py", line=1))
    assert not accepted(finding(value, "other.py", line=1))
    assert not accepted(finding(pem, "app.py", line=50, end_line=52))


def test_detect_secrets_hashes_decide_not_lines(finding: Make, tmp_path: Path) -> None:
    """Its line numbers are out of date as soon as somebody edits the file."""
    found = {"type": "Secret Keyword", "hashed_secret": sha1("hunter2"), "line_number": 3}
    accepted = importers.accepted(a_file(tmp_path, secrets_baseline(**{"src\\app.py": [found]})))
    assert accepted(finding("hunter2", "src/app.py", line=300))
    assert not accepted(finding("hunter3", "src/app.py", line=3))


def test_records_that_met_no_finding_are_listed(finding: Make, tmp_path: Path) -> None:
    """Whoever moves over must see what would not come along; no hash is shown, it could be looked up."""
    found = {"type": "Secret Keyword", "hashed_secret": sha1("hunter2"), "line_number": 3}
    accepted = importers.accepted(a_file(tmp_path, secrets_baseline(a=[found], b=[found])))
    assert accepted(finding("hunter2", "b"))
    assert list(accepted.unmatched()) == ["a: Secret Keyword on line 3"]


def test_strange_content_in_a_secrets_baseline_accepts_nothing(finding: Make, tmp_path: Path) -> None:
    """A file edited by hand is no reason to fall over."""
    text = secrets_baseline(a=[{}, {"hashed_secret": 7, "line_number": "1"}], b=7, c=[7])
    accepted = importers.accepted(a_file(tmp_path, text))
    assert not accepted(finding("hunter2", "a"))
    assert len(list(accepted.unmatched())) == 2


# .gitleaksignore


@pytest.mark.parametrize("path", ["src/app.py", "src\\app.py", "./src/app.py", "a:b/[slug].js", "ü b.py"])
@pytest.mark.parametrize("commit", ["", f"{COMMIT}:"])
def test_a_gitleaks_fingerprint_accepts_what_is_on_its_line(
    finding: Make, tmp_path: Path, path: str, commit: str
) -> None:
    """Both its forms, with and without a commit, and any path that a file system allows."""
    accepted = importers.accepted(a_file(tmp_path, f"# known\r\n\r\n{commit}{path}:generic-api-key:3\r\n"))
    here = path.replace("\\", "/").removeprefix("./")
    assert accepted(finding("hunter2", here, line=3))
    assert accepted(finding("hunter2", here, line=2, end_line=4))
    assert not accepted(finding("hunter2", here, line=4))
    assert not accepted(finding("hunter2", "other.py", line=3))


@pytest.mark.parametrize(
    ("written", "found", "expected"),
    [(COMMIT, COMMIT, True), (COMMIT[:12], COMMIT, True), (COMMIT, "f" * 40, False), (COMMIT, None, True)],
)
def test_a_commit_accepts_what_was_found_in_it_or_is_there_now(
    finding: Make, tmp_path: Path, written: str, found: str | None, expected: bool
) -> None:
    """The same line of another commit may hold another key."""
    accepted = importers.accepted(a_file(tmp_path, f"{written}:a.py:generic-api-key:3\n"))
    assert accepted(finding("hunter2", "a.py", line=3, commit=found)) is expected


def test_what_is_no_fingerprint_is_listed(finding: Make, tmp_path: Path) -> None:
    """A typing error in the old file shows up in the move, without its text, which may be anything."""
    accepted = importers.accepted(a_file(tmp_path, "a.py:generic-api-key:3\nhunter2\n"))
    assert accepted(finding("x", "a.py", line=3))
    assert list(accepted.unmatched()) == ["line 2 is no fingerprint"]


def test_a_gitleaksignore_of_comments_accepts_nothing(finding: Make, tmp_path: Path) -> None:
    """It is a valid file, and often an empty one."""
    accepted = importers.accepted(a_file(tmp_path, "# nothing yet\n"))
    assert not accepted(finding("hunter2"))
    assert list(accepted.unmatched()) == []


# gitleaks reports


def report(**found: object) -> str:
    record = {"RuleID": "generic-api-key", "File": "src/app.py", "StartLine": 3, "EndLine": 3, "Commit": ""}
    return json.dumps([{**record, "Match": "key", "Secret": "hunter2", **found}])


@pytest.mark.parametrize("shown", ["hunter2", "", "REDACTED", "hun...", "...", "key=hunter2;", "unter"])
def test_a_gitleaks_report_accepts_its_value_on_its_lines(finding: Make, tmp_path: Path, shown: str) -> None:
    """Reports are kept whole, redacted, or redacted in part, and tools differ in where a value ends."""
    accepted = importers.accepted(a_file(tmp_path, report(Secret=shown, EndLine=5)))
    assert accepted(finding("hunter2", line=3))
    assert accepted(finding("hunter2", line=5))
    assert not accepted(finding("hunter2", line=6))
    assert not accepted(finding("hunter2", "other.py", line=3))


@pytest.mark.parametrize("shown", ["hunter3", "abc..."])
def test_another_value_on_its_line_is_not_meant(finding: Make, tmp_path: Path, shown: str) -> None:
    """The report knows better than the line number what was accepted."""
    accepted = importers.accepted(a_file(tmp_path, report(Secret=shown)))
    assert not accepted(finding("hunter2", line=3))
    assert list(accepted.unmatched()) == ["src/app.py: generic-api-key on line 3"]


@pytest.mark.parametrize("found", [{"Commit": COMMIT}, {"Commit": None}, {"Fingerprint": "x"}])
def test_a_report_of_commits_accepts_files_as_they_are_now(
    finding: Make, tmp_path: Path, found: dict[str, object]
) -> None:
    """`gitleaks git` names commits, and the first baseline is made of the files."""
    accepted = importers.accepted(a_file(tmp_path, report(**found)))
    assert accepted(finding("hunter2", line=3))
    assert accepted(finding("hunter2", line=3, commit="f" * 40)) is (found.get("Commit") is None)


@pytest.mark.parametrize("found", [{"EndLine": 10**12}, {"StartLine": None, "EndLine": None}, {"File": None}])
def test_strange_content_in_a_report_is_survived(finding: Make, tmp_path: Path, found: dict[str, object]) -> None:
    """Nothing that a file says about itself may cost all memory."""
    accepted = importers.accepted(a_file(tmp_path, report(**found)))
    assert not accepted(finding("hunter3", line=3))


def test_an_empty_report_accepts_nothing(finding: Make, tmp_path: Path) -> None:
    """gitleaks writes one whenever it finds nothing."""
    assert not importers.accepted(a_file(tmp_path, "[]\n"))(finding("hunter2"))


# all of them


@pytest.mark.parametrize(
    "text", ["hello\n", '{"results": {}}', "[1]", "7", "null", '{"schema":"promptguard.baseline/1"}']
)
def test_any_other_file_is_refused(tmp_path: Path, text: str) -> None:
    """To take it for an empty list of exceptions would lose them all."""
    with pytest.raises(BaselineError) as caught:
        importers.accepted(a_file(tmp_path, text))
    for kind in (".secrets.baseline", ".gitleaksignore", "JSON report"):
        assert kind in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A wrong path is the most common mistake of all."""
    with pytest.raises(BaselineError, match="nothing: cannot be read"):
        importers.accepted(tmp_path / "nothing")
    (tmp_path / "bytes").write_bytes(b"\x80\x81\n")
    with pytest.raises(BaselineError, match="bytes: is not text"):
        importers.accepted(tmp_path / "bytes")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [report(), "src/app.py:generic-api-key:3\n"])
def test_files_from_any_shell_are_read(finding: Make, tmp_path: Path, encoding: str, text: str) -> None:
    """PowerShell's `>` writes UTF-16, Notepad a byte order mark."""
    (tmp_path / "file").write_bytes(text.encode(encoding))
    assert importers.accepted(tmp_path / "file")(finding("hunter2", line=3))


def test_the_first_baseline_holds_no_more_and_no_less(finding: Make, tmp_path: Path) -> None:
    """The whole move: a scan's findings, the other tool's file, a baseline of what both know."""
    accepted = importers.accepted(a_file(tmp_path, "src/app.py:generic-api-key:3\nsrc/app.py:generic-api-key:9\n"))
    known, new = finding("hunter2", line=3), finding("hunter3", line=4)
    baseline = Baseline.create(filter(accepted, [known, new]), reason="taken over from gitleaks")
    matcher = baseline.matcher(date(2026, 11, 24), lambda path: True)
    assert [matcher.accepts(each) for each in (known, new)] == [True, False]
    assert {entry.reason for entry in baseline.entries} == {"taken over from gitleaks"}
    assert list(accepted.unmatched()) == ["src/app.py:generic-api-key:9"]


def test_nothing_that_is_kept_from_a_report_is_shown(finding: Make, tmp_path: Path) -> None:
    """An unredacted report is full of values."""
    accepted = importers.accepted(a_file(tmp_path, report()))
    accepted(finding("hunter2", line=3))
    assert "hunter2" not in repr(accepted) + repr(vars(accepted))
