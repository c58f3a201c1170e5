"""The index and the history of real repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from promptguard.errors import GitError, UnreadableError
from promptguard.model import BLOCK_BYTES, Document, Skipped
from promptguard.sources.git import commits, first_commit, staged, top

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no UTF-8")


def text(document: Document) -> bytes:
    return b"".join(document.blocks())


def texts(found: Iterable[Document | Skipped]) -> dict[str, bytes]:
    """By path. Nothing is skipped, and no path comes twice."""
    items = list(found)
    by_path = {item.origin.path: text(item) for item in items if isinstance(item, Document)}
    assert len(by_path) == len(items)
    return by_path


def origins(found: Iterable[Document | Skipped]) -> list[tuple[str, str | None]]:
    return [(item.origin.path, item.origin.commit) for item in found]


def reasons(found: Iterable[Document | Skipped]) -> dict[str, str]:
    return {item.origin.path: item.reason for item in found if isinstance(item, Skipped)}


class TestStaged:
    def test_is_what_the_index_holds(self, repository: Any) -> None:
        """The commit takes the index: a key removed from the file but still staged would be committed."""
        repository.add("a", "staged\n")
        repository.write("a", "changed since\n")
        repository.write("untracked")
        assert texts(staged(".")) == {"a": b"staged\n"}

    def test_works_before_the_first_commit(self, repository: Any) -> None:
        """Keys are committed on the first day as often as later."""
        assert texts(staged(".")) == {}
        repository.add("a")
        assert texts(staged(".")) == {"a": b"text\n"}

    def test_leaves_out_what_head_has_already(self, repository: Any) -> None:
        """A hook must be fast, and must not speak of old findings."""
        for name in ("same", "changed", "deleted"):
            repository.add(name)
        repository.commit()
        repository.add("changed", "new\n")
        repository.add("added", "added\n")
        repository.git("rm", "--quiet", "deleted")
        assert texts(staged(".")) == {"added": b"added\n", "changed": b"new\n"}

    def test_has_renamed_and_copied_files_and_links_that_became_files(self, repository: Any) -> None:
        """Each of these brings text to a path where it was not."""
        repository.add("old", "much the same\n" * 10)
        if os.name != "nt":
            os.symlink("old", "link")
            repository.git("add", "link")
        repository.commit()
        repository.git("mv", "old", "new")
        repository.add("copy", "much the same\n" * 10)
        expected = {"copy": b"much the same\n" * 10, "new": b"much the same\n" * 10}
        if os.name != "nt":
            os.unlink("link")
            repository.add("link", "now a file\n")
            expected["link"] = b"now a file\n"
        repository.git("config", "diff.renames", "copies")
        assert texts(staged(".")) == expected

    def test_changes_no_byte(self, repository: Any) -> None:
        """What is committed counts, not what a checkout would make of it."""
        repository.git("config", "core.autocrlf", "false")
        stored = b"a\r\nb\x00\xff\xfe\n\x1a"
        repository.add("a", stored)
        repository.write(".gitattributes", "a ident text eol=crlf\n")
        assert texts(staged(".")) == {"a": stored}

    def test_can_be_limited_to_paths_that_are_taken_literally(self, repository: Any) -> None:
        """A name may look like a pattern or an option, and is then still a name."""
        for name in ("src/a", "src/b", "*", ":(top)", "--cached", "x"):
            repository.add(name)
        assert set(texts(staged(".", ["src"]))) == {"src/a", "src/b"}
        assert set(texts(staged(".", ["*", "--cached", ":(top)"]))) == {"*", "--cached", ":(top)"}
        assert set(texts(staged("src", ["a"]))) == {"src/a"}
        assert texts(staged(".", ["missing"])) == {}

    def test_is_named_from_the_top_wherever_asked(self, repository: Any) -> None:
        """A commit is one thing: a hook run from a subfolder must see all of it."""
        repository.add("top")
        repository.add("src/a")
        assert set(texts(staged("src"))) == {"top", "src/a"}

    def test_obeys_excludes(self, repository: Any) -> None:
        """A path that is excluded in a full scan must not come back in the hook."""
        repository.add("vendor/a")
        repository.add("b")
        assert set(texts(staged(".", excludes=lambda path: path.startswith("vendor/")))) == {"b"}

    @linux
    def test_survives_every_name(self, repository: Any) -> None:
        """Quotes, line feeds and Latin-1 in a name must not hide a file."""
        names = [b'new\nline "and" quote', b"caf\xe9", "ключ 🔑".encode(), b" ", b"\\", b":0:a", b"a\tb"]
        for name in names:
            repository.add(name, name)
        assert {os.fsencode(path): data for path, data in texts(staged(".")).items()} == {name: name for name in names}

    def test_names_submodules(self, repository: Any, repository_in: Callable[..., Any], tmp_path: Path) -> None:
        """Its commit is a number in another repository: there is no text here to look at."""
        inner = repository_in(repository.folder / "sub")
        inner.add("a")
        inner.commit()
        repository.git("add", "sub")
        found = list(staged("."))
        assert reasons(found) == {"sub": "submodule"}

    def test_names_conflicts(self, repository: Any) -> None:
        """A file with conflict marks is in no state to be judged, and cannot be committed either."""
        repository.add("a", "base\n")
        repository.commit()
        repository.git("checkout", "--quiet", "-b", "side")
        repository.add("a", "side\n")
        repository.commit()
        repository.git("checkout", "--quiet", "main")
        repository.add("a", "main\n")
        repository.commit()
        with pytest.raises(subprocess.CalledProcessError):
            repository.git("merge", "side")
        assert reasons(staged(".")) == {"a": "merge conflict, not resolved"}

    def test_leaves_out_files_that_are_only_announced(self, repository: Any) -> None:
        """`git add -N` stages a name without a text."""
        repository.write("a")
        repository.git("add", "--intent-to-add", "a")
        assert list(staged(".")) == []

    def test_obeys_the_index_that_a_commit_uses(self, repository: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """`git commit FILE` runs hooks with an index of its own, and names it in the environment."""
        repository.add("a")
        shutil.copy(".git/index", ".git/other")
        repository.add("b")
        monkeypatch.setenv("GIT_INDEX_FILE", str(repository.folder / ".git" / "other"))
        assert set(texts(staged("."))) == {"a"}

    def test_works_in_worktrees_and_with_long_hashes(
        self, repository: Any, repository_in: Callable[..., Any], tmp_path: Path
    ) -> None:
        """Both are ordinary git, and both have broken tools that read `.git` by themselves."""
        repository.commit()
        repository.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
        os.chdir(tmp_path / "linked")
        Path("a").write_text("text\n")
        subprocess.run(("git", "add", "a"), check=True)
        assert texts(staged(".")) == {"a": b"text\n"}
        long = repository_in(tmp_path / "long", "--object-format=sha256")
        long.add("a")
        assert texts(staged(str(long.folder))) == {"a": b"text\n"}
        commit = long.commit()
        assert len(commit) == 64
        assert origins(commits(str(long.folder), "HEAD")) == [("a", commit)]
        assert first_commit(str(long.folder)) == commit


class TestCommits:
    def test_bring_the_files_that_they_changed(self, repository: Any) -> None:
        """A pull request is judged by what it brings in, with the commit to blame."""
        repository.add("base")
        repository.commit()
        repository.git("checkout", "--quiet", "-b", "topic")
        repository.add("a", "one\n")
        one = repository.commit()
        repository.add("a", "two\n")
        repository.add("b", "b\n")
        repository.git("rm", "--quiet", "base")
        two = repository.commit()
        expected = [("a", one), ("a", two), ("b", two)]
        assert origins(commits(".", "main..HEAD")) == expected
        assert origins(commits(".", "main..")) == expected
        assert origins(commits(".", "HEAD~2..")) == expected
        assert [text(item) for item in commits(".", "main..topic") if isinstance(item, Document)] == [
            b"one\n", b"two\n", b"b\n",
        ]  # fmt: skip

    def test_may_be_one_alone(self, repository: Any) -> None:
        """`abc123` means that commit: a scan of all that came before is asked for otherwise."""
        repository.add("a", "first\n")
        first = repository.commit()
        repository.add("b")
        second = repository.commit()
        repository.git("tag", "--annotate", "v1", "--message", "one", first)
        assert origins(commits(".", second)) == [("b", second)]
        assert origins(commits(".", second[:10])) == [("b", second)]
        assert origins(commits(".", "HEAD~1")) == [("a", first)]
        assert origins(commits(".", "v1")) == [("a", first)]
        assert origins(commits(".", "HEAD^!")) == [("b", second)]

    def test_bring_each_text_once(self, repository: Any) -> None:
        """A file that is reverted and restored is one text; whoever brought it first is to blame."""
        repository.add("a", "key\n")
        first = repository.commit()
        repository.add("a", "no key\n")
        second = repository.commit()
        repository.add("a", "key\n")
        repository.add("copy", "key\n")
        third = repository.commit()
        assert origins(commits(".", "HEAD")) == [("a", third)]
        assert origins(commits(".", "HEAD~2")) == [("a", first)]
        repository.git("branch", "empty", first)
        assert origins(commits(".", "empty..HEAD")) == [("a", second), ("a", third)]

    def test_bring_back_renamed_files(self, repository: Any) -> None:
        """The path decides whether a finding is excluded or accepted: under a new one it must be judged anew."""
        repository.add("old", "text\n" * 20)
        repository.commit()
        repository.git("mv", "old", "new")
        renamed = repository.commit()
        assert origins(commits(".", "HEAD")) == [("new", renamed)]

    def test_that_merge_bring_only_what_no_parent_had(self, repository: Any) -> None:
        """Merging main into a branch brings none of main's old findings; but a merge can add text of its own."""
        repository.add("a", "base\n")
        repository.commit()
        repository.git("checkout", "--quiet", "-b", "topic")
        repository.add("a", "topic\n")
        topic = repository.commit()
        repository.git("checkout", "--quiet", "main")
        repository.add("a", "main\n")
        repository.add("mains-own", "main\n")
        repository.commit()
        repository.git("checkout", "--quiet", "topic")
        with pytest.raises(subprocess.CalledProcessError):
            repository.git("merge", "main")
        repository.add("a", "both\n")
        repository.add("evil", "only in the merge\n")
        merge = repository.commit()
        assert origins(commits(".", "main..topic")) == [("a", topic), ("a", merge), ("evil", merge)]
        assert origins(commits(".", "topic", ["evil"])) == [("evil", merge)]
        assert origins(commits(".", "main..topic", ["evil"])) == [("evil", merge)]

    def test_include_the_first_one(self, repository: Any) -> None:
        """A repository's first commit is compared with nothing."""
        repository.add("a")
        root = repository.commit()
        repository.git("config", "log.showRoot", "false")
        assert origins(commits(".", "HEAD")) == [("a", root)]

    def test_can_be_limited_to_paths_and_obey_excludes(self, repository: Any) -> None:
        """The same choice as in every other scan."""
        for name in ("src/a", "src/b", "c"):
            repository.add(name, name)
        repository.commit()
        assert set(texts(commits(".", "HEAD", ["src"]))) == {"src/a", "src/b"}
        assert set(texts(commits(".", "HEAD", excludes=lambda path: path == "src/a"))) == {"src/b", "c"}

    def test_excluded_under_one_path_still_count_under_another(self, repository: Any) -> None:
        """The text in the excluded folder must not hide its copy elsewhere."""
        repository.add("a-fixture", "same\n")
        repository.add("b", "same\n")
        repository.commit()
        assert set(texts(commits(".", "HEAD", excludes=lambda path: path == "a-fixture"))) == {"b"}

    @linux
    def test_survive_every_name(self, repository: Any) -> None:
        """A colon, a line feed or Latin-1 in a name must not be taken for git's own format."""
        names = [b'new\nline "and" quote', b"caf\xe9", b":100644 100644", b" "]
        for name in names:
            repository.add(name, name)
        repository.commit()
        assert {os.fsencode(path): data for path, data in texts(commits(".", "HEAD")).items()} == {
            name: name for name in names
        }

    def test_name_each_submodule_once(self, repository: Any, repository_in: Callable[..., Any]) -> None:
        """A hundred updates of a submodule are one thing that was not looked at."""
        inner = repository_in(repository.folder / "sub")
        for number in range(3):
            inner.add("a", str(number))
            inner.commit()
            repository.git("add", "sub")
            repository.commit()
        assert reasons(commits(".", "HEAD~2..")) == {"sub": "submodule"}
        assert len(list(commits(".", "HEAD~2.."))) == 1

    def test_are_read_as_stored_behind_replacements(self, repository: Any) -> None:
        """`git replace` hides a blob from git's own eyes, but not from whoever gets the push."""
        repository.add("a", "bad\n")
        repository.commit()
        good = repository.git("hash-object", "-w", "--stdin", text=b"good\n")
        repository.git("replace", repository.git("rev-parse", "HEAD:a"), good)
        assert texts(commits(".", "HEAD")) == {"a": b"bad\n"}

    @pytest.mark.parametrize("range", ["nothing", "nothing..HEAD", "", "--all", "--output=x", "HEAD:", "HEAD:a", "-1"])
    def test_that_do_not_exist_are_an_error(self, repository: Any, range: str) -> None:
        """A typing mistake, or an option in its place, must not turn into a clean scan."""
        repository.add("a")
        repository.commit()
        with pytest.raises(GitError, match=r"revision.*: name commits that this repository has"):
            list(commits(".", range))

    def test_may_be_left_early(self, repository: Any) -> None:
        """Whoever has seen enough stops, and no process may be left behind."""
        for number in range(20):
            repository.add("a", f"{number}\n")
            repository.commit()
        found = commits(".", "HEAD~15..")
        next(found)
        found.close()  # type: ignore[attr-defined]


class TestBlobs:
    @pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 9])
    def test_come_whole_in_blocks_of_a_bounded_size(self, repository: Any, size: int) -> None:
        """A blob of any size must pass through bounded memory, and the next one must not be disturbed."""
        data = os.urandom(1024) * (size // 1024 + 1)
        repository.add("a", data[:size])
        repository.add("b", b"next\n")
        first, second = staged(".")
        assert isinstance(first, Document)
        assert isinstance(second, Document)
        blocks = list(first.blocks())
        assert b"".join(blocks) == data[:size]
        assert all(0 < len(block) <= BLOCK_BYTES for block in blocks)
        assert text(second) == b"next\n"

    def test_may_be_read_in_any_order_by_many(self, repository: Any) -> None:
        """Threads take documents as they come, and some leave one half read."""
        expected = {}
        for number in range(12):
            expected[f"{number:02}"] = bytes([number]) * (BLOCK_BYTES + 1 if number % 5 == 0 else 100)
            repository.add(f"{number:02}", expected[f"{number:02}"])
        documents = [item for item in staged(".") if isinstance(item, Document)]
        halves = [document.blocks() for document in documents]
        for document, half in zip(documents, halves, strict=True):
            assert next(half) == expected[document.origin.path][:BLOCK_BYTES]
        del halves, half
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(text, reversed(documents * 2)))
        assert answers == [expected[document.origin.path] for document in reversed(documents * 2)]

    def test_that_are_missing_fail_alone_and_are_not_fetched(
        self, repository: Any, tmp_path: Path, repository_in: Callable[..., Any]
    ) -> None:
        """A partial clone lacks blobs; git would run what the clone's configuration names in order to fetch them."""
        repository.add("a")
        repository.add("b", "other\n")
        repository.commit()
        repository.git("config", "uploadpack.allowFilter", "true")
        clone, marker = tmp_path / "clone", tmp_path / "it-ran"
        url = repository.folder.as_uri()
        subprocess.run(("git", "clone", "--quiet", "--no-checkout", "--filter=blob:none", url, str(clone)), check=True)
        git = ("git", "-C", str(clone))
        subprocess.run((*git, "config", "remote.origin.uploadpack", f"touch '{marker}'; false"), check=True)
        subprocess.run((*git, "hash-object", "-w", "--stdin"), input=b"other\n", check=True, capture_output=True)
        lacking, present = commits(str(clone), "HEAD")
        assert isinstance(lacking, Document)
        assert isinstance(present, Document)
        with pytest.raises(UnreadableError, match="git has no readable copy of it"):
            text(lacking)
        assert text(present) == b"other\n"
        assert not marker.exists()
        subprocess.run((*git, "cat-file", "-p", "HEAD:a"), check=False, capture_output=True)
        assert marker.exists(), "the trap must work"

    def test_that_are_damaged_fail_alone(self, repository: Any) -> None:
        """One bad sector must not hide the rest of a repository."""
        repository.add("a")
        repository.add("b", "other\n")
        name = repository.git("rev-parse", ":a")
        damaged = Path(".git/objects") / name[:2] / name[2:]
        damaged.chmod(0o644)
        damaged.write_bytes(b"nonsense")
        first, second = staged(".")
        assert isinstance(first, Document)
        assert isinstance(second, Document)
        with pytest.raises(UnreadableError):
            text(first)
        assert text(second) == b"other\n"

    @linux
    def test_leave_no_process_behind(self, repository: Any) -> None:
        """A library that is used all day must not collect processes or descriptors."""
        repository.add("a", bytes(BLOCK_BYTES + 1))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            (document,) = staged(".")
            assert isinstance(document, Document)
            next(document.blocks())
            text(document)
            del document
        assert len(os.listdir("/proc/self/fd")) == before
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


class TestFirstCommit:
    def test_is_the_same_on_all_branches_and_in_clones(self, repository: Any, tmp_path: Path) -> None:
        """It salts the fingerprints, so that all runs of a project agree."""
        repository.add("a")
        root = repository.commit()
        repository.git("checkout", "--quiet", "--orphan", "other")
        repository.commit("another root, with\n\nparent 0123 in its message")
        repository.git("checkout", "--quiet", "main")
        repository.git("merge", "--quiet", "--allow-unrelated-histories", "--message", "join", "other")
        subprocess.run(("git", "clone", "--quiet", str(repository.folder), str(tmp_path / "clone")), check=True)
        os.mkdir("sub")
        assert first_commit(".") == first_commit("sub") == first_commit(str(tmp_path / "clone")) == root

    def test_is_unknown_without_commits_and_in_shallow_clones(self, repository: Any, tmp_path: Path) -> None:
        """A shallow clone ends at another commit each day; a salt from it would change every fingerprint."""
        assert first_commit(".") is None
        for _ in range(3):
            repository.commit()
        shallow = str(tmp_path / "shallow")
        subprocess.run(("git", "clone", "--quiet", "--depth=2", repository.folder.as_uri(), shallow), check=True)
        assert first_commit(shallow) is None


def test_paths_start_from_the_top(repository: Any, repository_in: Callable[..., Any], tmp_path: Path) -> None:
    """Excludes are written from a folder of the user's; git's paths can be compared with them only from here."""
    repository.write("src/deep/a")
    here = os.path.realpath(repository.folder)
    assert top(".") == top("src/deep") == top(str(repository.folder / "src")) == here
    os.chdir("src/deep")
    assert top(".") == here
    bare = tmp_path / "bare.git"
    repository_in(bare, "--bare")
    assert top(str(bare)) == os.path.realpath(bare)
    with pytest.raises(GitError, match="not a git repository"):
        top(str(tmp_path))


@pytest.mark.parametrize(
    "ask", [lambda: list(staged(".")), lambda: list(commits(".", "HEAD")), lambda: first_commit(".")]
)
class TestErrors:
    def test_say_that_there_is_no_repository(self, ask: Callable[[], object], tree: Path) -> None:
        """The commonest mistake: the wrong folder."""
        with pytest.raises(GitError, match=r"not a git repository.*: run it inside a repository, or name files"):
            ask()

    def test_say_that_git_is_missing(
        self, ask: Callable[[], object], tree: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Slim containers have none."""
        monkeypatch.setenv("PATH", str(tree))
        with pytest.raises(GitError, match="git is not installed"):
            ask()

    def test_say_what_is_broken(self, ask: Callable[[], object], repository: Any) -> None:
        """A repository that cannot be read must not look like an empty one."""
        repository.add("a")
        repository.commit()
        name = repository.git("rev-parse", "HEAD")
        (Path(".git/objects") / name[:2] / name[2:]).unlink()
        with pytest.raises(GitError, match=r"git [a-z-]+: \S"):
            ask()


def test_a_shallow_clone_says_how_to_get_the_rest(repository: Any, tmp_path: Path) -> None:
    """CI checks out one commit; a range then has no beginning, and the user should be told why."""
    first = repository.commit()
    repository.commit()
    shallow = str(tmp_path / "shallow")
    subprocess.run(("git", "clone", "--quiet", "--depth=1", repository.folder.as_uri(), shallow), check=True)
    with pytest.raises(GitError, match="git fetch --unshallow"):
        list(commits(shallow, f"{first}..HEAD"))


@posix
def test_a_repository_cannot_make_us_run_anything(repository: Any, tmp_path: Path) -> None:
    """Judging a stranger's pull request must be safe, even in a clone whose configuration a stranger wrote."""
    marker, program = tmp_path / "it-ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    program.chmod(0o755)
    repository.add(".gitattributes", "* filter=evil diff=evil\n")
    repository.commit()
    repository.add("a")
    settings = ["core.fsmonitor", "core.pager", "pager.log", "diff.external", "diff.evil.textconv", "diff.evil.command"]
    settings += ["filter.evil.clean", "filter.evil.smudge", "gpg.program", "core.hooksPath"]
    for key in settings:
        repository.git("config", key, str(tmp_path if key == "core.hooksPath" else program))
    repository.git("config", "filter.evil.required", "true")
    repository.git("config", "log.showSignature", "true")
    for hook in ("post-index-change", "reference-transaction"):
        shutil.copy(program, tmp_path / hook)
    repository.git("diff", "--cached")
    assert marker.exists(), "the trap must work"
    marker.unlink()
    assert set(texts(staged("."))) == {"a"}
    assert set(texts(commits(".", "HEAD"))) == {".gitattributes"}
    assert first_commit(".") is not None
    assert not marker.exists()
