"""Real trees, real repositories, and a user without rights, for the sources to be tried on."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534


@pytest.fixture(autouse=True)
def own_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but a test's own; no repository that a surrounding hook names."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "3")
    for number, (key, value) in enumerate(
        [("user.name", "A. Tester"), ("user.email", "tester@example.org"), ("init.defaultBranch", "main")]
    ):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)


@dataclass(frozen=True, slots=True)
class Repository:
    folder: Path

    def git(self, *arguments: str | bytes, text: bytes | None = None) -> str:
        command = ("git", "-C", str(self.folder), *arguments)
        run = subprocess.run(command, input=text, capture_output=True, check=True)
        return run.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, name: str | bytes, text: str | bytes = "text\n") -> None:
        path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def add(self, name: str | bytes, text: str | bytes = "text\n") -> None:
        """Written and staged, ignored or not."""
        self.write(name, text)
        self.git("--literal-pathspecs", "add", "--force", "--", name)

    def commit(self, message: str = "change") -> str:
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository_in() -> Callable[..., Repository]:
    def make(folder: Path, *options: str) -> Repository:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(("git", "init", "--quiet", *options, str(folder)), check=True)
        return Repository(folder)

    return make


@pytest.fixture
def repository(tmp_path: Path, repository_in: Callable[..., Repository], monkeypatch: pytest.MonkeyPatch) -> Repository:
    """An empty one, in the current folder."""
    made = repository_in(tmp_path / "repository")
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder in no repository."""
    folder = tmp_path / "tree"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], Any]], Any]:
    """Runs a function in a child that is not root, from the current folder on, and returns what it returned as JSON."""

    def run(ask: Callable[[], Any]) -> Any:
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)
                os.write(theirs, json.dumps(ask()).encode())
            finally:
                os._exit(0)  # nothing of the test run may be finished twice
        os.close(theirs)
        with os.fdopen(ours, "rb") as answer:
            said = answer.read()
        os.waitpid(child, 0)
        return json.loads(said)

    return run
