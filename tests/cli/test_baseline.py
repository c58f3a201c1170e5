"""`promptguard baseline`, as installed: accept, report only what is new, clear away."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

FILE = ".promptguard-baseline"


def entries(tree: Path, file: str = FILE) -> list[dict[str, str]]:
    return [json.loads(line) for line in (tree / file).read_text().splitlines()[1:]]


def found(promptguard: Command, *arguments: str) -> set[str]:
    """The paths that a scan reports."""
    done = promptguard("scan", ".", "--format", "jsonl", *arguments)
    assert done.returncode == (1 if done.stdout else 0), done.stderr
    return {json.loads(line)["path"] for line in done.stdout.splitlines()}


@pytest.fixture
def accepted(promptguard: Command, tree: Path, credential: Callable[..., str]) -> Path:
    """A tree with a finding, which is accepted."""
    (tree / "old.py").write_text(f"a = '{credential()}'\n")
    done = promptguard("baseline", "create", ".", "--reason", "revoked")
    assert done.returncode == 0, done.stderr
    return tree


class TestCreate:
    def test_accepts_what_is_there(self, promptguard: Command, accepted: Path) -> None:
        """A team can begin today, whatever its past."""
        assert found(promptguard, "--baseline", FILE) == set()
        assert [(entry["path"], entry["rule"], entry["reason"]) for entry in entries(accepted)] == [
            ("old.py", "github-pat", "revoked")
        ]

    def test_does_not_accept_what_comes_later(
        self, promptguard: Command, accepted: Path, credential: Callable[..., str]
    ) -> None:
        """Else it would be a switch to turn scanning off."""
        (accepted / "old.py").write_text(f"a = '{credential()}'\n")  # another value, same line
        assert found(promptguard, "--baseline", FILE) == {"old.py"}

    def test_never_overwrites(self, promptguard: Command, accepted: Path) -> None:
        """Reasons and last days in it were written by people."""
        before = (accepted / FILE).read_bytes()
        done = promptguard("baseline", "create", ".")
        assert done.returncode == 2
        assert "baseline update" in done.stderr
        assert (accepted / FILE).read_bytes() == before

    def test_of_nothing_is_a_baseline(self, promptguard: Command, tree: Path) -> None:
        """A clean project may want one for later."""
        assert promptguard("baseline", "create", ".").returncode == 0
        assert entries(tree) == []
        assert found(promptguard, "--baseline", FILE) == set()

    def test_takes_over_what_another_tool_accepts(
        self, promptguard: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """Nobody wants to triage the same findings twice."""
        (tree / "old.py").write_text(f"a = '{credential()}'\n")
        (tree / "new.py").write_text(f"a = '{credential()}'\n")
        (tree / ".gitleaksignore").write_text("old.py:github-pat:1\n")
        done = promptguard("baseline", "create", ".", "--from", ".gitleaksignore")
        assert done.returncode == 0, done.stderr
        assert [entry["path"] for entry in entries(tree)] == ["old.py"]

    def test_says_what_was_not_looked_at(self, promptguard: Command, tree: Path) -> None:
        """What is skipped today may be found tomorrow, to the surprise of whoever accepted everything."""
        (tree / "picture.bin").write_bytes(b"\x7fELF\0\1\0\0\0\3")
        assert "skipped picture.bin: binary" in promptguard("baseline", "create", ".").stderr

    def test_refuses_a_day_that_does_not_exist(self, promptguard: Command, tree: Path) -> None:
        """A misread date would accept for ever."""
        done = promptguard("baseline", "create", ".", "--expires", "2027-02-30")
        assert done.returncode == 2
        assert not (tree / FILE).exists()


class TestUpdate:
    def test_adds_what_is_new_and_keeps_reasons(
        self, promptguard: Command, accepted: Path, credential: Callable[..., str]
    ) -> None:
        """A second round must not undo the first."""
        (accepted / "new.py").write_text(credential())
        done = promptguard("baseline", "update", ".", "--reason", "test data", "--expires", "2099-12-31")
        assert done.returncode == 0, done.stderr
        kept = {entry["path"]: (entry["reason"], entry["expires"]) for entry in entries(accepted)}
        assert kept == {"old.py": ("revoked", None), "new.py": ("test data", "2099-12-31")}

    def test_needs_a_baseline(self, promptguard: Command, tree: Path) -> None:
        """A misspelt name must not make a second one."""
        done = promptguard("baseline", "update", ".", "--baseline", "nowhere")
        assert done.returncode == 2
        assert "no such baseline" in done.stderr


class TestPrune:
    def test_drops_what_is_gone(self, promptguard: Command, accepted: Path) -> None:
        """An accepted value that comes back years later is news."""
        (accepted / "old.py").write_text("clean\n")
        assert promptguard("baseline", "prune", ".").returncode == 0
        assert entries(accepted) == []

    def test_keeps_what_was_not_looked_at(
        self, promptguard: Command, accepted: Path, credential: Callable[..., str]
    ) -> None:
        """A scan of one folder knows nothing of the others."""
        (accepted / "part").mkdir()
        (accepted / "part/clean.py").write_text("clean\n")
        assert promptguard("baseline", "prune", "part").returncode == 0
        assert [entry["path"] for entry in entries(accepted)] == ["old.py"]


class TestScan:
    def test_heeds_the_baseline_of_the_configuration(self, promptguard: Command, accepted: Path) -> None:
        """What a team agreed on need not be typed."""
        assert found(promptguard) == {"old.py"}
        (accepted / ".promptguard.yaml").write_bytes(f"baseline: {FILE}\r\n".encode())
        assert found(promptguard) == set()

    def test_heeds_it_from_a_folder_below(
        self, promptguard: Command, tree: Path, repository: Callable[..., str], credential: Callable[..., str]
    ) -> None:
        """Entries are relative to the baseline, wherever one stands."""
        (tree / "src").mkdir()
        (tree / "src/old.py").write_text(credential())
        promptguard("baseline", "create", ".")
        (tree / ".promptguard.yaml").write_text(f"baseline: {FILE}\n")
        done = promptguard("scan", ".", folder=tree / "src")
        assert (done.returncode, "1 allowed" in done.stderr) == (0, True)

    def test_follows_a_file_that_was_moved(self, promptguard: Command, accepted: Path) -> None:
        """Renaming a folder must not bring all its old findings back."""
        (accepted / "moved").mkdir()
        (accepted / "old.py").rename(accepted / "moved/new.py")
        assert found(promptguard, "--baseline", FILE) == set()

    def test_reports_what_has_expired_and_says_so(
        self, promptguard: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """A promise to rotate by a day is worth only as much as the reminder."""
        (tree / "old.py").write_text(credential())
        promptguard("baseline", "create", ".", "--expires", "2020-01-01")
        assert found(promptguard, "--baseline", FILE) == {"old.py"}
        assert "(expired)" in promptguard("scan", ".", "--baseline", FILE, "-v").stderr

    def test_names_entries_without_use(self, promptguard: Command, accepted: Path) -> None:
        """So that somebody prunes them."""
        (accepted / "old.py").write_text("clean\n")
        done = promptguard("scan", ".", "--baseline", FILE, "-v")
        assert "unused allow old.py: github-pat" in done.stderr

    def test_names_a_line_that_is_damaged(self, promptguard: Command, accepted: Path) -> None:
        """A merge conflict in it must not switch it off, nor on."""
        with (accepted / FILE).open("a") as file:
            file.write("<<<<<<< ours\n")
        done = promptguard("scan", ".", "--baseline", FILE)
        assert done.returncode == 2
        assert FILE in done.stderr
        assert "3" in done.stderr
