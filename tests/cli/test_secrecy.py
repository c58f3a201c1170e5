"""No value in anything that is printed, kept or raised: a tool against leaks must not be one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from promptguard.reports import names

Command = Callable[..., subprocess.CompletedProcess[str]]

KINDS = (
    "github-pat",
    "slack-bot-token",
    "stripe-secret-key",
    "anthropic-api-key",
    "generic-jwt",
    "generic-private-key",
)


@pytest.fixture
def values(tree: Path, credential: Callable[..., str]) -> list[str]:
    """One of each kind, in files of many kinds: alone, side by side, repeated where no rule sees them."""
    made = [credential(kind) for kind in KINDS]
    (tree / "app.py").write_bytes("".join(f"TOKEN_{at} = '''{value}'''\r\n" for at, value in enumerate(made)).encode())
    (tree / "line.txt").write_text(" ".join(value for value in made if "\n" not in value) + f" x{made[0]}x\n")
    (tree / "wide.txt").write_text(f"ключ: {made[1]}\n", encoding="utf-16")
    (tree / "broken.txt").write_bytes(b"\xfd\xff " + made[2].encode() + b" \xe9\n")
    (tree / "page.html").write_text(f"<script>const k = '{made[3]}'; //{'x' * 5000}</script>")
    return made


def shown(values: list[str], said: str) -> list[str]:
    """Which kinds appear, by their values or any line of them that is long enough to be of use."""
    said = said.replace("\\n", "\n")
    lines = {kind: value.splitlines() for kind, value in zip(KINDS, values, strict=True)}
    return [kind for kind, parts in lines.items() if any(_body(part) in said for part in parts if _is_telling(part))]


def _is_telling(part: str) -> bool:
    """The envelope of a PEM key is no secret, and a few characters may stand anywhere by chance."""
    return len(part) > 30 and not part.startswith("-----")


def _body(part: str) -> str:
    """What is left without the public prefix."""
    return part[-24:]


@pytest.mark.parametrize("name", names())
def test_no_report_holds_a_value(promptguard: Command, tree: Path, values: list[str], name: str) -> None:
    """Reports end in logs, tickets and screenshots."""
    done = promptguard("scan", ".", "--format", name, "--min-confidence", "low", "-v")
    assert done.returncode == 1
    assert shown(values, done.stdout + done.stderr) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "app.py", "nowhere"],
        ["scan", ".", "--output", "nowhere/report"],
        ["scan", ".", "--baseline", "app.py"],
        ["scan", ".", "--rules", "app.py"],
        ["scan", ".", "--commits", "HEAD"],
        ["rules", "test", "app.py"],
        ["rules", "check", "app.py"],
        ["baseline", "create", "."],
        ["baseline", "update", ".", "--baseline", "app.py"],
        ["baseline", "prune", ".", "--baseline", "line.txt"],
        ["baseline", "create", ".", "--baseline", "new", "--from", "app.py"],
    ],
    ids=" ".join,
)
def test_no_other_answer_holds_a_value(
    promptguard: Command, tree: Path, values: list[str], arguments: list[str]
) -> None:
    """Errors are pasted into bug reports."""
    done = promptguard(*arguments)
    assert shown(values, done.stdout + done.stderr) == []
    assert "Traceback" not in done.stderr


def test_a_configuration_that_is_wrong_is_not_quoted(promptguard: Command, tree: Path, values: list[str]) -> None:
    """A salt, or a key pasted into the wrong file, is a secret too."""
    (tree / ".promptguard.yaml").write_text(f"{values[0]}: x\nfail-on: {values[1]}\nsalt: {values[2]}\njobs: [\n")
    done = promptguard("scan", ".")
    assert done.returncode == 2
    assert shown(values, done.stdout + done.stderr) == []


def test_a_baseline_holds_no_value(promptguard: Command, tree: Path, values: list[str]) -> None:
    """It is committed."""
    promptguard("baseline", "create", ".", "--reason", "old")
    kept = (tree / ".promptguard-baseline").read_text()
    assert kept.count("\n") > len(KINDS)
    assert shown(values, kept) == []


def test_the_users_folders_hold_no_value(promptguard: Command, tree: Path, values: list[str], tmp_path: Path) -> None:
    """What is kept between two scans is rules and a key, nothing of what was read."""
    promptguard("scan", ".", XDG_STATE_HOME=str(tmp_path / "state"))
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["key"]
    assert shown(values, kept[0].read_bytes().decode("latin-1")) == []
    assert kept[0].stat().st_mode & 0o077 == 0


def test_history_is_told_without_a_value(
    promptguard: Command, tree: Path, repository: Callable[..., str], values: list[str]
) -> None:
    """A commit's message may hold one too, and its report is read by the whole team."""
    repository("add", ".")
    repository("commit", "--quiet", "--message", f"uses {values[0]}")
    done = promptguard("scan", "--commits", "HEAD", "--format", "json", "-v")
    assert done.returncode == 1
    assert shown(values, done.stdout + done.stderr) == []
