"""Files and folders.

The one rule: everything below what was named is either a document, or ignored or excluded as the user asked, or skipped
by name. The order is that of the paths, so that two scans of one tree say the same.

The plan, because a scan passes tens of thousands of files: `scandir` tells a name's kind without a `stat`; a folder's
names are held only while it is walked; a file is opened when its blocks are asked for (see `blocks`), by the very path
that is shown. Git is asked once per repository (see `ignore`), and not at all for files that are named.

Symbolic links are followed if named. Below a folder they are not: what a link leads to is scanned where it stands, if
that is below a named folder; otherwise the link is skipped by name.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from promptguard.model import Document, Origin, Skipped
from promptguard.sources import blocks
from promptguard.sources.ignore import Listed, Patterns, below

Excludes = Callable[[str], bool]
"""Whether a path is excluded. Asked about folders too, with a trailing `/`: an excluded folder is not entered."""


def files(
    paths: Iterable[str | os.PathLike[str]], *, ignore: bool = True, excludes: Excludes | None = None
) -> Iterator[Document | Skipped]:
    """Documents of files, and of all files below folders that neither git ignores nor `excludes` excludes.

    A path that is named is looked at even if git ignores it, and `.git` folders are entered only if named.
    """
    named = _named(paths)
    tops = [os.path.realpath(path) for path in named if os.path.isdir(path)]
    for path in named:
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError) as error:
            yield Skipped(Origin(path), _absence(path, error))
            continue
        is_folder = stat.S_ISDIR(mode)
        if excludes is not None and path != "." and excludes(path + "/" if is_folder else path):
            yield Skipped(Origin(path), "excluded")
        elif is_folder:
            yield from _Walk(excludes, _apart(path, named), tops, honours_ignore=ignore).below(path)
        elif stat.S_ISREG(mode):
            yield Document(Origin(path), partial(blocks.read, path, follow=True))
        else:
            yield Skipped(Origin(path), blocks.NOT_REGULAR)


def shown(path: str, *, is_windows: bool = os.name == "nt") -> str:
    """A path as reports show it: `/` on every system, no `./` before it and no `/` behind it."""
    path = path.replace("\\", "/") if is_windows else path
    while path.startswith("./"):
        path = path[2:].lstrip("/") or "."
    bare = path.rstrip("/")
    return path if not bare or _is_drive(bare, is_windows) else bare


def _is_drive(path: str, is_windows: bool) -> bool:
    return is_windows and path.endswith(":")


def _prefix(folder: str) -> str:
    """What stands before the names of a folder's files."""
    if folder == ".":
        return ""
    return folder if folder.endswith("/") or _is_drive(folder, os.name == "nt") else folder + "/"


def _named(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """As shown, in the order given, each once."""
    by_place: dict[str, str] = {}
    for named in paths:
        path = os.fspath(named)
        by_place.setdefault(os.path.abspath(path) if path else "", shown(path))
    return list(by_place.values())


def _apart(top: str, named: list[str]) -> frozenset[str]:
    """The paths below a folder that are named themselves: the walk leaves them to their own turn."""
    inside = os.path.join(os.path.abspath(top), "")
    places = [os.path.abspath(path) for path in named if path and path != top]
    paths = [_prefix(top) + shown(place[len(inside) :]) for place in places if place.startswith(inside)]
    return frozenset(paths) | {path + "/" for path in paths}


def _absence(path: str, error: OSError | ValueError) -> str:
    """Why a named path cannot be looked at. A ValueError is a name that no system allows."""
    reason = blocks.reason(error) if isinstance(error, OSError) else "vanished"
    if reason != "vanished":
        return reason
    return "broken symbolic link" if isinstance(error, OSError) and os.path.islink(path) else "no such file or folder"


class _Walk:
    """One named folder on its way through: which folders are entered, and what is left out."""

    # Plain classes, here and in `ignore`: every dataclass would add a millisecond to every start.
    __slots__ = ("_apart", "_entered", "_excludes", "_honours_ignore", "_tops")

    def __init__(self, excludes: Excludes | None, apart: frozenset[str], tops: list[str], honours_ignore: bool) -> None:
        self._excludes, self._apart, self._tops, self._honours_ignore = excludes, apart, tops, honours_ignore
        self._entered: list[tuple[_Folder, Listed | Patterns]] = []

    def below(self, top: str) -> Iterator[Document | Skipped]:
        """Everything in a folder and its folders, depth first."""
        prefix = _prefix(top)
        is_empty, has_dropped = True, False
        yield from self._enter(prefix, below(top, prefix, is_named=True) if self._honours_ignore else Patterns())
        while self._entered:
            folder, ignore = self._entered[-1]
            if not folder.paths:
                self._entered.pop()
                continue
            path = folder.paths.pop()
            if path in self._apart or (self._excludes is not None and self._excludes(path)):
                continue
            if ignore.drops is not None and ignore.drops(path):
                has_dropped = True
                if ignore.doubt:
                    yield Skipped(Origin(shown(path)), ignore.doubt)
            elif path[-1] == "/":
                yield from self._enter(path, ignore)
            elif path in folder.odd:
                yield from self._skip(path)
            else:
                is_empty = False
                yield Document(Origin(path), partial(blocks.read, path))
        if is_empty and has_dropped:
            yield Skipped(Origin(top), "all of it is ignored")

    def _enter(self, prefix: str, ignore: Listed | Patterns) -> Iterator[Skipped]:
        folder = _Folder(prefix)
        if self._honours_ignore and folder.has_git and self._entered:
            ignore = below(prefix, prefix, is_named=False)  # another repository inside this one
        if self._honours_ignore and folder.has_gitignore:
            ignore = ignore.joined_by(prefix + ".gitignore")
        self._entered.append((folder, ignore))
        if folder.failure:
            yield Skipped(Origin(shown(prefix) or "."), folder.failure)

    def _skip(self, path: str) -> Iterator[Skipped]:
        """Why a path that is no file is not looked at; nothing for a link to what is reached by itself."""
        if not os.path.islink(path) and not _is_junction(path):
            yield Skipped(Origin(path), blocks.NOT_REGULAR)
            return
        try:
            target = os.path.realpath(path, strict=True)
        except OSError as error:
            yield Skipped(Origin(path), _absence(path, error))
            return
        if _is_within(os.path.realpath(os.path.dirname(path)), target):
            yield Skipped(Origin(path), "symbolic link loop")
        elif not any(_is_within(target, top) for top in self._tops):
            yield Skipped(Origin(path), "symbolic link out of the scanned folders")


class _Folder:
    """What one folder holds. Its paths shrink while it is walked."""

    __slots__ = ("failure", "has_git", "has_gitignore", "odd", "paths")

    def __init__(self, prefix: str) -> None:
        self.paths: list[str] = []
        """Last first; those of folders with a trailing `/`. Never `.git`."""
        self.odd: set[str] = set()
        """Those of what is neither file nor folder."""
        self.has_git = self.has_gitignore = False
        self.failure: str | None = None
        """Why there may be more."""
        try:
            with os.scandir(prefix or ".") as entries:
                for entry in entries:
                    self._take(prefix, entry)
        except OSError as error:
            self.failure = blocks.reason(error)
        self.paths.sort(reverse=True)

    def _take(self, prefix: str, entry: os.DirEntry[str]) -> None:
        name = entry.name
        if name == ".git":
            self.has_git = True
        elif entry.is_file(follow_symlinks=False):
            self.has_gitignore = self.has_gitignore or name == ".gitignore"
            self.paths.append(prefix + name)
        elif entry.is_dir(follow_symlinks=False) and not _is_junction(entry):
            self.paths.append(f"{prefix}{name}/")
        else:
            self.odd.add(prefix + name)
            self.paths.append(prefix + name)


def _is_junction(entry: os.DirEntry[str] | str) -> bool:
    """Windows' other kind of link, which calls itself a folder."""
    if sys.platform == "win32":
        return os.lstat(entry).st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return False


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
