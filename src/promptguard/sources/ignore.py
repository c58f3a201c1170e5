"""What a walk leaves out because it is ignored.

The one rule: where there is a repository, git decides, so tracked files are never ignored; elsewhere the .gitignore
files on the way do. What is dropped on weaker grounds (a repository whose git does not answer) carries a doubt.

Paths are those that the walk shows, folders with a trailing `/`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from promptguard.errors import GitError, UnreadableError
from promptguard.sources import plumbing
from promptguard.sources.blocks import read

if TYPE_CHECKING:
    from promptguard.sources.gitignore import Gitignore

_PATIENCE = 60.0
"""Seconds that git may take to list a tree. It would wait for ever for a .gitignore that is a pipe."""
_MOST_BYTES = 1024 * 1024
"""Of a .gitignore file that counts: a larger one is not meant for people, and ignoring less is the safe side."""


def below(folder: str, prefix: str, *, is_named: bool) -> Listed | Patterns:
    """What is ignored below a folder, whose paths are shown behind `prefix`.

    A named folder is looked at even if it is ignored itself; then only .gitignore files inside it count.
    """
    if not _is_in_repository(os.path.realpath(folder)):
        return Patterns()
    try:
        names = _ignored_names(folder)
    except GitError as error:
        if plumbing.NO_REPOSITORY in str(error) or (is_named and _is_ignored(folder)):
            return Patterns()
        return Patterns(doubt=f"ignored, and perhaps tracked: {error}")
    if is_named and ("./" in names or (names and not _is_top(folder) and _is_ignored(folder))):
        return Patterns()
    return Listed(frozenset(prefix + name for name in names))


class Listed:
    """What git listed as ignored."""

    __slots__ = ("_paths",)
    doubt: str | None = None
    """Why a dropped path may have deserved a look."""

    def __init__(self, paths: frozenset[str]) -> None:
        self._paths = paths

    @property
    def drops(self) -> Callable[[str], bool] | None:
        """Whether a path is ignored whose parents are not; None: nothing is."""
        return self._paths.__contains__ if self._paths else None

    def joined_by(self, gitignore: str) -> Listed:
        """The same for a folder with this .gitignore file, which git has read already."""
        return self


class Patterns:
    """The .gitignore files from the walk's top down to a folder."""

    __slots__ = ("_files", "doubt")

    def __init__(self, files: tuple[tuple[str, Gitignore], ...] = (), doubt: str | None = None) -> None:
        self._files = files
        """The prefix of each file's folder, and what the file says; the innermost first, because it decides."""
        self.doubt = doubt
        """Why a dropped path may have deserved a look."""

    @property
    def drops(self) -> Callable[[str], bool] | None:
        """Whether a path is ignored whose parents are not; None: nothing is."""
        return self._drops if self._files else None

    def joined_by(self, gitignore: str) -> Patterns:
        """The same for a folder with this .gitignore file."""
        from promptguard.sources.gitignore import Gitignore

        prefix = gitignore.removesuffix(".gitignore")
        return Patterns(((prefix, Gitignore.parse(_text(gitignore))), *self._files), self.doubt)

    def _drops(self, path: str) -> bool:
        for prefix, file in self._files:
            verdict = file.verdict(path[len(prefix) :])
            if verdict is not None:
                return verdict
        return False


def _is_in_repository(folder: str) -> bool:
    """Whether the folder or one above it holds `.git`: a few `stat` calls instead of a process."""
    while not _is_top(folder):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return False
    return True


def _ignored_names(folder: str) -> set[str]:
    """What git ignores below a folder, relative to it; `./` if that is everything.

    The complement of what `--cached --others` lists, without holding the names of a whole tree in memory.
    """
    arguments = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    answer = plumbing.ask(folder, *arguments, found=True, within=_PATIENCE)
    return set(map(plumbing.path_of, answer.split(b"\0")[:-1]))


def _is_ignored(folder: str) -> bool:
    """Whether patterns ignore the folder itself, whatever it holds."""
    return plumbing.agrees(folder, "check-ignore", "--quiet", "--no-index", "--", ".", found=True)


def _is_top(folder: str) -> bool:
    return os.path.lexists(os.path.join(folder, ".git"))


def _text(gitignore: str) -> bytes:
    """A .gitignore file's bytes; none if it cannot be read: then nothing is ignored by it."""
    try:
        text = b"".join(read(gitignore))
    except UnreadableError:
        return b""
    return text if len(text) <= _MOST_BYTES else b""
