"""What git stores: the index, and the files of commits.

The one rule: a document is a blob exactly as stored, line ends and all, under the path that git gives it (from the top
of the repository, with `/`); the work tree is never looked at.

The plan: one or two processes say which blobs there are (`_Change`), and one `cat-file --batch`, started when the first
document is read, hands out their bytes.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple

from promptguard.errors import GitError, UnreadableError
from promptguard.model import BLOCK_BYTES, Document, Origin, Skipped
from promptguard.sources import plumbing

if TYPE_CHECKING:
    from subprocess import Popen

Excludes = Callable[[str], bool]
"""Whether a path is excluded."""

_RAW = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames")
_SUBMODULE = b"160000"


def staged(folder: str, paths: Iterable[str] = (), *, excludes: Excludes | None = None) -> Iterator[Document | Skipped]:
    """What the next commit would bring in: the files of the index that HEAD does not have so.

    `paths` are files and folders, relative to `folder`. Raises `GitError`.
    """
    options = (*_RAW, "--cached", "--diff-filter=ACMRTU", "--ita-invisible-in-index")
    answer = _against_head(folder, options, tuple(paths))
    yield from _documents(folder, _wanted(_changes(iter(answer.split(b"\0")[:-1])), excludes))


def commits(
    folder: str, range: str, paths: Iterable[str] = (), *, excludes: Excludes | None = None
) -> Iterator[Document | Skipped]:
    """The blobs that commits brought in, each once, with the commit that did so first; oldest commits first.

    `range` is what `git rev-list` takes (`main..HEAD`, `HEAD~3..`); a single commit means that one alone, not its
    history. A blob is reported whole, with the lines that it had before, and again when all that changed is its path.
    Of a merge, only files that differ from all parents count. `paths` are files and folders, relative to `folder`.
    Raises `GitError`.
    """
    yield from _documents(folder, _once(_wanted(_history(folder, _chosen(range), tuple(paths)), excludes)))


def first_commit(folder: str) -> str | None:
    """The commit that the line of first parents of HEAD begins with: the same in every clone.

    None before the first commit, and in a shallow clone, which does not reach back so far. Raises `GitError`.
    """
    try:
        answer = plumbing.ask(folder, "rev-list", "--first-parent", "--max-parents=0", "--format=raw", "HEAD", "--")
    except GitError:
        if _is_unborn(folder):
            return None
        raise
    commit, *fields = answer.partition(b"\n\n")[0].splitlines()
    # A shallow clone cuts the parents off its oldest commits, but the commits themselves still name them.
    is_cut = any(field.startswith(b"parent ") for field in fields)
    return None if is_cut else commit.removeprefix(b"commit ").decode()


def top(folder: str) -> str:
    """The folder that git's paths start from: the work tree's top, or a bare repository itself. Raises `GitError`."""
    upward = plumbing.path_of(plumbing.ask(folder, "rev-parse", "--show-cdup")).removesuffix("\n")
    return os.path.realpath(os.path.join(folder, upward))


class _Change(NamedTuple):
    """A path that a commit, or the index, sets to a blob."""

    commit: str | None
    path: str
    mode: bytes
    blob: str
    """In hexadecimal; zeros if the path is deleted, or in conflict."""
    is_conflict: bool


def _against_head(folder: str, options: tuple[str, ...], paths: tuple[str, ...]) -> bytes:
    """The index compared with HEAD; before the first commit, with a tree of nothing."""
    try:
        return plumbing.ask(folder, "diff-index", *options, "HEAD", "--", *paths)
    except GitError:
        if not _is_unborn(folder):
            raise
    nothing = plumbing.ask(folder, "hash-object", "-t", "tree", "--stdin").decode().strip()
    return plumbing.ask(folder, "diff-index", *options, nothing, "--", *paths)


def _is_unborn(folder: str) -> bool:
    """Whether this is a repository in which HEAD names a branch without commits."""
    is_repository = plumbing.agrees(folder, "symbolic-ref", "--quiet", "HEAD")
    return is_repository and not plumbing.agrees(folder, "rev-parse", "--quiet", "--verify", "HEAD")


def _chosen(range: str) -> tuple[str, ...]:
    if range.startswith("^") or any(sign in range for sign in ("..", "^@", "^!", "^-")):
        return "--reverse", "--topo-order", "--end-of-options", range
    return "--no-walk", "--end-of-options", range + "^{commit}"  # so that a tree or a blob is refused


def _history(folder: str, chosen: tuple[str, ...], paths: tuple[str, ...]) -> Iterator[_Change]:
    """What each of the chosen commits changed, in their order.

    Only `diff-tree` gets the paths: `rev-list` would drop merges that it takes to be without effect on them.
    """
    with plumbing.start(folder, "rev-list", *chosen, "--") as revisions:
        differences = ("diff-tree", "--stdin", "--root", "-c", *_RAW, "--", *paths)
        with plumbing.start(folder, *differences, stdin=revisions.stdout) as trees:
            _output(revisions).close()  # so that rev-list ends when diff-tree does
            yield from _changes(_fields(_output(trees)))
            complaints = [process.stderr.read() if process.stderr else b"" for process in (revisions, trees)]
    for process, name, complaint in zip((revisions, trees), ("rev-list", "diff-tree"), complaints, strict=True):
        if process.returncode:
            raise plumbing.refusal(name, complaint)


def _output(process: Popen[bytes]) -> IO[bytes]:
    assert process.stdout is not None
    return process.stdout


def _fields(stream: IO[bytes]) -> Iterator[bytes]:
    """What stands before each NUL."""
    rest = b""
    while block := os.read(stream.fileno(), 64 * 1024):
        *fields, rest = (rest + block).split(b"\0")
        yield from fields


def _changes(fields: Iterator[bytes]) -> Iterator[_Change]:
    """From git's raw format: commits, and for each path `:mode mode blob blob status` (merges: one `:` per parent)."""
    commit = None
    for field in fields:
        if not field.startswith(b":"):
            commit = field.decode()
            continue
        words = field.lstrip(b":").split(b" ")
        parents = len(field) - len(field.lstrip(b":"))
        *_, blob, status = words
        yield _Change(commit, plumbing.path_of(next(fields)), words[parents], blob.decode(), status == b"U")


def _wanted(changes: Iterable[_Change], excludes: Excludes | None) -> Iterator[_Change]:
    """Without deletions and excluded paths."""
    for change in changes:
        is_deleted = not change.blob.strip("0") and not change.is_conflict
        if not is_deleted and not (excludes is not None and excludes(change.path)):
            yield change


def _once(changes: Iterable[_Change]) -> Iterator[_Change]:
    """Each blob, and each submodule, for the first time only."""
    seen: set[bytes | str] = set()
    for change in changes:
        key = change.path if change.mode == _SUBMODULE else bytes.fromhex(change.blob)
        if key not in seen:
            seen.add(key)
            yield change


def _documents(folder: str, changes: Iterable[_Change]) -> Iterator[Document | Skipped]:
    blobs = _Blobs(folder)
    for change in changes:
        origin = Origin(change.path, commit=change.commit)
        if change.is_conflict:
            yield Skipped(origin, "merge conflict, not resolved")
        elif change.mode == _SUBMODULE:
            yield Skipped(origin, "submodule")
        else:
            yield Document(origin, partial(blobs.read, change.blob))


_UNREADABLE = "git has no readable copy of it"


class _Blobs:
    """Reads blobs through `git cat-file --batch`: as many processes as there are readers at one time."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._idle: list[Popen[bytes]] = []  # append and pop are atomic: threads need no lock
        weakref.finalize(self, _end, self._idle)

    def read(self, blob: str) -> Iterator[bytes]:
        """Its bytes in blocks. Raises `UnreadableError`."""
        process = self._take()
        left = self._announced(process, blob)
        try:
            while left > BLOCK_BYTES:
                yield _exactly(process, BLOCK_BYTES)
                left -= BLOCK_BYTES
            last = _exactly(process, left)
            _exactly(process, 1)  # a line feed
        except BaseException:
            _end([process])
            raise
        self._idle.append(process)  # before the last block is used, which for most blobs is the only one
        if last:
            yield last

    def _take(self) -> Popen[bytes]:
        from subprocess import DEVNULL, PIPE

        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return plumbing.start(self._folder, "cat-file", "--batch", stdin=PIPE, stderr=DEVNULL)
        except GitError as error:
            raise UnreadableError(str(error)) from error

    def _announced(self, process: Popen[bytes], blob: str) -> int:
        """Ask for a blob: its size, which its bytes follow."""
        assert process.stdin is not None
        try:
            os.write(process.stdin.fileno(), blob.encode() + b"\n")
            answer = _output(process).readline().split()
        except OSError:
            answer = []
        match answer:
            case [_, _, size]:
                return int(size)
            case [_, b"missing"]:
                self._idle.append(process)
                raise UnreadableError(_UNREADABLE)
        _end([process])
        raise UnreadableError(_UNREADABLE)


def _exactly(process: Popen[bytes], size: int) -> bytes:
    block = _output(process).read(size)
    if len(block) < size:
        raise UnreadableError(_UNREADABLE)
    return block


def _end(processes: list[Popen[bytes]]) -> None:
    """Close their pipes, which ends them, and wait."""
    while processes:
        with processes.pop():
            pass
