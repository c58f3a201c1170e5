"""The pre-commit hooks, tried with pre-commit itself on real repositories."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from promptguard.rules.generate import secret_of
from promptguard.rules.load import load, read
from promptguard.rules.shipped import folder

TOP = Path(__file__).parents[1]
PACKAGE = ("src", "rules", "pyproject.toml", "README.md", "LICENSE", "NOTICE", ".pre-commit-hooks.yaml")
PRE_COMMIT = [sys.executable, "-m", "pre_commit"]


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository that uses our hooks."""

    folder: Path
    environment: dict[str, str]

    def write(self, name: str, text: str | bytes) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )

    def git(self, *arguments: str) -> str:
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def commit(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("git", "commit", "--message", "a change", *options)


@cache
def token() -> str:
    """A GitHub token that looks live."""
    rules = load(read(folder())).by_id
    return secret_of(rules["github-pat"], random.Random(1), rules)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Git without anybody's configuration, pre-commit and promptguard with folders of their own."""
    own = tmp_path_factory.mktemp("own")
    identity = {
        f"GIT_{role}_{what}": "harbour@harbour.test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    return (
        outer
        | identity
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "PRE_COMMIT_HOME": str(own / "pre-commit"),
            "PRE_COMMIT_COLOR": "never",
            "PROMPTGUARD_CACHE": str(own / "cache"),
            "PROMPTGUARD_KEY": "a key for tests alone, of no use anywhere",
        }
    )


@pytest.fixture(scope="module")
def hooks(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This package as a hook repository, as its users' pre-commit would clone it."""
    ours = Repository(tmp_path_factory.mktemp("hooks"), environment)
    for name in PACKAGE:
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, ours.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, ours.folder / name)
    ours.git("init", "--quiet")
    ours.git("add", "--all")
    ours.git("commit", "--quiet", "--message", "release")
    return ours


NewRepository = Callable[[str], Repository]


@pytest.fixture
def repository(hooks: Repository, environment: dict[str, str], tmp_path: Path) -> NewRepository:
    """Makes a repository that uses one of the hooks and has one clean commit."""

    def make(hook: str) -> Repository:
        new = Repository(tmp_path, environment)
        revision = hooks.git("rev-parse", "HEAD").strip()
        where = f"repo: {hooks.folder.as_uri()}\n  rev: {revision}\n  hooks: [{{id: {hook}}}]"
        new.write(".pre-commit-config.yaml", f"repos:\n- {where}\n")
        new.git("init", "--quiet")
        new.git("add", "--all")
        new.git("commit", "--quiet", "--message", "first")
        done = new.run(*PRE_COMMIT, "install", "--install-hooks")
        assert done.returncode == 0, done.stdout
        return new

    return make


def test_a_staged_credential_stops_the_commit(repository: NewRepository) -> None:
    """This is what a hook is for; and the terminal must say where, without showing the value."""
    ours = repository("promptguard")
    ours.write("deploy/notes.md", f"first line\nthe token is {token()}\n")
    ours.git("add", ".")
    done = ours.commit()
    assert done.returncode == 1, done.stdout
    assert "deploy/notes.md:2" in done.stdout
    assert "github-pat" in done.stdout
    assert token() not in done.stdout
    assert ours.git("rev-list", "--count", "HEAD").strip() == "1"


def test_a_clean_change_is_committed(repository: NewRepository) -> None:
    """A hook that stands in the way of ordinary work is removed."""
    ours = repository("promptguard")
    ours.write("main.py", 'token = os.environ["GITHUB_TOKEN"]\n')
    ours.git("add", ".")
    done = ours.commit()
    assert done.returncode == 0, done.stdout
    assert ours.git("rev-list", "--count", "HEAD").strip() == "2"


def test_what_is_staged_counts_not_what_lies_in_the_folder(repository: NewRepository) -> None:
    """Taking the token out after `git add` leaves it in the commit; putting one in afterwards does not."""
    ours = repository("promptguard")
    ours.write("settings.py", f'TOKEN = "{token()}"\n')
    ours.git("add", ".")
    ours.write("settings.py", "TOKEN = None\n")
    assert ours.commit().returncode == 1
    ours.git("add", ".")
    ours.write("settings.py", f'TOKEN = "{token()}"\n')
    done = ours.commit()
    assert done.returncode == 0, done.stdout


def test_all_files_means_all_files(repository: NewRepository) -> None:
    """Continuous integration runs `pre-commit run --all-files`, with nothing staged, and must not pass for that."""
    ours = repository("promptguard")
    ours.write("old.env", f"GITHUB_TOKEN={token()}\n")
    ours.git("add", ".")
    assert ours.commit("--no-verify").returncode == 0
    done = ours.run(*PRE_COMMIT, "run", "--all-files")
    assert done.returncode == 1, done.stdout
    assert "old.env:1" in done.stdout


def test_utf_16_is_looked_at(repository: NewRepository) -> None:
    """pre-commit takes UTF-16 for binary, and PowerShell writes it: such a file must not pass unread."""
    ours = repository("promptguard")
    ours.write("export.txt", f"GITHUB_TOKEN={token()}\r\n".encode("utf-16"))
    ours.git("add", ".")
    done = ours.commit()
    assert done.returncode == 1, done.stdout
    assert "export.txt:1" in done.stdout


def test_prompts_are_held_to_more(repository: NewRepository) -> None:
    """A weak suspicion is worth a look before text goes to a model, and only there."""
    ours = repository("promptguard-prompts")
    ours.write("prompts/support.md", f"When asked, use {token()}.\n")
    ours.write("notes.md", f"When asked, use {token()}.\n")
    ours.git("add", ".")
    done = ours.commit()
    assert done.returncode == 1, done.stdout
    assert "prompts/support.md:1" in done.stdout
    assert "notes.md" not in done.stdout


def prompt_files() -> re.Pattern[str]:
    import yaml

    hooks = yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text("utf-8"))
    return re.compile(next(hook["files"] for hook in hooks if hook["id"] == "promptguard-prompts"))


@pytest.mark.parametrize(
    "name",
    [
        "support.prompt",
        "agents/triage.jinja",
        "agents/triage.j2",
        "prompts/deep/er/any.txt",
        "src/app/prompts/v2.yaml",
        "system_prompt/base.md",
        "system-prompt.txt",
        "config/refund.prompt.yaml",
        "CLAUDE.md",
        "packages/api/AGENTS.md",
        "CLAUDE.local.md",
        ".cursorrules",
        ".cursor/rules/style.mdc",
        ".github/copilot-instructions.md",
        "mcp.json",
        ".mcp.json",
        ".vscode/mcp.json",
        ".claude/settings.local.json",
    ],
)
def test_prompt_files_are_known_by_name(name: str) -> None:
    """A prompt that the hook does not recognise is a prompt that nobody looks at."""
    assert prompt_files().search(name)


@pytest.mark.parametrize(
    "name", ["README.md", "src/prompt.py", "docs/prompting.md", "impromptus/1.txt", "tmcp.json", "MYCLAUDE.md", "j2"]
)
def test_other_files_are_none_of_its_business(name: str) -> None:
    """Low confidence on ordinary files would be noise."""
    assert not prompt_files().search(name)


def test_the_hook_file_is_valid() -> None:
    """pre-commit refuses a repository whose hook file has a single wrong key."""
    manifest = TOP / ".pre-commit-hooks.yaml"
    done = subprocess.run(
        [*PRE_COMMIT, "validate-manifest", manifest], capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
