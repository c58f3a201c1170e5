"""`promptguard rules` and `--rules`, as installed, with rules of a team's own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

ACME = """\
schema: promptguard.rules/1
vendor: {id: acmecorp, name: Acme Corporation, category: ai}
rules:
- id: acmecorp-api-key
  version: 3
  name: Acme key
  why: spends the credit of the account
  severity: medium
  confidence: high
  pattern: |
    (?x) acmecorp_ [0-9A-Za-z]{32}
  rotate: https://acme.example/keys
  examples: ['KEY=acmecorp_{{base62:32}}']
  counter_examples:
  - {text: 'acmecorp_{{base62:31}}', why: one character short}
"""


@pytest.fixture
def rules(tree: Path) -> Path:
    """A folder with a rule, outside of what is scanned."""
    folder = tree.parent / "rules"
    folder.mkdir()
    (folder / "acme.yaml").write_bytes(ACME.replace("\n", "\r\n").encode())
    return folder


class TestList:
    def test_names_every_rule_once_and_in_order(self, promptguard: Command) -> None:
        """It is searched for a vendor before a rule is written."""
        done = promptguard("rules", "list")
        ids = [line.split()[0] for line in done.stdout.splitlines()]
        assert done.returncode == 0
        assert ids == sorted(set(ids))
        assert {"github-pat", "generic-password"} < set(ids)
        assert done.stderr.startswith(f"{len(ids)} rules, ")

    def test_takes_in_a_teams_own(self, promptguard: Command, rules: Path) -> None:
        """To see whether they are seen."""
        lines = promptguard("rules", "list", "--rules", rules).stdout.splitlines()
        assert any(line.split() == ["acmecorp-api-key", "medium", "high", "Acme", "key"] for line in lines)


class TestShow:
    def test_tells_what_the_engine_makes_of_it(self, promptguard: Command, rules: Path) -> None:
        """Whoever asks why something was found, or was not, begins here."""
        done = promptguard("rules", "show", "acmecorp-api-key", "--rules", rules)
        facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
        assert done.returncode == 0
        assert facts["rule"].startswith("acmecorp-api-key, version 3, from ")
        assert (facts["severity"], facts["rotate"]) == ("medium", "https://acme.example/keys")
        assert "[0-9A-Za-z]{32}" in facts["pattern"]

    def test_refuses_a_name_that_no_rule_has(self, promptguard: Command) -> None:
        """And says where the names are."""
        done = promptguard("rules", "show", "github-pet")
        assert done.returncode == 2
        assert "promptguard rules list" in done.stderr


BROKEN = [
    ("severity: medium", "severity: mild", "acmecorp-api-key: severity: "),
    ("  why: spends the credit of the account\n", "", "acmecorp-api-key: why: is missing"),
    ("rotate:", "rotates:", "acmecorp-api-key: rotates: no such field"),
    ("[0-9A-Za-z]{32}\n", "[0-9A-Za-z]+\n", "acmecorp-api-key: width: is needed"),
    ("[0-9A-Za-z]{32}\n", "(?<!x) y\n", "acmecorp-api-key: pattern: "),
    ("id: acmecorp-api-key", "id: Acme key", "Acme key: id: "),
    ("schema: promptguard.rules/1", "schema: [", "is no YAML"),
]


class TestBrokenRules:
    @pytest.mark.parametrize(("sound", "broken", "complaint"), BROKEN, ids=[complaint for _, _, complaint in BROKEN])
    def test_name_file_rule_and_field(
        self, promptguard: Command, rules: Path, sound: str, broken: str, complaint: str
    ) -> None:
        """Who writes a rule should not have to read ours to see what is wrong with it."""
        assert sound in ACME
        (rules / "acme.yaml").write_text(ACME.replace(sound, broken))
        done = promptguard("rules", "check", rules)
        assert done.returncode == 1
        assert f"{(rules / 'acme.yaml').as_posix()}: {complaint}" in done.stdout
        assert "1 problem" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        ("sound", "broken", "complaint"),
        [BROKEN[0], ("- id: acmecorp-api-key", "- id: github-pat", "github-pat: id: already used in ")],
    )
    def test_keep_a_scan_from_starting(
        self, promptguard: Command, rules: Path, sound: str, broken: str, complaint: str
    ) -> None:
        """A scan without one of its rules would look clean."""
        (rules / "acme.yaml").write_text(ACME.replace(sound, broken))
        done = promptguard("scan", ".", "--rules", rules)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{(rules / 'acme.yaml').as_posix()}: {complaint}" in done.stderr

    def test_need_not_be_utf_8_to_be_refused_in_one_line(self, promptguard: Command, rules: Path) -> None:
        """An editor's old encoding is no crash."""
        (rules / "acme.yaml").write_bytes(ACME.replace("Acme", "Äcme").encode("latin-1"))
        done = promptguard("rules", "list", "--rules", rules)
        assert done.returncode == 2
        assert "cannot be read" in done.stderr

    def test_that_nest_deeply_do_not_end_the_process(self, promptguard: Command, rules: Path) -> None:
        """A rule file from somewhere else is not to be trusted."""
        (rules / "acme.yaml").write_text("[" * 100_000)
        done = promptguard("rules", "check", rules)
        assert done.returncode == 1
        assert "is no YAML" in done.stdout


class TestOwnRules:
    """One story, and the same path both times: compiling every rule anew takes seconds."""

    def test_are_found_listed_in_the_configuration_or_given(
        self, promptguard: Command, tree: Path, rules: Path
    ) -> None:
        """A company's internal tokens leak like any others."""
        (tree / "app.py").write_text("key = 'acmecorp_" + "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0fL" + "'\n")

        def found(*arguments: str | Path) -> list[tuple[str, str, int]]:
            done = promptguard("scan", "app.py", "--format", "jsonl", *arguments)
            findings = map(json.loads, done.stdout.splitlines())
            return [(each["rule"], each["redacted"], each["rule_version"]) for each in findings]

        assert ("acmecorp-api-key", "acmecorp_****", 3) not in found()
        assert ("acmecorp-api-key", "acmecorp_****", 3) in found("--rules", rules)
        (tree / ".promptguard.yaml").write_text(f"rules: [{json.dumps(str(rules))}]\n")
        assert ("acmecorp-api-key", "acmecorp_****", 3) in found()


@pytest.mark.slow
class TestCheck:
    def test_passes_rules_that_keep_their_promises(self, promptguard: Command, rules: Path) -> None:
        """A contributor wants to hear that all is well, too."""
        done = promptguard("rules", "check", rules)
        assert (done.returncode, done.stdout) == (0, "")
        assert "all rules keep their promises" in done.stderr

    @pytest.mark.parametrize(
        ("sound", "broken", "complaint"),
        [
            ("KEY=acmecorp_{{base62:32}}", "KEY=acmecorp_{{base62:30}}", "examples: example 1 is not reported"),
            ("acmecorp_{{base62:31}}", "acmecorp_{{base62:32}}", "counter_examples: counter-example 1 is reported"),
            ("{{base62:32}}", "{{base61:32}}", "base61"),
        ],
    )
    def test_names_the_example_that_is_not_kept(
        self, promptguard: Command, rules: Path, sound: str, broken: str, complaint: str
    ) -> None:
        """Examples are the specification."""
        (rules / "acme.yaml").write_text(ACME.replace(sound, broken))
        done = promptguard("rules", "check", rules)
        assert done.returncode == 1
        assert complaint in done.stdout


class TestTest:
    def test_tells_every_match_with_its_evidence(
        self, promptguard: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """Why a value is taken for a credential must be no secret, though the value is."""
        (tree / "app.py").write_bytes(f"\r\nkey = '{credential()}'\r\n".encode())
        done = promptguard("rules", "test", "app.py")
        assert done.returncode == 0
        assert "line 2: github-pat high (" in done.stdout
        assert "+4.0 checksum: crc32-base62 holds" in done.stdout

    def test_reads_standard_input(self, promptguard: Command, credential: Callable[..., str]) -> None:
        """To try a line one need not make a file."""
        done = promptguard("rules", "test", "-", text=credential().encode())
        assert "line 1: github-pat" in done.stdout

    def test_tells_weak_matches_too(self, promptguard: Command) -> None:
        """What is not reported may still be sanitized."""
        assert "generic-password low" in promptguard("rules", "test", "-", text=b'password = "winterwonder"\n').stdout

    def test_finds_nothing_in_nothing(self, promptguard: Command) -> None:
        """And says so."""
        assert promptguard("rules", "test", "-").stdout == "0 matches\n"

    def test_refuses_a_file_that_is_not_there(self, promptguard: Command) -> None:
        """In one line."""
        done = promptguard("rules", "test", "nowhere")
        assert done.returncode == 2
        assert "nowhere" in done.stderr
        assert "Traceback" not in done.stderr
