"""`promptguard scan`, as installed, on real trees and repositories."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from promptguard.reports import names

Command = Callable[..., subprocess.CompletedProcess[str]]

WEAK = 'password = "winterwonder"\n'
"""Made of words, so that it is sanitized but not reported."""

BINARY = b"\x7fELF\0\1\0\0\0\3"


def places(done: subprocess.CompletedProcess[str]) -> list[tuple[str, int]]:
    """Path and line of each finding of a `jsonl` report."""
    findings = map(json.loads, done.stdout.splitlines())
    return [(finding["path"], finding["line"]) for finding in findings]


@pytest.fixture
def scan(promptguard: Command) -> Command:
    """The command, with the report that is easiest to ask."""

    def run(*arguments: str | os.PathLike[str], **options: object) -> subprocess.CompletedProcess[str]:
        return promptguard("scan", "--format", "jsonl", *arguments, **options)

    return run


class TestExitStatus:
    def test_is_0_for_a_clean_tree(self, scan: Command, tree: Path) -> None:
        """A build must pass when there is nothing to tell."""
        (tree / "clean.py").write_text("print('hello')\n")
        done = scan(".")
        assert (done.returncode, done.stdout) == (0, "")
        assert "1 document" in done.stderr

    def test_is_1_for_a_finding(self, scan: Command, tree: Path, credential: Callable[..., str]) -> None:
        """A build must fail when a credential is in it."""
        (tree / "leak.py").write_text(f'TOKEN = "{credential()}"\n')
        done = scan(".")
        assert (done.returncode, places(done)) == (1, [("leak.py", 1)])

    def test_is_2_for_a_named_path_that_is_not_there(self, scan: Command, tree: Path) -> None:
        """A misspelt folder in a build file must not pass for a clean one."""
        done = scan("sources", "-v")
        assert done.returncode == 2
        assert "skipped sources: no such file or folder" in done.stderr

    def test_is_1_when_one_path_leaks_and_another_is_not_there(
        self, scan: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """A finding is the more urgent news of the two."""
        (tree / "leak.py").write_text(credential())
        assert scan("leak.py", "nowhere").returncode == 1

    def test_is_2_if_strict_and_something_was_skipped(
        self, scan: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """Whoever asks for strictness wants to know that not everything was looked at, found or not."""
        (tree / "picture.bin").write_bytes(BINARY)
        assert scan(".").returncode == 0
        assert scan(".", "--strict").returncode == 2
        (tree / "leak.py").write_text(credential())
        assert scan(".", "--strict").returncode == 2

    def test_is_0_if_strict_and_nothing_was_skipped(self, scan: Command, tree: Path) -> None:
        """Strictness must be bearable where all is well."""
        (tree / "clean.py").write_text("print('hello')\n")
        assert scan(".", "--strict").returncode == 0

    def test_is_0_for_findings_below_fail_on(self, scan: Command, tree: Path, credential: Callable[..., str]) -> None:
        """A team that begins with the worst kinds still wants to see the others."""
        (tree / "leak.py").write_text(credential("slack-bot-token"))  # high
        mild = scan(".", "--fail-on", "critical")
        assert (mild.returncode, places(mild)) == (0, [("leak.py", 1)])
        assert scan(".", "--fail-on", "high").returncode == 1

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["--loudly"], "--loudly"),
            (["--format", "xml"], "'xml'"),
            (["--jobs", "0"], "0 is not in the range"),
            (["--min-confidence", "certain"], "'certain'"),
            (["--fail-on", "always"], "'always'"),
            (["--staged", "--commits", "HEAD"], "exclude each other"),
            (["-", "folder"], "standard input (-) cannot be combined"),
            (["--baseline", "nowhere"], "nowhere: no such baseline"),
            (["--staged"], "not a git repository"),
            (["--commits", "HEAD~1.."], "not a git repository"),
            (["--output", "nowhere/report"], "the report cannot be written"),
        ],
    )
    def test_is_2_for_what_cannot_be_done(self, scan: Command, arguments: list[str], complaint: str) -> None:
        """A scan that did not happen must not look like a clean one, and must say in a line what to mend."""
        done = scan(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("folder", ["nowhere", "empty"])
    def test_is_2_for_a_rules_folder_without_rules(self, scan: Command, tree: Path, folder: str) -> None:
        """A scan without the rules that were asked for would find nothing and look clean."""
        (tree / "empty").mkdir()
        assert scan(".").returncode == 0  # rules are in the cache from here on
        done = scan(".", "--rules", folder)
        assert (done.returncode, folder in done.stderr) == (2, True)

    @pytest.mark.parametrize(
        ("file", "text", "complaint"),
        [
            (".promptguard.yaml", "excludes: [x]\n", "excludes: is unknown"),
            (".promptguard.yaml", "exclude: [\n", "line 2: is not YAML"),
            (".promptguard.yaml", "jobs: many\r\n", "jobs: must be a whole number"),
            ("pyproject.toml", "[tool.promptguard]\nfail-on = 'never'\n", "fail-on: must be one of"),
        ],
    )
    def test_is_2_for_a_configuration_that_is_wrong(
        self, scan: Command, tree: Path, file: str, text: str, complaint: str
    ) -> None:
        """A misspelt setting must not be taken for one that is heeded."""
        (tree / file).write_bytes(text.encode())
        done = scan(".")
        assert done.returncode == 2
        assert file in done.stderr
        assert complaint in done.stderr


class TestFormats:
    @pytest.fixture
    def leaky(self, tree: Path, credential: Callable[..., str]) -> Path:
        (tree / "leak.py").write_bytes(f'a = 1\r\nTOKEN = "{credential()}"\r\n'.encode())
        return tree

    def test_there_are_those_that_the_help_names(self, promptguard: Command) -> None:
        """A format that nobody can find is none."""
        told = promptguard("scan", "--help").stdout
        assert all(name in told for name in names())

    def test_text_begins_with_the_place(self, promptguard: Command, leaky: Path) -> None:
        """Terminals and editors make a link of it."""
        assert promptguard("scan", ".").stdout.startswith("leak.py:2:10: critical: ")

    def test_json_is_one_document(self, promptguard: Command, leaky: Path) -> None:
        """A program reads it whole."""
        read = json.loads(promptguard("scan", ".", "--format", "json").stdout)
        assert [finding["path"] for finding in read["findings"]] == ["leak.py"]
        assert read["summary"]["documents"] == 1

    def test_json_of_a_clean_tree_is_one_document(self, promptguard: Command, tree: Path) -> None:
        """The good case must not be the one that breaks a pipeline."""
        read = json.loads(promptguard("scan", ".", "--format", "json").stdout)
        assert read["findings"] == []

    def test_jsonl_is_a_finding_a_line(self, promptguard: Command, leaky: Path) -> None:
        """A program reads it as it comes."""
        (line,) = promptguard("scan", ".", "--format", "jsonl").stdout.splitlines()
        assert json.loads(line)["rule"] == "github-pat"

    def test_sarif_names_tool_rule_and_place(self, promptguard: Command, leaky: Path) -> None:
        """Code scanning services take nothing else."""
        (run,) = json.loads(promptguard("scan", ".", "--format", "sarif").stdout)["runs"]
        assert run["tool"]["driver"]["rules"][0]["id"] == run["results"][0]["ruleId"] == "github-pat"
        place = run["results"][0]["locations"][0]["physicalLocation"]
        assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("leak.py", 2)

    def test_github_is_a_command_a_finding(self, promptguard: Command, leaky: Path) -> None:
        """A pull request shows it beside the line."""
        assert promptguard("scan", ".", "--format", "github").stdout.startswith("::error file=leak.py,line=2,")

    def test_the_summary_keeps_out_of_the_report(self, promptguard: Command, leaky: Path) -> None:
        """What goes to a program must not be mixed with what goes to a person, who may ask for silence."""
        assert promptguard("scan", ".", "--format", "json", "--quiet").stderr == ""
        assert "1 finding" in promptguard("scan", ".", "--format", "json").stderr


class TestOutput:
    def test_is_a_file_with_what_would_have_been_printed(
        self, promptguard: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """A build keeps its report as an artefact."""
        (tree / "leak.py").write_text(credential())
        done = promptguard("scan", "leak.py", "--format", "jsonl", "-o", "report.jsonl")
        assert (done.returncode, done.stdout) == (1, "")
        assert (tree / "report.jsonl").read_text() == promptguard("scan", "leak.py", "--format", "jsonl").stdout

    def test_stays_as_it_was_when_the_scan_fails(
        self, promptguard: Command, tree: Path, repository: Callable[..., str]
    ) -> None:
        """Half a report would be read as a whole one."""
        repository("commit", "--quiet", "--allow-empty", "--message", "start")
        (tree / "report.json").write_text("the last one\n")
        done = promptguard("scan", "--commits", "nowhere..HEAD", "--format", "json", "-o", "report.json")
        assert done.returncode == 2
        assert (tree / "report.json").read_text() == "the last one\n"
        assert sorted(path.name for path in tree.iterdir()) == [".git", "report.json"]

    def test_is_not_scanned_itself(self, promptguard: Command, tree: Path) -> None:
        """A report that reports on itself never says the same twice, and with values shown it would multiply them."""
        (tree / "clean.py").write_text("print('hello')\n")
        promptguard("scan", ".", "--format", "json", "-o", "report.json")
        assert json.loads((tree / "report.json").read_text())["summary"]["documents"] == 1


class TestConfidence:
    def test_low_finds_more(self, scan: Command, tree: Path) -> None:
        """Whoever wants to see what sanitizing would take out asks for it."""
        (tree / "weak.py").write_text(WEAK)
        assert places(scan(".")) == []
        assert places(scan(".", "--min-confidence", "low")) == [("weak.py", 1)]

    def test_high_finds_less(self, scan: Command, tree: Path) -> None:
        """A first look at an old repository should show what is certain."""
        (tree / "middling.py").write_text('passwd = "Summer2024"\n')  # promptguard:allow an example
        assert places(scan(".")) == [("middling.py", 1)]
        assert places(scan(".", "--min-confidence", "high")) == []

    def test_the_option_wins_over_the_configuration(self, scan: Command, tree: Path) -> None:
        """What is typed now is meant now."""
        (tree / "weak.py").write_text(WEAK)
        (tree / ".promptguard.yaml").write_text("min-confidence: low\n")
        assert places(scan("weak.py")) == [("weak.py", 1)]
        assert places(scan("weak.py", "--min-confidence", "medium")) == []


class TestStandardInput:
    def test_is_called_a_dash(self, scan: Command, credential: Callable[..., str]) -> None:
        """A prompt is piped in, without a file."""
        done = scan("-", text=f"use {credential()} please\n".encode())
        assert (done.returncode, places(done)) == (1, [("-", 1)])

    def test_takes_the_name_that_it_is_given(self, scan: Command, credential: Callable[..., str]) -> None:
        """An editor pipes in a file that is not saved yet, and links to it."""
        done = scan("-", "--stdin-name", "src/app.py", text=f"\r\nkey = '{credential()}'\r\n".encode())
        assert places(done) == [("src/app.py", 2)]

    def test_may_be_empty(self, scan: Command) -> None:
        """A pipeline with nothing to say is no failure."""
        assert scan("-", text=b"").returncode == 0


class TestStaged:
    def test_looks_at_the_index_not_at_the_work_tree(
        self, scan: Command, tree: Path, repository: Callable[..., str], credential: Callable[..., str]
    ) -> None:
        """What is about to be committed counts, and a fix that is not staged is not in the commit."""
        (tree / "staged.py").write_text(credential())
        (tree / "mended.py").write_text("clean\n")
        repository("add", ".")
        (tree / "staged.py").write_text("clean by now\n")
        (tree / "mended.py").write_text(credential())
        (tree / "untracked.py").write_text(credential())
        done = scan("--staged")
        assert (done.returncode, places(done)) == (1, [("staged.py", 1)])

    def test_heeds_the_excludes_of_the_configuration_from_a_folder_below(
        self, scan: Command, tree: Path, repository: Callable[..., str], credential: Callable[..., str]
    ) -> None:
        """Hooks run anywhere, and git names paths from the top."""
        (tree / "docs").mkdir()
        (tree / "src").mkdir()
        (tree / "docs/example.md").write_text(credential())
        (tree / "src/app.py").write_text(credential())
        (tree / ".promptguard.yaml").write_text("exclude: [/docs/]\n")
        repository("add", ".")
        assert places(scan("--staged", folder=tree / "src")) == [("src/app.py", 1)]


class TestCommits:
    def test_says_which_commit_brought_it_in(
        self, scan: Command, tree: Path, repository: Callable[..., str], credential: Callable[..., str]
    ) -> None:
        """A credential that was removed again is still in the history, and must be rotated."""
        repository("commit", "--quiet", "--allow-empty", "--message", "start")
        (tree / "app.py").write_text(f"KEY = '{credential()}'\n")
        repository("add", ".")
        repository("commit", "--quiet", "--message", "leak")
        leak = repository("rev-parse", "HEAD")
        (tree / "app.py").write_text("KEY = None\n")
        repository("commit", "--quiet", "--all", "--message", "mend")
        done = scan("--commits", "HEAD~2..HEAD")
        assert [json.loads(line)["commit"] for line in done.stdout.splitlines()] == [leak]
        assert scan("--commits", "HEAD~1..HEAD").returncode == 0


class TestIgnored:
    @pytest.fixture
    def ignoring(self, tree: Path, repository: Callable[..., str], credential: Callable[..., str]) -> Path:
        """A repository that leaks in an ignored folder only."""
        (tree / ".gitignore").write_bytes(b"build/\r\n")
        (tree / "build").mkdir()
        (tree / "build/app.js").write_text(credential())
        return tree

    def test_files_are_left_out(self, scan: Command, ignoring: Path) -> None:
        """What git ignores is not published."""
        assert scan(".").returncode == 0

    def test_files_are_looked_at_with_no_ignore(self, scan: Command, ignoring: Path) -> None:
        """A container image takes in more than git does."""
        assert places(scan(".", "--no-ignore")) == [("build/app.js", 1)]

    def test_files_are_looked_at_when_they_are_named(self, scan: Command, ignoring: Path) -> None:
        """Who names a file wants to know about that file."""
        assert places(scan("build/app.js")) == [("build/app.js", 1)]

    def test_a_named_folder_is_not_taken_for_clean(self, scan: Command, ignoring: Path) -> None:
        """Looked at or skipped by name: silence would be a lie either way."""
        done = scan("build", "-v")
        assert places(done) == [("build/app.js", 1)] or "skipped build" in done.stderr


class TestAllowing:
    def test_a_comment_silences_its_line(self, scan: Command, tree: Path, credential: Callable[..., str]) -> None:
        """A revoked key in a test must not fail every build, and the summary owns up to it."""
        (tree / "app.py").write_bytes(
            f"a = '{credential()}'  # promptguard:allow[github-pat] revoked\r\nb = '{credential()}'\r\n".encode()
        )
        done = scan(".")
        assert places(done) == [("app.py", 2)]
        assert "1 allowed" in done.stderr

    def test_a_comment_without_use_is_named(self, scan: Command, tree: Path) -> None:
        """Stale allows hide the next leak."""
        (tree / "app.py").write_text("clean = True  # promptguard:allow\n")
        assert "unused allow app.py:1: promptguard:allow" in scan(".", "-v").stderr

    def test_no_allow_heeds_neither_comments_nor_baselines_nor_excludes(
        self, scan: Command, promptguard: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """An auditor wants everything."""
        for name in ("accepted", "commented", "excluded"):
            (tree / f"{name}.py").write_text(f"a = '{credential()}'")
        promptguard("baseline", "create", "accepted.py")
        with (tree / "commented.py").open("a") as file:
            file.write("  # gitleaks:allow\n")
        (tree / ".promptguard.yaml").write_text("exclude: [excluded.py]\nbaseline: .promptguard-baseline\n")
        assert scan(".").returncode == 0
        found = {path for path, _ in places(scan(".", "--no-allow"))}
        assert found == {"accepted.py", "commented.py", "excluded.py"}


class TestShowSecrets:
    @pytest.mark.parametrize("name", ["text", "json", "jsonl"])
    def test_prints_values_for_whoever_asks(
        self, promptguard: Command, tree: Path, credential: Callable[..., str], name: str
    ) -> None:
        """To rotate a key one has to know which it is."""
        value = credential()
        (tree / "app.py").write_text(value)
        assert value in promptguard("scan", ".", "--format", name, "--show-secrets").stdout

    @pytest.mark.parametrize("name", ["github", "sarif"])
    def test_never_prints_values_into_what_is_uploaded(
        self, promptguard: Command, tree: Path, credential: Callable[..., str], name: str
    ) -> None:
        """These are read by more people than the one who asked."""
        value = credential()
        (tree / "app.py").write_text(value)
        assert value not in promptguard("scan", ".", "--format", name, "--show-secrets").stdout


class TestSkipped:
    def test_is_counted_and_with_verbose_named(self, scan: Command, tree: Path) -> None:
        """Nothing is passed over in silence."""
        (tree / "picture.bin").write_bytes(BINARY)
        assert "1 skipped (1 binary)" in scan(".").stderr
        assert "skipped picture.bin: binary" in scan(".", "-v").stderr
        assert "picture.bin" not in scan(".").stderr
