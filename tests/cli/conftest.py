"""The installed command, folders of its own to keep things in, and credentials made when a test asks for one."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from promptguard.rules import shipped
from promptguard.rules.generate import secret_of
from promptguard.rules.load import Ruleset, load, read

PATIENCE = 120
"""Seconds after which a command is taken to hang; the first one compiles all rules."""


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled rules are kept for the whole run, and neither they nor the key are those of whoever runs the tests."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMPTGUARD_CACHE", str(root / "promptguard-cache"))
        patch.setenv("XDG_STATE_HOME", str(root / "promptguard-state"))
        for name in ("PROMPTGUARD_KEY", "NO_COLOR", "PYTHONIOENCODING"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def own_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but a test's own; no repository that a surrounding hook names."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")


@pytest.fixture(scope="session")
def executable() -> str:
    """The console script beside this python."""
    found = shutil.which("promptguard", path=Path(sys.executable).parent)
    assert found, "promptguard is installed beside this python"
    return found


@pytest.fixture
def promptguard(executable: str, tree: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in `tree`."""

    def run(
        *arguments: str | os.PathLike[str], text: bytes = b"", folder: Path = tree, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [executable, *arguments],
            cwd=folder,
            input=text,
            capture_output=True,
            timeout=PATIENCE,
            env={**os.environ, **environment},
        )
        said = (done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
        return subprocess.CompletedProcess(done.args, done.returncode, *said)

    return run


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty folder in no repository."""
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def repository(tree: Path) -> Callable[..., str]:
    """Makes `tree` a repository and answers a function that runs git in it."""

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(tree), "-c", "init.defaultBranch=main", *arguments)
        return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout.strip()

    git("init", "--quiet")
    return git


@dataclass(frozen=True, slots=True)
class Credentials:
    """Makes values that are found, another one each time."""

    _random: random.Random = field(default_factory=lambda: random.Random("credentials of the tests"))

    def __call__(self, rule: str = "github-pat") -> str:
        """A value of this rule; only its vendor's file is read."""
        rules = _rules_of(rule.partition("-")[0]).by_id
        return secret_of(rules[rule], self._random, rules)


@cache
def _rules_of(vendor: str) -> Ruleset:
    return load(read(shipped.folder() / f"{vendor}.yaml"))


@pytest.fixture
def credential() -> Credentials:
    return Credentials()
