"""The cache: whatever is wrong with it, the answer is None and never an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from promptguard.cache import KEPT, Cache, key_of

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are those of POSIX")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.mark.parametrize("data", [b"", b"rules", b"\0\r\n\xff" * 100_000])
def test_what_was_put_comes_back(cache: Cache, data: bytes) -> None:
    """A byte that is changed on the way is a rule that does not fire."""
    cache.put("key", data)
    assert cache.get("key") == data
    assert cache.get("other") is None


def test_the_last_one_stands(cache: Cache) -> None:
    """The same rules compiled again are the same entry."""
    cache.put("key", b"first")
    cache.put("key", b"second")
    assert cache.get("key") == b"second"
    assert [file.name for file in cache.folder.iterdir()] == ["key.rules"]


def test_a_folder_that_is_not_there_holds_nothing(cache: Cache) -> None:
    """The first start of all."""
    assert cache.get("key") is None


@posix
def test_the_folder_is_for_its_owner(cache: Cache) -> None:
    """What is read from it decides what is found: nobody else may write there, nor read which rules are in use."""
    cache.put("key", b"rules")
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o720])
def test_a_folder_that_others_may_write_to_is_not_used(cache: Cache, mode: int) -> None:
    """A colleague on the same machine could switch rules off."""
    cache.put("key", b"rules")
    cache.folder.chmod(mode)
    assert cache.get("key") is None
    cache.put("other", b"rules")
    assert [file.name for file in cache.folder.iterdir()] == ["key.rules"]


@posix
def test_a_folder_of_somebody_else_is_not_used(cache: Cache) -> None:
    """`PROMPTGUARD_CACHE` in a shared place may be somebody's trap."""
    if os.getuid() != 0:
        assert Cache(Path("/")).get("key") is None
        return
    cache.put("key", b"rules")
    os.chown(cache.folder, 65534, 65534)
    assert cache.get("key") is None


def test_a_place_where_no_folder_can_be_is_no_error(tmp_path: Path) -> None:
    """Containers have read-only homes; they compile each time."""
    (tmp_path / "file").write_text("in the way", "utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        Cache(folder).put("key", b"rules")
        assert Cache(folder).get("key") is None


@posix
def test_a_folder_without_permission_is_no_error(cache: Cache) -> None:
    """The same where the folder is there and may not be written."""
    if os.getuid() == 0:
        pytest.skip("root may write anywhere")
    cache.folder.mkdir(mode=0o500)
    cache.put("key", b"rules")
    assert cache.get("key") is None


def test_an_entry_that_is_no_file_is_no_error(cache: Cache) -> None:
    """Whatever stands there, compiling again is the answer."""
    (cache.folder / "key.rules").mkdir(parents=True, mode=0o700)
    cache.folder.chmod(0o700)
    assert cache.get("key") is None
    cache.put("key", b"rules")
    assert cache.get("key") is None


def test_the_oldest_go_first(cache: Cache) -> None:
    """Rules change daily where people write rules; a megabyte each would add up."""
    for number in range(KEPT + 3):
        cache.put(f"key{number}", b"rules")
        os.utime(cache.folder / f"key{number}.rules", (number + 1, number + 1))
    cache.put("newest", b"rules")
    assert len(list(cache.folder.iterdir())) == KEPT
    assert cache.get("newest") == b"rules"
    assert cache.get("key0") is None


def test_writers_at_the_same_time_leave_one_whole_entry(cache: Cache) -> None:
    """Pre-commit starts a process for each batch of files; all of them find the cache empty."""
    script = "import sys; from pathlib import Path; from promptguard.cache import Cache; c = Cache(Path(sys.argv[1]))\n"
    script += "for n in range(30):\n    c.put('key', bytes([n]) * 300_000); d = c.get('key')\n"
    script += "    assert d and (len(set(d)), len(d)) == (1, 300_000)"
    writers = [subprocess.Popen([sys.executable, "-c", script, str(cache.folder)]) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert [file.name for file in cache.folder.iterdir()] == ["key.rules"]


def test_threads_that_write_at_the_same_time_do_no_harm(cache: Cache) -> None:
    """They share a temporary name: losing the race may cost the entry, never its wholeness."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: cache.put("key", bytes([number]) * 200_000), range(40)))
    data = cache.get("key")
    assert data is None or (len(data), len(set(data))) == (200_000, 1)
    cache.put("key", b"rules")
    assert cache.get("key") == b"rules"


@posix
def test_a_writer_that_is_killed_leaves_nothing_half(cache: Cache) -> None:
    """Power fails and people press Ctrl-C: an entry is whole or not there."""
    script = "import sys; from pathlib import Path; from promptguard.cache import Cache; c = Cache(Path(sys.argv[1]))\n"
    script += "while True: c.put('key', b'x' * 4_000_000)"
    for turn, delay in enumerate((0.0, 0.003, 0.011)):
        there = Cache(cache.folder.with_name(f"cache{turn}"))
        with subprocess.Popen([sys.executable, "-c", script, str(there.folder)]) as writer:
            _wait_for(there.folder)
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        assert there.get("key") in (None, b"x" * 4_000_000)
        there.put("key", b"rules")
        assert there.get("key") == b"rules"


def _wait_for(folder: Path) -> None:
    until = time.monotonic() + 30
    while not (folder.is_dir() and any(folder.iterdir())) and time.monotonic() < until:
        time.sleep(0.001)


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMPTGUARD_CACHE", str(tmp_path / "chosen"))
    return tmp_path / "chosen"


def test_the_environment_says_where(chosen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build machines keep caches between runs in places of their own."""
    assert Cache.of_user().folder == chosen
    monkeypatch.setenv("PROMPTGUARD_CACHE", "")
    assert Cache.of_user().folder.name == "promptguard"


def test_a_key_stands_for_files_as_they_are(tmp_path: Path) -> None:
    """An edited, added or removed rule file must never be answered from the cache."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    for file in (first, second):
        file.write_text("rule", "utf-8")
    files = [first, second]
    key = key_of(files, "1.0")
    assert key_of(reversed(files), "1.0") == key
    assert key_of(files, "1.1") != key
    assert key_of([first], "1.0") != key
    first.write_text("rules", "utf-8")
    longer = key_of(files, "1.0")
    assert longer != key
    os.utime(first, ns=(1, 1))
    assert key_of(files, "1.0") != longer


def test_a_missing_file_is_left_to_the_loader(tmp_path: Path) -> None:
    """It says what is wrong; the key only has to be made."""
    assert key_of([tmp_path / "missing.yaml"], "1.0") == key_of([], "1.0")


def test_versions_do_not_run_together() -> None:
    """`1` and `11` are not `11` and `1`."""
    assert key_of([], "1", "11") != key_of([], "11", "1")
