"""How git is called."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from promptguard.errors import GitError
from promptguard.sources import plumbing

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


def test_a_missing_git_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that a user of a slim container sees must help."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed or not on PATH: install it, or name files"):
        plumbing.ask(str(tmp_path), "--version")


@posix
def test_a_git_that_cannot_be_run_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with git, the user gets a sentence and no traceback."""
    (tmp_path / "git").write_text("no program")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git could not be started: "):
        plumbing.ask(str(tmp_path), "--version")


@posix
def test_patience_ends(repository: Any) -> None:
    """git waits for ever for a .gitignore that is a pipe; an unpacked archive must not be able to stop a scan."""
    os.mkfifo(".gitignore")
    began = time.monotonic()
    with pytest.raises(GitError, match=r"git ls-files: gave no answer within 0\.2 seconds"):
        plumbing.ask(".", "ls-files", "--others", "--exclude-standard", within=0.2)
    assert time.monotonic() - began < 10


def test_programs_are_looked_for_in_absolute_folders_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a bare name would be looked for in the current folder first, which may be the one to be scanned."""
    monkeypatch.chdir(tmp_path)
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "git.exe").touch()
    there = str(tmp_path / "there")
    assert plumbing.on_path("git.exe", ["", ".", "here", str(tmp_path), there]) == os.path.join(there, "git.exe")
    assert plumbing.on_path("git.exe", ["", ".", "here"]) is None
