"""Compiled rules on disk, so that a start with unchanged rules parses no YAML and compiles nothing.

The one rule: the cache is a convenience. Whatever is wrong with it (not writable, damaged, somebody else's, from
another version) means compiling again, never an error and never a wrong answer. Files appear whole, by renaming.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

KEPT = 8
"""Entries that stay: one per set of rules in use; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder that only its owner can write to."""

    folder: Path

    @classmethod
    def of_user(cls) -> Cache:
        """In the platform's cache folder, or where `PROMPTGUARD_CACHE` says."""
        chosen = os.environ.get("PROMPTGUARD_CACHE")
        if chosen:
            return cls(Path(chosen))
        from platformdirs import user_cache_path

        return cls(user_cache_path("promptguard"))

    def get(self, key: str) -> bytes | None:
        """What was put under the key, or None; whoever asks checks that it is whole."""
        if not self._is_ours():
            return None
        try:
            return self._file(key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keeps the data where that is possible."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._is_ours():
                self._write(self._file(key), data)
                self._drop_oldest()

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.rules"

    def _is_ours(self) -> bool:
        """Refuses a folder that another user owns or may write to: what is read from it decides what is found."""
        try:
            state = os.stat(self.folder)
        except OSError:
            return False
        if not hasattr(os, "getuid"):
            return stat.S_ISDIR(state.st_mode)
        return stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o022

    def _write(self, file: Path, data: bytes) -> None:
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        try:
            with open(temporary, "xb") as stream:
                stream.write(data)
            os.replace(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)

    def _drop_oldest(self) -> None:
        files = sorted(self.folder.glob("*.rules"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in files[KEPT:]:
            file.unlink(missing_ok=True)


def key_of(files: Iterable[Path | os.DirEntry[str]], *versions: str) -> str:
    """Names rule files as they are now on this machine: paths, sizes and times, versions, and the processor."""
    digest = blake2b(digest_size=16)
    for text in (*versions, sys.version, _processor()):
        digest.update(text.encode() + b"\0")
    for file in sorted(files, key=os.fspath):
        try:
            state = file.stat()
        except OSError:
            continue  # loading it will say what is wrong
        digest.update(f"{os.fspath(file)}\0{state.st_size}\0{state.st_mtime_ns}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _processor() -> str:
    """The native database is compiled for one kind of processor."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_IDENTIFIER", "")
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            head = stream.read(4096)
    except OSError:
        return machine
    return machine + next((line for line in head.splitlines() if line.startswith(("flags", "Features"))), "")
