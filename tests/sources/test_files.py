"""Files and folders, on real trees."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptguard.errors import UnreadableError
from promptguard.model import BLOCK_BYTES, Document, Skipped
from promptguard.sources.files import files, shown

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8, or /proc")


def make(*paths: str, text: str = "text\n") -> None:
    for path in paths:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        Path(path).write_text(text)


def documents(found: Iterable[Document | Skipped]) -> list[str]:
    return [item.origin.path for item in found if isinstance(item, Document)]


def skipped(found: Iterable[Document | Skipped]) -> dict[str, str]:
    return {item.origin.path: item.reason for item in found if isinstance(item, Skipped)}


def only(found: Iterable[Document | Skipped]) -> Document:
    (document,) = found
    assert isinstance(document, Document)
    return document


def text(document: Document) -> bytes:
    return b"".join(document.blocks())


class TestPaths:
    def test_come_in_the_order_of_their_characters(self, tree: Path) -> None:
        """Two scans of one tree must say the same, on every machine, or reports cannot be compared."""
        make("b", "a/z", "a.txt", "a-b/x", "a/b/c", "a0")
        assert documents(files(["."])) == ["a-b/x", "a.txt", "a/b/c", "a/z", "a0", "b"]

    @pytest.mark.parametrize(
        ("named", "expected"),
        [(".", "a/b"), ("./", "a/b"), ("a", "a/b"), ("./a", "a/b"), ("a/", "a/b"), (".//a//", "a/b"), ("a/b", "a/b")],
    )
    def test_are_shown_as_named(self, tree: Path, named: str, expected: str) -> None:
        """A finding's path must be one that the user can open, and the same however the folder was spelled."""
        make("a/b")
        assert documents(files([named])) == [expected]

    def test_stay_absolute_or_above_if_named_so(self, tree: Path) -> None:
        """Nobody wants a path cut that leads out of the current folder."""
        make("a/b")
        assert documents(files([tree / "a"])) == [f"{tree.as_posix()}/a/b"]
        os.chdir("a")
        assert documents(files([".."])) == ["../a/b"]

    @pytest.mark.parametrize(
        ("named", "expected"),
        [
            ("src\\app\\", "src/app"),
            (".\\src", "src"),
            ("C:\\", "C:/"),
            ("C:\\a\\b", "C:/a/b"),
            ("\\\\host\\share", "//host/share"),
        ],
    )
    def test_have_slashes_on_windows_too(self, named: str, expected: str) -> None:
        """A baseline made on one system must hold on another."""
        assert shown(named, is_windows=True) == expected

    @posix
    def test_keep_backslashes_where_they_are_part_of_a_name(self, tree: Path) -> None:
        """On POSIX `a\\b` is one file, and `a/b` would name another."""
        make("a\\b")
        assert documents(files(["."])) == ["a\\b"]

    @linux
    def test_survive_bytes_that_are_no_utf8(self, tree: Path) -> None:
        """Old archives hold Latin-1 names; a scanner that dies on one, or drops it, misses what is inside."""
        name = b"caf\xe9\n\xff.txt"
        with open(name, "wb") as file:
            file.write(b"inside")
        document = only(files(["."]))
        assert os.fsencode(document.origin.path) == name
        assert text(document) == b"inside"

    def test_may_be_given_as_path_objects_with_any_letters(self, tree: Path) -> None:
        """Python callers have Paths, and people write their own languages."""
        make("ключ/鍵 🔑.txt")
        assert documents(files([Path("ключ")])) == ["ключ/鍵 🔑.txt"]

    def test_named_twice_are_looked_at_once(self, tree: Path) -> None:
        """`scan . src src/app` must not count findings three times."""
        make("src/app", "src/b", "top")
        for named in (["src", "./src/"], [".", "src", "src/app"], ["src/app", "."], ["src", tree / "src"]):
            found = documents(files(named))
            assert len({os.path.abspath(path) for path in found}) == len(found)
        assert documents(files([".", "src"])) == ["top", "src/app", "src/b"]

    def test_that_do_not_exist_are_named(self, tree: Path) -> None:
        """A typing mistake in a CI file must not turn into a clean scan."""
        make("a")
        found = list(files(["nothing", "a/below-a-file", "a", "", "nul\0"]))
        missing = "no such file or folder"
        assert skipped(found) == {"nothing": missing, "a/below-a-file": missing, "": missing, "nul\0": missing}
        assert documents(found) == ["a"]

    def test_come_as_they_are_found(self, tree: Path) -> None:
        """A scan of a huge tree must start at once, not after listing it."""
        make("a/1", "b/2")
        found = files(["."])
        assert next(found).origin.path == "a/1"
        shutil.rmtree("b")
        assert skipped(found) == {"b": "vanished"}

    def test_take_no_memory_for_what_has_been_passed(self, tree: Path) -> None:
        """A tree of a million files must fit as well as one of a hundred."""
        for folder in range(30):
            make(*(f"{folder}/{number:03}-{'x' * 100}" for number in range(100)))
        tracemalloc.start()
        try:
            count = sum(1 for _ in files(["."]))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count == 3000
        assert peak < 200_000  # the names alone are 300,000


class TestExcludes:
    def test_leave_out_files_and_whole_folders(self, tree: Path) -> None:
        """A vendored folder must cost nothing, not even listing it."""
        make("vendor/a", "src/vendor/b", "src/c", "src/d.min.js")
        asked: list[str] = []

        def is_excluded(path: str) -> bool:
            asked.append(path)
            return path == "vendor/" or path.endswith(".min.js")

        assert documents(files(["."], excludes=is_excluded)) == ["src/c", "src/vendor/b"]
        assert "vendor/a" not in asked

    def test_hold_for_named_paths_but_not_in_silence(self, tree: Path) -> None:
        """pre-commit passes every changed file by name; the user must see that one was not looked at, and why."""
        make("vendor/a", "b")
        found = list(files(["vendor", "vendor/a", "b"], excludes=lambda path: path.startswith("vendor/")))
        assert skipped(found) == {"vendor": "excluded", "vendor/a": "excluded"}
        assert documents(found) == ["b"]

    def test_are_not_asked_about_the_current_folder(self, tree: Path) -> None:
        """`*` must not exclude everything by excluding `.`."""
        make("a/b")
        asked: list[str] = []
        assert list(files(["."], excludes=lambda path: bool(asked.append(path)))) != []
        assert asked == ["a/", "a/b"]


@posix
class TestLinks:
    def test_are_followed_if_named(self, tree: Path) -> None:
        """Whoever names a link means what it leads to."""
        make("real/a")
        os.symlink("real", "folder")
        os.symlink("real/a", "file")
        assert documents(files(["folder", "file"])) == ["folder/a", "file"]

    def test_to_what_is_scanned_anyway_are_not_scanned_again(self, tree: Path) -> None:
        """node_modules/.bin is full of links; each target is read once, and nothing is worth a word."""
        make("real/a")
        os.symlink("real", "folder")
        os.symlink("../real/a", "real/b")
        assert [item.origin.path for item in files(["."])] == ["real/a"]
        os.symlink("../real/a", "real/c")
        make("other/x")
        os.symlink("../real", "other/to-real")
        assert [item.origin.path for item in files(["other", "real"])] == ["other/x", "real/a"]

    def test_that_lead_out_are_named(self, tree: Path) -> None:
        """The text behind such a link is part of what the user sees in the folder, and it was not looked at."""
        make("in/a", "out/b")
        os.symlink("../out/b", "in/file")
        os.symlink("../out", "in/folder")
        os.symlink(os.path.abspath("in-between"), "in/nowhere")
        make("in-between")
        reason = "symbolic link out of the scanned folders"
        assert skipped(files(["in"])) == {"in/file": reason, "in/folder": reason, "in/nowhere": reason}

    def test_that_lead_nowhere_are_named(self, tree: Path) -> None:
        """A broken link may be a mistake, and costs the scan nothing else."""
        os.symlink("missing", "broken")
        make("a")
        assert skipped(files(["."])) == {"broken": "broken symbolic link"}
        assert skipped(files(["broken"])) == {"broken": "broken symbolic link"}

    def test_that_go_in_circles_end(self, tree: Path) -> None:
        """A scan must end on every tree."""
        make("a/b/c")
        os.symlink("..", "a/b/up")
        os.symlink(".", "a/here")
        os.symlink("two", "one")
        os.symlink("one", "two")
        loop = "symbolic link loop"
        found = list(files(["."]))
        assert skipped(found) == {"a/b/up": loop, "a/here": loop, "one": loop, "two": loop}
        assert documents(found) == ["a/b/c"]
        assert skipped(files(["one"])) == {"one": loop}

    def test_that_take_the_place_of_a_file_are_refused(self, tree: Path) -> None:
        """What the walk saw as a file must not lead out of the tree when it is opened."""
        make("a", "secret")
        (document, _) = files(["."])
        assert isinstance(document, Document)
        os.unlink("a")
        os.symlink("secret", "a")
        with pytest.raises(UnreadableError, match="replaced by a symbolic link"):
            text(document)


@posix
class TestWhatIsNoFile:
    def test_is_named_and_not_opened(self, tree: Path) -> None:
        """Opening a pipe would wait for ever, and reading a device may have effects."""
        make("a")
        os.mkfifo("pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
            found = list(files([".", "/dev/null"]))
        reason = "not a regular file"
        assert skipped(found) == {"pipe": reason, "socket": reason, "/dev/null": reason}
        assert documents(found) == ["a"]
        assert skipped(files(["pipe"])) == {"pipe": reason}

    def test_is_refused_when_it_takes_the_place_of_a_file(self, tree: Path) -> None:
        """A pipe put in a file's place while the scan runs must not stop it."""
        make("a", "b")
        walked, named = files([".", "b"])
        assert isinstance(walked, Document)
        assert isinstance(named, Document)
        for name in ("a", "b"):
            os.unlink(name)
            os.mkfifo(name)
        for document in (walked, named):
            with pytest.raises(UnreadableError, match="not a regular file"):
                text(document)


class TestReading:
    @pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 7])
    def test_gives_everything_in_blocks_of_a_bounded_size(self, tree: Path, size: int) -> None:
        """A file of any size must pass through bounded memory, without losing a byte."""
        data = os.urandom(1024) * (size // 1024 + 1)
        Path("a").write_bytes(data[:size])
        blocks = list(only(files(["a"])).blocks())
        assert b"".join(blocks) == data[:size]
        assert all(0 < len(block) <= BLOCK_BYTES for block in blocks)

    def test_changes_no_byte(self, tree: Path) -> None:
        """Offsets and line numbers are those of the file as it is stored."""
        data = b"a\r\nb\rc\n\x1a\x00\xff\xfe\xef\xbb\xbf"
        Path("a").write_bytes(data)
        assert text(only(files(["."]))) == data

    def test_may_be_repeated(self, tree: Path) -> None:
        """A report may look at a document again."""
        make("a")
        document = only(files(["."]))
        assert text(document) == text(document) == b"text\n"

    def test_of_a_vanished_file_fails_for_that_file_alone(self, tree: Path) -> None:
        """Builds remove files while they are scanned; the rest of the scan must not care."""
        make("a", "b")
        first, second = files(["."])
        assert isinstance(first, Document)
        assert isinstance(second, Document)
        os.unlink("a")
        with pytest.raises(UnreadableError, match="vanished"):
            text(first)
        assert text(second) == b"text\n"

    @posix
    def test_of_a_shrinking_file_is_an_error(self, tree: Path) -> None:
        """Half a file looked at is not a file looked at."""
        Path("a").write_bytes(bytes(3 * BLOCK_BYTES))
        blocks = only(files(["."])).blocks()
        assert len(next(blocks)) == BLOCK_BYTES
        os.truncate("a", BLOCK_BYTES + 1)
        with pytest.raises(UnreadableError, match="truncated while being read"):
            list(blocks)

    def test_of_a_growing_file_ends(self, tree: Path) -> None:
        """A log that is written faster than it is scanned must not hold the scan for ever."""
        Path("a").write_bytes(bytes(BLOCK_BYTES + 1))
        blocks = only(files(["."])).blocks()
        size = 0
        for block in blocks:
            size += len(block)
            with open("a", "ab") as file:
                file.write(bytes(BLOCK_BYTES))
        assert size == BLOCK_BYTES + 1

    @linux
    def test_of_a_file_without_a_size_gives_what_it_holds(self) -> None:
        """The files of /proc say that they are empty, and hold command lines with passwords in them."""
        assert b"python" in text(only(files(["/proc/self/cmdline"]))).lower()

    @linux
    def test_closes_every_file(self, tree: Path) -> None:
        """Ten thousand files must not need ten thousand descriptors."""
        make(*map(str, range(50)))
        before = len(os.listdir("/proc/self/fd"))
        for item in files(["."]):
            assert isinstance(item, Document)
            blocks = item.blocks()
            next(blocks)
            del blocks
        assert len(os.listdir("/proc/self/fd")) == before


@posix
class TestPermissions:
    def test_that_are_missing_are_named_and_the_rest_goes_on(
        self, tree: Path, as_nobody: Callable[[Callable[[], Any]], Any]
    ) -> None:
        """A server's disk is full of folders that a scan may not read, and each one is a gap in its answer."""
        make("file", "folder/a", "blind/b", "open/c")
        os.chmod(tree, 0o755)
        os.chmod("file", 0)
        os.chmod("folder", 0)
        os.chmod("blind", 0o444)  # its names can be listed, but nothing can be opened

        def ask() -> list[tuple[str, str]]:
            answers = []
            for item in files(["."]):
                try:
                    answers.append((item.origin.path, item.reason if isinstance(item, Skipped) else f"{text(item)!r}"))
                except UnreadableError as error:
                    answers.append((item.origin.path, error.reason))
            return answers

        try:
            answers = dict(as_nobody(ask))
        finally:
            for path in ("file", "folder", "blind"):
                os.chmod(path, 0o755)
        denied = "permission denied"
        assert answers == {"blind/b": denied, "file": denied, "folder": denied, "open/c": "b'text\\n'"}

    def test_that_are_missing_for_a_named_path_are_named(
        self, tree: Path, as_nobody: Callable[[Callable[[], Any]], Any]
    ) -> None:
        """`no such file` would send the user looking in the wrong place."""
        make("folder/a", "locked/b")
        os.chmod(tree, 0o755)
        os.chmod("folder", 0o644)
        os.chmod("locked", 0)
        try:
            answers = as_nobody(lambda: skipped(files(["folder/a", "locked"])))
        finally:
            os.chmod("folder", 0o755)
            os.chmod("locked", 0o755)
        assert answers == {"folder/a": "permission denied", "locked": "permission denied"}


class TestIgnoring:
    def test_is_what_git_says(self, repository: Any) -> None:
        """People expect of every tool that it leaves out what git leaves out, and nothing else."""
        repository.write(".gitignore", "*.log\nbuild/\n!keep.log\n/top\n")
        for name in ("a.py", "a.log", "keep.log", "build/x", "src/build/y", "top", "src/top", "src/deep/b.log"):
            repository.write(name)
        repository.write("src/deep/.gitignore", "secret\n!b.log\n")
        repository.write("src/deep/secret")
        assert documents(files(["."])) == [
            ".gitignore", "a.py", "keep.log", "src/deep/.gitignore", "src/deep/b.log", "src/top",
        ]  # fmt: skip
        assert documents(files(["src/deep"])) == ["src/deep/.gitignore", "src/deep/b.log"]

    def test_never_touches_tracked_files(self, repository: Any) -> None:
        """A committed .env is the very leak that we are here for, whatever .gitignore says since."""
        repository.add(".env")
        repository.add("build/config")
        repository.write(".gitignore", ".env\nbuild/\n")
        repository.write("build/output")
        assert documents(files(["."])) == [".env", ".gitignore", "build/config"]

    def test_follows_all_that_git_reads(self, repository: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Personal excludes are part of what git ignores."""
        repository.write(".git/info/exclude", "mine\n")
        Path(tmp_path / "everywhere").write_text("*.swp\n")
        repository.git("config", "core.excludesFile", str(tmp_path / "everywhere"))
        for name in ("mine", "a.swp", "b"):
            repository.write(name)
        assert documents(files(["."])) == ["b"]

    def test_can_be_switched_off(self, repository: Any) -> None:
        """`--no-ignore` means everything but git's own folder."""
        repository.write(".gitignore", "*\n")
        repository.write("a/b")
        assert documents(files(["."], ignore=False)) == [".gitignore", "a/b"]

    def test_does_not_touch_what_is_named(self, repository: Any) -> None:
        """Whoever names an ignored file or folder wants it scanned; .gitignore files inside it still hold."""
        repository.write(".gitignore", ".demo\n*.env\n")
        repository.write("a.env")
        for name in (".demo/a", ".demo/b.tmp", ".demo/deep/c"):
            repository.write(name)
        repository.write(".demo/.gitignore", "*.tmp\n")
        assert documents(files(["a.env"])) == ["a.env"]
        assert documents(files([".demo"])) == [".demo/.gitignore", ".demo/a", ".demo/deep/c"]
        assert documents(files([".demo/deep"])) == [".demo/deep/c"]
        assert documents(files([".", ".demo"])) == [".gitignore", ".demo/.gitignore", ".demo/a", ".demo/deep/c"]

    @pytest.mark.parametrize("pattern", ["build", "build/", "build/*", "build/**", "**/x"])
    def test_of_all_that_a_named_folder_holds_is_off(self, repository: Any, pattern: str) -> None:
        """However the ignoring is written, a named folder must not come out as empty and clean."""
        repository.write(".gitignore", pattern + "\n")
        repository.write("build/x")
        assert documents(files(["build"])) == ["build/x"]

    def test_of_everything_is_said(self, repository: Any, tree: Path) -> None:
        """Virtual environments ignore themselves; a scan of nothing must not look like a scan."""
        for folder in (repository.folder, tree):
            os.chdir(folder)
            make("venv/.gitignore", text="*\n")
            make("venv/lib/a")
            assert skipped(files(["venv"])) == {"venv": "all of it is ignored"}

    def test_in_another_repository_inside_is_its_own(self, repository: Any, repository_in: Callable[..., Any]) -> None:
        """A checkout inside a checkout, or a submodule, has its own rules and its own tracked files."""
        repository.write(".gitignore", "*.log\nignored-clone/\n")
        inner = repository_in(repository.folder / "inner")
        inner.write(".gitignore", "*.tmp\n")
        for name in ("a.log", "b.tmp"):
            inner.write(name)
        inner.add("tracked.tmp")
        repository_in(repository.folder / "ignored-clone").write("x")
        found = list(files(["."]))
        assert documents(found) == [".gitignore", "inner/.gitignore", "inner/a.log", "inner/tracked.tmp"]
        assert skipped(found) == {}

    def test_enters_submodules(self, repository: Any, repository_in: Callable[..., Any], tmp_path: Path) -> None:
        """A submodule's files lie in the folder that was named."""
        origin = repository_in(tmp_path / "origin")
        origin.add("lib.py")
        origin.commit()
        repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(origin.folder), "sub")
        assert documents(files(["."])) == [".gitmodules", "sub/lib.py"]

    def test_never_enters_git_itself_unless_named(self, repository: Any) -> None:
        """Packed objects are no text; but a clone's configuration may hold a token, and may be named."""
        repository.add("a")
        repository.commit()
        assert documents(files(["."], ignore=False)) == ["a"]
        assert documents(files([".git/config"])) == [".git/config"]
        assert ".git/config" in documents(files([".git"]))

    @linux
    def test_survives_names_that_are_no_utf8(self, repository: Any) -> None:
        """An ignored name must be recognised whatever its bytes."""
        repository.write(".gitignore", b"\xff*\n")
        repository.write(b"\xffoff")
        repository.write(b'\xfeon\n"quoted"')
        assert [os.fsencode(path) for path in documents(files(["."]))] == [b".gitignore", b'\xfeon\n"quoted"']

    def test_works_from_a_linked_folder(self, repository: Any, tmp_path: Path) -> None:
        """Where a folder really lies decides about its repository."""
        repository.write(".gitignore", "*.log\n")
        repository.write("src/a.log")
        repository.write("src/b")
        os.symlink(repository.folder / "src", tmp_path / "link")
        os.chdir(tmp_path)
        assert documents(files(["link"])) == ["link/b"]

    def test_is_not_confused_by_a_hook(self, repository: Any, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Inside a hook git names its repository in the environment; another folder is none of its business."""
        repository.write(".gitignore", "*\n")
        monkeypatch.setenv("GIT_DIR", str(repository.folder / ".git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(repository.folder))
        make("a")
        assert documents(files(["."])) == ["a"]


class TestIgnoringWithoutGit:
    def test_follows_the_files_on_the_way(self, tree: Path) -> None:
        """An unpacked archive has .gitignore files, but no repository."""
        make("a.log", "b", "src/c.log", "src/keep.log", "build/x", "src/build")
        Path(".gitignore").write_bytes(b"*.log\r\nbuild/\r\n")
        Path("src/.gitignore").write_text("!keep.log\n")
        assert documents(files(["."])) == [".gitignore", "b", "src/.gitignore", "src/build", "src/keep.log"]
        assert len(documents(files(["."], ignore=False))) == 8

    def test_names_what_it_drops_if_a_repository_could_not_be_asked(
        self, repository: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Slim containers have no git; whether a dropped file is tracked then cannot be known."""
        repository.add("tracked.log")
        repository.write("build/x")
        repository.write(".gitignore", "*.log\nbuild\n")
        repository.write("a")
        monkeypatch.setenv("PATH", str(repository.folder))
        found = list(files(["."]))
        assert documents(found) == [".gitignore", "a"]
        assert set(skipped(found)) == {"tracked.log", "build"}
        assert all(
            reason.startswith("ignored, and perhaps tracked: git is not inst") for reason in skipped(found).values()
        )

    @posix
    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to give a folder away")
    def test_names_what_it_drops_if_the_repository_is_someone_elses(self, repository: Any) -> None:
        """A container's root meets a checkout of the user's; git refuses, and says how to allow it."""
        repository.write(".gitignore", "x\n")
        repository.write("x")
        repository.write("y")
        os.chown(repository.folder, 65534, 65534)
        os.chown(repository.folder / ".git", 65534, 65534)
        found = list(files(["."]))
        assert documents(found) == [".gitignore", "y"]
        assert "safe.directory" in skipped(found)["x"]

    def test_needs_a_real_repository_to_doubt(self, tree: Path) -> None:
        """An empty `.git` is none."""
        make("a", "b")
        os.mkdir(".git")
        Path(".gitignore").write_text("a\n")
        found = list(files(["."]))
        assert documents(found) == [".gitignore", "b"]
        assert skipped(found) == {}

    @posix
    def test_ignores_nothing_for_a_file_that_cannot_be_used(self, tree: Path) -> None:
        """When in doubt, look."""
        make("a/x", "b/x", "c/x")
        os.mkfifo("a/.gitignore")
        make("elsewhere", text="x\n")
        os.symlink("../elsewhere", "b/.gitignore")
        Path("c/.gitignore").write_bytes(b"x\n" * 600_000)
        assert [path for path in documents(files(["."])) if path.endswith("x")] == ["a/x", "b/x", "c/x"]


NAMES = st.sampled_from(["a", "b", "ab", "a.log", "b.log", "build", "keep"])
PATTERNS = st.sampled_from(
    ["*.log", "build", "build/", "!keep", "/a", "b/**", "**/ab", "a/*", "!a/b", "[ab]", "!*.log"]
)
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.booleans(), min_size=1, max_size=12)
RULES = st.dictionaries(st.sampled_from(["", "a/", "build/"]), st.lists(PATTERNS, min_size=1, max_size=4), max_size=3)


@given(tree=TREES, rules=RULES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_finds_exactly_what_git_lists(
    tree: dict[str, bool], rules: dict[str, list[str]], tmp_path: Path, repository_in: Callable[..., Any]
) -> None:
    """The walk asks git what is ignored; what is left must be what git calls tracked or untracked, in any tree."""
    top = tmp_path / "any"
    shutil.rmtree(top, ignore_errors=True)
    repository, tracked = repository_in(top), list[str]()
    for path, is_tracked in tree.items():
        if any((top / parent).is_file() for parent in [path, *map(str, Path(path).parents)]) or (top / path).is_dir():
            continue
        repository.write(path)
        tracked += [path] * is_tracked
    if tracked:
        repository.git("add", "--force", "--", *tracked)
    for folder, patterns in rules.items():
        if folder == "" or (top / folder).is_dir():
            repository.write(f"{folder}.gitignore", "\n".join(patterns))
    listed = repository.git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    found = documents(files([top]))
    assert found == sorted({f"{top.as_posix()}/{path}" for path in listed if path})


HOSTILE = {
    "core.fsmonitor": "{}",
    "core.hooksPath": "{hooks}",
    "core.pager": "{}",
    "pager.ls-files": "{}",
    "diff.external": "{}",
    "core.sshCommand": "{}",
    "core.askPass": "{}",
}


@posix
def test_a_repository_cannot_make_us_run_anything(repository: Any, tmp_path: Path) -> None:
    """Scanning what a stranger sent must be safe, even if it comes with a configuration."""
    marker, program = tmp_path / "it-ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-index-change", "post-checkout", "reference-transaction"):
        shutil.copy(program, hooks / hook)
    repository.write(".gitignore", "*.log\n")
    repository.write("a")
    repository.add("b")
    for key, value in HOSTILE.items():
        repository.git("config", key, value.format(program, hooks=hooks))
    subprocess.run(("git", "status"), cwd=repository.folder, check=True, capture_output=True)
    assert marker.exists(), "the trap must work"
    marker.unlink()
    assert documents(files(["."])) == [".gitignore", "a", "b"]
    assert not marker.exists()
