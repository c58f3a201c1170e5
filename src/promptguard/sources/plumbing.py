"""git's plumbing commands, for the sources that need an answer from it.

The one rule: nothing that a scanned repository says in its configuration can start a program. Monitors, hooks and
pagers are switched off here, transports are forbidden (git would fetch missing objects by a command of the
repository's choosing), and callers keep to plumbing, which knows no filters, external diffs or signature checks.
git's own refusal to work in a folder that belongs to someone else is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from promptguard.errors import GitError

if TYPE_CHECKING:  # `subprocess` takes longer to import than the small scan that needs no git
    from subprocess import Popen

_HARMLESS = ("--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a replacement would hide what a push still sends
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_OTHER_PATHSPECS = ("GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")
_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX")

NO_REPOSITORY = "not a git repository"
_MISSING = "git is not installed or not on PATH: install it, or name files and folders to scan"
_REMEDIES = {
    NO_REPOSITORY: "run it inside a repository, or name files and folders to scan",
    "revision": "name commits that this repository has; a shallow clone gets older ones by `git fetch --unshallow`",
    "dubious ownership": "if you trust it, allow it by `git config --global --add safe.directory <folder>`",
}


def ask(folder: str, *arguments: str, found: bool = False, within: float | None = None) -> bytes:
    """All that a command prints. Raises `GitError` with git's own complaint, and when `within` seconds have passed.

    With `found`, the repository is the one that `folder` lies in, whatever a calling hook's environment names.
    """
    from subprocess import TimeoutExpired

    with start(folder, *arguments, found=found) as process:
        try:
            answer, complaint = process.communicate(timeout=within)
        except TimeoutExpired as error:
            process.kill()
            raise GitError(f"git {arguments[0]}: gave no answer within {within:g} seconds") from error
    if process.returncode:
        raise refusal(arguments[0], complaint)
    return answer


def agrees(folder: str, *arguments: str, found: bool = False) -> bool:
    """Whether a command that answers by its exit status says yes; a failure is a no."""
    try:
        ask(folder, *arguments, found=found)
    except GitError:
        return False
    return True


def start(
    folder: str,
    *arguments: str,
    found: bool = False,
    stdin: int | IO[bytes] | None = None,
    stderr: int | None = None,
) -> Popen[bytes]:
    """A running command. Its output is a pipe, and so are its complaints unless said otherwise; its input is empty."""
    from subprocess import DEVNULL, PIPE, Popen

    try:
        return Popen(
            (_executable(), "-C", folder, *_HARMLESS, *arguments),
            stdin=DEVNULL if stdin is None else stdin,
            stdout=PIPE,
            stderr=PIPE if stderr is None else stderr,
            env=_environment(found),
            bufsize=64 * 1024,
        )
    except FileNotFoundError as error:
        raise GitError(_MISSING) from error
    except OSError as error:
        raise GitError(f"git could not be started: {error.strerror}") from error


def refusal(command: str, complaint: bytes) -> GitError:
    """The error for a command that failed: what git says about it, and what to do next where we know it."""
    lines = complaint.decode("utf-8", "replace").splitlines() or ["it gave no reason"]
    said = next((line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")), lines[-1])
    remedy = next((f": {advice}" for sign, advice in _REMEDIES.items() if sign in said), "")
    return GitError(f"git {command}: {said}{remedy}")


def path_of(name: bytes) -> str:
    """A path as git stores it; bytes that are no UTF-8 survive as surrogates."""
    return name.decode("utf-8", "surrogateescape")


def _environment(found: bool) -> dict[str, str]:
    left_out = _OTHER_PATHSPECS + (_REPOSITORY if found else ())
    return {name: value for name, value in os.environ.items() if name not in left_out} | _ENVIRONMENT


def _executable() -> str:
    """git by its name; on Windows by its path, because there the current folder, perhaps a hostile one, comes first."""
    if os.name != "nt":
        return "git"
    path = on_path("git.exe", os.environ.get("PATH", "").split(os.pathsep))
    if path is None:
        raise GitError(_MISSING)
    return path


def on_path(program: str, folders: Iterable[str]) -> str | None:
    """The first such program in an absolute folder."""
    candidates = (os.path.join(folder, program) for folder in folders if os.path.isabs(folder))
    return next(filter(os.path.isfile, candidates), None)
