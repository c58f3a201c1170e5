"""The user's own key: what fingerprints are keyed with where nothing shared is at hand.

The one rule: it is made once, readable by its owner alone, and never printed. `PROMPTGUARD_KEY` takes its place.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from promptguard.errors import ConfigurationError

BYTES = 32


def user_key() -> bytes:
    """The key from the environment, else from the user's state folder, where it is made on first need.

    Raises `ConfigurationError` where it can be neither read nor made.
    """
    if given := os.environ.get("PROMPTGUARD_KEY"):
        return given.encode()
    from platformdirs import user_state_path

    return read_or_make(user_state_path("promptguard") / "key")


def read_or_make(file: Path) -> bytes:
    """The key in the file; of processes that make it at the same time, one wins and all use its key."""
    try:
        try:
            return _read(file)
        except FileNotFoundError:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(file)
            return _read(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: no key can be made there ({error.strerror}); set PROMPTGUARD_KEY") from error


def _read(file: Path) -> bytes:
    key = file.read_bytes()
    if len(key) < BYTES:
        raise ConfigurationError(f"{file}: is no key ({len(key)} bytes); remove it to have a new one made")
    return key


def _make(file: Path) -> None:
    temporary = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, file)  # fails if another process was first: its key stands
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)
