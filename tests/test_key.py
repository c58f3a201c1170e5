"""The user's key: made once, for its owner alone, never shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from promptguard.errors import ConfigurationError
from promptguard.key import BYTES, read_or_make, user_key

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are those of POSIX")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "key"


def test_a_key_is_made_once_and_stays(file: Path) -> None:
    """Fingerprints are keyed with it: another key would forget every baseline."""
    key = read_or_make(file)
    assert len(key) == BYTES
    assert read_or_make(file) == key == file.read_bytes()
    assert [found.name for found in file.parent.iterdir()] == ["key"]


def test_two_keys_differ(tmp_path: Path) -> None:
    """A key that everybody has is none."""
    assert read_or_make(tmp_path / "a") != read_or_make(tmp_path / "b")


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_key_is_for_its_owner(file: Path, mask: int) -> None:
    """Whoever reads it can test guesses against fingerprints; the umask must not open it, not even for a moment."""
    before = os.umask(mask)
    try:
        read_or_make(file)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o077 == 0


def test_of_racing_processes_all_get_the_same_key(file: Path) -> None:
    """Pre-commit starts several at once on a fresh machine; two keys would make two sets of fingerprints."""
    script = "import sys, hashlib; from pathlib import Path; from promptguard.key import read_or_make\n"
    script += "sys.stdin.read(); print(hashlib.sha256(read_or_make(Path(sys.argv[1]))).hexdigest())"
    racers = [
        subprocess.Popen([sys.executable, "-c", script, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    for racer in racers:  # all are waiting by now, or soon
        assert racer.stdin
        racer.stdin.close()
    told = set()
    for racer in racers:
        assert racer.stdout
        told.add(racer.stdout.read())
        racer.stdout.close()
        assert racer.wait(60) == 0
    assert len(told) == 1
    assert [found.name for found in file.parent.iterdir()] == ["key"]


@pytest.mark.parametrize("size", [0, 1, BYTES - 1])
def test_a_short_file_is_no_key(file: Path, size: int) -> None:
    """An empty key would be everybody's: better to stop, and to say how to go on."""
    file.parent.mkdir()
    file.write_bytes(b"k" * size)
    with pytest.raises(ConfigurationError, match=r"is no key .* remove it") as caught:
        read_or_make(file)
    assert str(file) in str(caught.value)
    assert file.read_bytes() == b"k" * size


def test_a_file_that_cannot_be_made_is_a_complaint(tmp_path: Path) -> None:
    """Read-only homes are common in containers; the message names the way out."""
    target = tmp_path / "loop"
    target.symlink_to(tmp_path / "missing" / "loop")
    with pytest.raises(ConfigurationError, match="set PROMPTGUARD_KEY"):
        read_or_make(target)


@pytest.mark.parametrize("obstacle", ["folder", "below a file"])
def test_a_file_that_cannot_be_read_is_a_complaint(tmp_path: Path, obstacle: str) -> None:
    """Only our own errors become a sentence; an OSError becomes a traceback."""
    target = tmp_path / "key"
    if obstacle == "folder":
        target.mkdir()
    else:
        target.write_text("in the way", "utf-8")
        target /= "key"
    with pytest.raises(ConfigurationError, match="PROMPTGUARD_KEY"):
        read_or_make(target)


def test_errors_never_hold_the_key(file: Path) -> None:
    """A key in a log is a key lost."""
    file.parent.mkdir()
    file.write_bytes(b"short-key")
    with pytest.raises(ConfigurationError) as caught:
        read_or_make(file)
    assert "short-key" not in str(caught.value)


def test_the_environment_takes_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Teams and build machines share one key, and leave no file behind."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PROMPTGUARD_KEY", "ours é")
    assert user_key() == "ours é".encode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    sys.platform != "linux", reason="the state folder is moved by an environment variable on Linux alone"
)
def test_without_one_the_state_folder_holds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty variable is one that a build machine failed to fill: not a key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PROMPTGUARD_KEY", "")
    assert user_key() == (tmp_path / "promptguard" / "key").read_bytes()
