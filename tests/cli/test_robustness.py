"""What a disk may hold: files of any size, encoding and kind, and files that change while they are read."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from promptguard.model import BLOCK_BYTES

Command = Callable[..., subprocess.CompletedProcess[str]]

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8, or /proc")

MEMORY = 250_000_000
"""Bytes that a scan may take, whatever the size of a file."""


def places(done: subprocess.CompletedProcess[str]) -> list[tuple[str, int, int]]:
    """Path, line and column of each finding of a `jsonl` report."""
    findings = map(json.loads, done.stdout.splitlines())
    return [(finding["path"], finding["line"], finding["column"]) for finding in findings]


@pytest.fixture
def scan(promptguard: Command) -> Command:
    def run(*arguments: str | os.PathLike[str], **options: object) -> subprocess.CompletedProcess[str]:
        return promptguard("scan", "--format", "jsonl", "-v", *arguments, **options)

    return run


def measured(executable: str, folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], int]:
    """A run of the command, and the most memory that it had, in bytes."""
    report, errors = folder.parent / "stdout", folder.parent / "stderr"
    with report.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen([executable, *arguments], cwd=folder, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    most = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return subprocess.CompletedProcess([], process.returncode, report.read_text(), errors.read_text()), most


def write_line(file: Path, size: int, values: dict[int, str]) -> None:
    """One line of `size` characters, the values standing in it at their offsets."""
    with file.open("wb") as stream:
        for at, value in sorted(values.items()):
            while (left := at - stream.tell()) > 0:
                stream.write(b" ab" * (min(left, BLOCK_BYTES) // 3) or b" " * left)
            stream.write(value.encode())
        while (left := size - stream.tell()) > 0:
            stream.write(b" ab" * (min(left, BLOCK_BYTES) // 3) or b" " * left)


@posix
@pytest.mark.parametrize("megabytes", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_one_endless_line_is_read_in_bounded_memory(
    executable: str, tree: Path, credential: Callable[..., str], megabytes: int
) -> None:
    """Data sets and bundles come as one line, and a secret on the border of two blocks is as live as any."""
    size, value = megabytes * 1_000_000, credential()
    borders = [BLOCK_BYTES - 1, 3 * BLOCK_BYTES - len(value) // 2, 5 * BLOCK_BYTES - len(value), 7 * BLOCK_BYTES]
    offsets = [0, *borders, size - len(value)]
    # Each stands alone between blanks, two characters before what fills the line.
    write_line(tree / "line.txt", size, {max(0, at - 1): f"{' ' if at else ''}{value} " for at in offsets})
    with (tree / "line.txt").open("r+b") as stream:
        stream.truncate(size)
    done, most = measured(executable, tree, "scan", "line.txt", "--format", "jsonl")
    assert places(done) == [("line.txt", 1, at + 1) for at in offsets]
    assert most < MEMORY


@posix
def test_many_findings_are_told_in_bounded_memory(executable: str, tree: Path, credential: Callable[..., str]) -> None:
    """A leaked table of tokens must not take the scanner down with it."""
    value = credential()
    lines, times = "".join(f"user {number} has {value}\n" for number in range(1000)), 20
    with (tree / "dump.sql").open("w") as stream:
        stream.writelines(lines for _ in range(times))
    done, most = measured(executable, tree, "scan", "dump.sql", "--format", "jsonl", "-q")
    assert done.stdout.count("\n") == 1000 * times
    assert most < MEMORY


@pytest.mark.parametrize("number", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_files_are_all_looked_at(executable: str, tree: Path, credential: Callable[..., str], number: int) -> None:
    """A monorepo is one tree."""
    for folder in range(number // 100):
        (tree / f"{folder:04}").mkdir()
        for file in range(100):
            (tree / f"{folder:04}/{file:02}.py").write_text(f"x = {file}\n")
    leaks = sorted(f"{folder:04}/{folder % 100:02}.py" for folder in range(0, number // 100, 7))
    for leak in leaks:
        (tree / leak).write_text(f"x = '{credential()}'\n")
    done, most = measured(executable, tree, "scan", ".", "--format", "jsonl")
    assert [path for path, _, _ in places(done)] == leaks
    assert f"{number:,} documents" in done.stderr
    assert most < MEMORY


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
    def test_wide_and_old_text_is_read(
        self, scan: Command, tree: Path, credential: Callable[..., str], encoding: str
    ) -> None:
        """Windows tools write UTF-16 without being asked, and a secret in it is no less a secret."""
        text = f"# größer\r\ntoken = '{credential()}'\r\n"
        (tree / "script.ps1").write_bytes(text.encode(encoding))
        assert places(scan(".")) == [("script.ps1", 2, 10)]

    def test_columns_count_characters(self, scan: Command, tree: Path, credential: Callable[..., str]) -> None:
        """Editors do."""
        (tree / "chat.txt").write_text(f"鍵🔑 is {credential()}\n", encoding="utf-8")
        assert places(scan(".")) == [("chat.txt", 1, 7)]

    def test_bytes_that_are_no_text_hide_nothing(
        self, scan: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """Logs hold broken characters."""
        (tree / "app.log").write_bytes(b"\xfd\xff\xc3 " + credential().encode() + b" \x80\n")
        assert [path for path, _, _ in places(scan("."))] == ["app.log"]

    def test_binary_files_are_named(self, scan: Command, tree: Path, credential: Callable[..., str]) -> None:
        """What is not looked at is not called clean."""
        (tree / "program").write_bytes(b"\x7fELF\0\1\0\0\0\3" + credential().encode())
        done = scan(".")
        assert done.returncode == 0
        assert "skipped program: binary" in done.stderr

    def test_an_empty_file_is_a_document(self, scan: Command, tree: Path) -> None:
        """Every package has some."""
        (tree / "__init__.py").touch()
        done = scan(".", "--strict")
        assert done.returncode == 0
        assert "1 document, 0 B" in done.stderr

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
    def test_lines_end_at_line_feeds(self, scan: Command, tree: Path, credential: Callable[..., str], end: str) -> None:
        """Places must be those that editors and git show."""
        (tree / "app.py").write_bytes(f"a = 1\r\n{credential()}{end}".encode())
        assert places(scan(".")) == [("app.py", 2, 1)]


class TestNames:
    @linux
    @pytest.mark.parametrize("name", ["text", "json", "jsonl", "sarif", "github"])
    def test_that_are_no_utf_8_are_reported(
        self, promptguard: Command, tree: Path, credential: Callable[..., str], name: str
    ) -> None:
        """An archive from an old system must not end the scan."""
        with open(os.path.join(os.fsencode(tree), b"caf\xe9.py"), "w") as file:
            file.write(credential())
        done = promptguard("scan", ".", "--format", name)
        assert done.returncode == 1
        assert "caf" in done.stdout
        assert "Traceback" not in done.stderr

    @linux
    def test_that_are_no_utf_8_may_be_named(self, scan: Command, credential: Callable[..., str], tree: Path) -> None:
        """A hook passes the names on as git gives them."""
        name = os.path.join(os.fsencode(tree), b"caf\xe9.py")
        with open(name, "w") as file:
            file.write(credential())
        assert scan(os.fsdecode(b"caf\xe9.py")).returncode == 1
        assert scan(os.fsdecode(b"caf\xe8.py")).returncode == 2

    @posix
    def test_cannot_write_to_the_terminal(
        self, promptguard: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """A name with escape codes or line ends could rewrite what the reader sees."""
        (tree / "a\x1b[2J\nb.py").write_text(credential())
        (tree / "c\x1b[2J\n.bin").write_bytes(b"\x7fELF\0\1\0\0\0\3")
        done = promptguard("scan", ".", "-v")
        assert done.returncode == 1
        assert "\x1b" not in done.stdout + done.stderr

    def test_that_look_like_options_can_be_named(
        self, scan: Command, tree: Path, credential: Callable[..., str]
    ) -> None:
        """Nobody should be able to hide a file by its name."""
        (tree / "--quiet").write_text(credential())
        assert [path for path, _, _ in places(scan("."))] == ["--quiet"]
        assert [path for path, _, _ in places(scan("--", "--quiet"))] == ["--quiet"]


@posix
class TestOddFiles:
    def test_a_link_in_a_circle_is_named(self, scan: Command, tree: Path, credential: Callable[..., str]) -> None:
        """Walking it would never end."""
        (tree / "folder").mkdir()
        (tree / "folder/again").symlink_to("..")
        (tree / "folder/self").symlink_to("self")
        (tree / "leak.py").write_text(credential())
        done = scan(".")
        assert [path for path, _, _ in places(done)] == ["leak.py"]
        assert "skipped folder/again: symbolic link loop" in done.stderr
        assert "skipped folder/self: symbolic link loop" in done.stderr

    def test_a_pipe_without_a_writer_does_not_hang(self, scan: Command, tree: Path) -> None:
        """Folders with sockets and pipes are scanned in containers every day."""
        os.mkfifo(tree / "pipe")
        for named in (".", "pipe"):
            done = scan(named)
            assert done.returncode == 0
            assert "skipped pipe: not a regular file" in done.stderr


class TestChangingFiles:
    def test_a_file_that_vanishes_is_named(self, executable: str, tree: Path, credential: Callable[..., str]) -> None:
        """Editors and builds delete files all the time, and the others still count."""
        for number in range(3000):
            (tree / f"{number:04}.txt").write_text("x" if number else f"{credential()}\n" * 40)
        command = [executable, "scan", ".", "--format", "jsonl", "-v", "--jobs", "1"]
        with subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.readline()  # the folder is listed by now, and the last file not yet read
            (tree / "2999.txt").unlink()
            found = 1 + sum(1 for _ in process.stdout)
            complaint = process.stderr.read().decode()
        assert (process.returncode, found) == (1, 40)
        assert "skipped 2999.txt: vanished" in complaint

    @linux
    def test_a_file_that_grows_is_read_as_it_was(self, scan: Command, tree: Path) -> None:
        """A log that is written faster than it is read would never end."""
        with (tree / "app.log").open("wb") as log:
            log.write(b"x" * 100_000)
            log.flush()
            assert "100.0 kB" in scan("app.log").stderr

    @linux
    def test_files_that_have_no_size_are_read(self, scan: Command) -> None:
        """`/proc` says 0 of everything."""
        done = scan("/proc/self/status")
        assert done.returncode == 0
        assert "1 document" in done.stderr
        assert "0 B" not in done.stderr


@posix
@pytest.mark.xfail(reason="guard._Looking._outcome: a document's findings are handed on once all of it was read")
def test_a_stream_is_told_of_while_it_is_open(executable: str, tree: Path, credential: Callable[..., str]) -> None:
    """A log is piped in while it is written: a finding is worth most at once."""
    command = [executable, "scan", "-", "--format", "jsonl", "-q"]
    with subprocess.Popen(command, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{credential()}\n".encode() * 40 + b"nothing here\n" * 100_000)
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], 3)
        process.stdin.close()
        process.stdout.read()
    assert ready
