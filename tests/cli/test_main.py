"""The entry point: help, versions, completion, and ends that come early."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals, pipes and terminals")

COMMANDS = [
    [],
    ["scan"],
    ["rules"],
    *(["rules", name] for name in ("list", "show", "check", "test")),
    ["baseline"],
    *(["baseline", name] for name in ("create", "update", "prune")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(promptguard: Command, command: list[str]) -> None:
    """Help is the page that is read most."""
    done = promptguard(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: {' '.join(['promptguard', *command])}")
    assert "Traceback" not in done.stderr


def test_the_overview_names_every_command(promptguard: Command) -> None:
    """A command that is not listed is not found."""
    listed = promptguard("--help").stdout
    assert all(f"\n  {name} " in listed for name in ("scan", "rules", "baseline"))


def test_the_version_is_that_of_the_package(promptguard: Command) -> None:
    """The first thing that is asked in a bug report."""
    assert version("promptguard-secrets") in promptguard("--version").stdout


@pytest.mark.parametrize(
    "arguments", [["scam"], ["rules", "lost"], ["baseline", "make"], ["--loudly"], []], ids=" ".join
)
def test_what_does_not_exist_is_refused_with_2(promptguard: Command, arguments: list[str]) -> None:
    """1 would say that a credential was found."""
    done = promptguard(*arguments)
    assert done.returncode == 2
    assert "Usage: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion_script(promptguard: Command, shell: str) -> None:
    """Options that complete are options that are used."""
    done = promptguard(_PROMPTGUARD_COMPLETE=f"{shell}_source")
    assert done.returncode == 0
    assert "_PROMPTGUARD_COMPLETE" in done.stdout


def test_commands_and_formats_complete(promptguard: Command) -> None:
    """The script calls back for the words."""

    def words(line: str) -> str:
        at = str(len(line.split(" ")) - 1)
        return promptguard(COMP_WORDS=line, COMP_CWORD=at, _PROMPTGUARD_COMPLETE="bash_complete").stdout

    assert words("promptguard ba") == "plain,baseline\n"
    assert "plain,sarif" in words("promptguard scan --format s")


@pytest.fixture
def many(tree: Path, credential: Callable[..., str]) -> Path:
    """More findings than a pipe holds."""
    for number in range(40):
        (tree / f"{number}.py").write_text("".join(f"a = '{credential()}'\n" for _ in range(10)))
    return tree


@posix
class TestClosedPipe:
    def after_one_line(self, executable: str, folder: Path) -> tuple[int, bytes]:
        """Exit status and standard error of a command whose reader leaves."""
        command = [executable, "scan", ".", "--format", "jsonl", "-q"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.readline()
            process.stdout.close()
            complaint = process.stderr.read()
        return process.returncode, complaint

    def test_ends_without_a_word(self, executable: str, many: Path) -> None:
        """`promptguard scan . | head -1` is how people look first."""
        assert self.after_one_line(executable, many)[1] == b""

    def test_does_not_pass_for_an_answer(self, executable: str, many: Path) -> None:
        """A scan that was cut short has neither found nothing nor told what it found."""
        assert self.after_one_line(executable, many)[0] == 128 + signal.SIGPIPE


@posix
def test_an_interrupt_ends_it_with_one_line(executable: str, tree: Path) -> None:
    """Ctrl-C is no crash, and what was cut short is not clean."""
    command = [executable, "scan", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tree, **pipes) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(b"text\n" * 100_000)  # more than the pipe holds: once it is taken, the scan has begun
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        complaint = process.stderr.read().decode()
    assert process.returncode == 2
    assert complaint.strip() == "promptguard: interrupted"


@posix
def test_an_interrupt_ends_threads_too(executable: str, many: Path) -> None:
    """Nobody presses Ctrl-C twice, and a terminal that hangs is killed."""
    command = [executable, "scan", ".", "--jobs", "4", "--format", "jsonl", "-q"]
    with subprocess.Popen(command, cwd=many, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.send_signal(signal.SIGINT)  # while it waits for its reader: the pipe is full
        process.stdout.read()
        complaint = process.stderr.read().decode()
    assert (process.returncode, complaint.strip()) == (2, "promptguard: interrupted")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_in_one_line(executable: str, many: Path) -> None:
    """A report that could not be written is not a finding."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([executable, "scan", ".", "-q"], cwd=many, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@posix
class TestColour:
    def on_a_terminal(self, executable: str, folder: Path, **environment: str) -> bytes:
        """What a terminal is sent."""
        import pty

        ours, theirs = pty.openpty()
        command = [executable, "scan", ".", "-q"]
        env = {**os.environ, "TERM": "xterm-256color", **environment}
        with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, env=env) as process:
            os.close(theirs)
            said = b""
            while True:
                try:
                    block = os.read(ours, 65536)
                except OSError:  # how Linux says that nobody writes any more
                    break
                if not block:
                    break
                said += block
        os.close(ours)
        assert process.returncode == 1
        return said

    @pytest.fixture
    def leaky(self, tree: Path, credential: Callable[..., str]) -> Path:
        (tree / "leak.py").write_text(credential())
        return tree

    def test_is_used_on_a_terminal(self, executable: str, leaky: Path) -> None:
        """A page of findings is easier to read so."""
        assert b"\x1b[" in self.on_a_terminal(executable, leaky)

    @pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
    def test_is_left_out_where_it_is_not_wanted(
        self, executable: str, leaky: Path, environment: dict[str, str]
    ) -> None:
        """People and screen readers switch it off everywhere at once."""
        assert b"\x1b" not in self.on_a_terminal(executable, leaky, **environment)

    def test_is_left_out_of_a_pipe(self, promptguard: Command, leaky: Path) -> None:
        """Files with escape codes cannot be searched."""
        assert "\x1b" not in promptguard("scan", ".").stdout


def test_reports_can_hold_names_that_the_stream_cannot(
    promptguard: Command, tree: Path, credential: Callable[..., str]
) -> None:
    """An old terminal's encoding must not end a report in the middle."""
    (tree / "schlüssel-鍵.py").write_text(credential())
    done = promptguard("scan", ".", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    assert "schl" in done.stdout
