from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard.baseline.match import ANYWHERE, Entry, fingerprint
from promptguard.baseline.store import Baseline
from promptguard.errors import BaselineError
from promptguard.model import Finding

Make = Callable[..., Finding]

TODAY = date(2026, 11, 24)
TOMORROW = TODAY + timedelta(1)
YESTERDAY = TODAY - timedelta(1)
SALT = bytes(range(16))
EMPTY = Baseline(SALT, frozenset())


def everywhere(path: str) -> bool:
    return True


def accept(baseline: Baseline, findings: list[Finding], reason: str = "", expires: date | None = None) -> Baseline:
    return baseline.update(findings, reason, expires, today=TODAY, exists=everywhere)


# What a finding is to a baseline: value, path, rule, vendor and line.
SPOTS = st.tuples(
    st.text(max_size=5),
    st.sampled_from(["a.py", "b/a.py", "b\\a.py", "ü.py", "-", "*"]),
    st.sampled_from(["acme-key", "acme-token", "acme-cloud-key", "bolt-key"]),
    st.integers(1, 9),
)


def made(make: Make, spot: tuple[str, str, str, int]) -> Finding:
    value, path, rule, line = spot
    return make(value, path, rule, rule.split("-")[0], line)


def place(finding: Finding) -> tuple[str, str]:
    """The vendor takes no part: rules move between them."""
    return finding.secret.reveal(), finding.origin.path.replace("\\", "/")


@given(st.lists(SPOTS), st.lists(SPOTS))
def test_a_baseline_silences_what_it_was_made_from_and_nothing_else(
    finding: Make, accepted: list[tuple[str, str, str, int]], others: list[tuple[str, str, str, int]]
) -> None:
    """Either way of being wrong ends the trust in it: old noise, or a new key unseen."""
    mine = [made(finding, spot) for spot in accepted]
    matcher = Baseline.create(mine).matcher(TODAY, everywhere)
    known = {place(each) for each in mine}
    for each in (*mine, *(made(finding, spot) for spot in others)):
        assert matcher.accepts(each) is (place(each) in known)


@given(st.lists(SPOTS))
def test_the_same_findings_change_nothing(finding: Make, spots: list[tuple[str, str, str, int]]) -> None:
    """Run twice, a command must not make a difference to commit."""
    findings = [made(finding, spot) for spot in spots]
    baseline = Baseline.create(findings, "known", TOMORROW)
    assert baseline.prune(findings, exists=everywhere) == baseline
    assert accept(baseline, findings, "new reason") == baseline
    matcher = baseline.matcher(TODAY, everywhere)
    assert all(matcher.accepts(each) for each in findings)
    assert list(matcher.unused()) == []


@given(st.lists(SPOTS), st.lists(SPOTS), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(
    finding: Make,
    before: list[tuple[str, str, str, int]],
    after: list[tuple[str, str, str, int]],
    moved: bool,
    random: object,
) -> None:
    """Threads finish in any order, and the file must not tell."""
    old = accept(EMPTY, [made(finding, spot) for spot in before], "old", YESTERDAY)
    findings = [made(finding, spot) for spot in after]
    shuffled = findings.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    updates = [old.update(each, "new", today=TODAY, exists=lambda path: not moved) for each in (findings, shuffled)]
    assert updates[0] == updates[1]
    assert updates[0].prune(findings, exists=everywhere) == updates[0].prune(shuffled, exists=everywhere)


def test_a_new_baseline_has_a_salt_of_its_own(finding: Make) -> None:
    """Two projects' files can't be laid side by side to see which keys they share."""
    one, other = (Baseline.create([finding("hunter2")]) for _ in range(2))
    assert len(one.salt) == 16
    assert one.salt != other.salt
    assert not {entry.fingerprint for entry in one.entries} & {entry.fingerprint for entry in other.entries}


def test_an_update_keeps_reasons_and_adds_what_is_new(finding: Make) -> None:
    """What somebody once decided, and why, is not overwritten by the next one in a hurry."""
    first = accept(EMPTY, [finding("hunter2")], "a test key", TOMORROW)
    second = accept(first, [finding("hunter2"), finding("hunter3")], "in a hurry")
    assert first.entries < second.entries
    assert {entry.reason for entry in second.entries} == {"a test key", "in a hurry"}


@pytest.mark.parametrize(("reason", "expected"), [("", "old"), ("still in use", "still in use")])
def test_an_update_renews_what_has_expired(finding: Make, reason: str, expected: str) -> None:
    """Accepting a finding again is a new decision, with a new last day."""
    old = accept(EMPTY, [finding("hunter2")], "old", YESTERDAY)
    (entry,) = accept(old, [finding("hunter2")], reason, TOMORROW).entries
    assert (entry.reason, entry.expires) == (expected, TOMORROW)


def test_an_update_follows_a_moved_value(finding: Make) -> None:
    """The next move must not need the first path."""
    old = accept(EMPTY, [finding("hunter2", "old.py")], "a test key")
    new = old.update(
        [finding("hunter2", "new.py"), finding("hunter2", "copy.py")], today=TODAY, exists=lambda path: path != "old.py"
    )
    assert {(entry.path, entry.reason) for entry in new.entries} == {
        ("new.py", "a test key"),
        ("copy.py", "a test key"),
    }


def test_an_update_follows_a_renamed_rule_and_serves_both_versions(finding: Make) -> None:
    """A team doesn't upgrade in one moment: who comes second must not bring the old entry back."""
    before, after = finding("hunter2"), finding("hunter2", rule="bolt-key", vendor="bolt")
    old = accept(EMPTY, [before], "a test key")
    new = accept(old, [after])
    (entry,) = new.entries
    assert entry == Entry(
        fingerprint(SALT, "bolt", "hunter2"),
        "src/app.py",
        "bolt-key",
        "a test key",
        replaces=fingerprint(SALT, "acme", "hunter2"),
    )
    assert set(accept(new, [before]).entries) == {replace(entry, rule="acme-api-key")}
    assert new.prune([before], exists=everywhere) == new


def test_an_update_leaves_an_entry_for_anywhere_alone(finding: Make) -> None:
    """It would otherwise be narrowed to the first path that has the value."""
    anywhere = Baseline(SALT, frozenset({Entry(fingerprint(SALT, "acme", "hunter2"), ANYWHERE, "acme-api-key", "why")}))
    assert accept(anywhere, [finding("hunter2", "a.py"), finding("hunter2", "b.py", "acme-token")]) == anywhere


def test_pruning_drops_what_is_gone(finding: Make) -> None:
    """Otherwise the key may come back years later, unseen."""
    kept, gone = finding("hunter2"), finding("hunter3")
    assert accept(EMPTY, [kept, gone]).prune([kept], exists=everywhere) == accept(EMPTY, [kept])


def test_pruning_after_a_scan_of_a_part_leaves_the_rest(finding: Make) -> None:
    """`prune src` must not forget what was accepted under tests."""
    src, tests = finding("hunter2", "src/a.py"), finding("hunter3", "tests/a.py")
    both = accept(EMPTY, [src, tests])
    assert both.prune([], exists=everywhere, covers=lambda path: path.startswith("src/")) == accept(EMPTY, [tests])


def test_pruning_keeps_what_has_expired_but_is_still_there(finding: Make) -> None:
    """Its reason is needed by whoever decides about it again."""
    old = accept(EMPTY, [finding("hunter2")], "until the migration", YESTERDAY)
    assert old.prune([finding("hunter2")], exists=everywhere) == old


HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
ANY_TEXT = st.text(st.characters(), min_size=1)
ENTRIES = st.builds(Entry, HEX, ANY_TEXT, ANY_TEXT, st.text(st.characters()), st.none() | st.dates(), st.none() | HEX)


@given(st.binary(min_size=16, max_size=16), st.frozensets(ENTRIES))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, salt: bytes, entries: frozenset[Entry]
) -> None:
    """Reasons in any language, and paths whose bytes are no text at all."""
    file = tmp_path_factory.getbasetemp() / "baseline"
    Baseline(salt, entries).write(file)
    assert Baseline.read(file) == Baseline(salt, entries)
    assert file.read_bytes().count(b"\n") == 1 + len(entries)


def test_a_file_is_for_people_and_for_git(finding: Make, tmp_path: Path) -> None:
    """One entry a line in a fixed order, readable in review, nothing that changes by itself."""
    findings = [finding("hunter2", "b\\ä.py", line=7), finding("hunter3", "a.py")]
    accept(EMPTY, findings, "für Tests", TOMORROW).write(tmp_path / "baseline")
    one, other = fingerprint(SALT, "acme", "hunter2"), fingerprint(SALT, "acme", "hunter3")
    lines = [
        f'{{"fingerprint":"{one}","path":"b/ä.py","rule":"acme-api-key","reason":"für Tests","expires":"2026-11-25"}}',
        f'{{"fingerprint":"{other}","path":"a.py","rule":"acme-api-key","reason":"für Tests","expires":"2026-11-25"}}',
    ]
    header = '{"schema":"promptguard.baseline/1","salt":"000102030405060708090a0b0c0d0e0f"}'
    assert (tmp_path / "baseline").read_bytes().decode() == "".join(f"{line}\n" for line in (header, *sorted(lines)))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda data: data.replace(b"\n", b"\r\n"), id="Windows line ends"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="byte order mark"),
        pytest.param(lambda data: data.replace(b"\n", b"\n\n") + b"\n  \n", id="empty lines"),
        pytest.param(lambda data: data.rstrip(b"\n"), id="no last line end"),
        pytest.param(lambda data: data + data.split(b"\n")[1] + b"\n", id="a line twice"),
        pytest.param(lambda data: b"\n".join([data.split(b"\n")[0], *data.split(b"\n")[:0:-1]]), id="another order"),
    ],
)
def test_editors_and_merges_leave_it_readable(finding: Make, tmp_path: Path, edit: Callable[[bytes], bytes]) -> None:
    """Git may change line ends, and `merge=union` keeps lines of both sides in any order."""
    file = tmp_path / "baseline"
    baseline = accept(EMPTY, [finding("hunter2"), finding("hunter3"), finding("hunter4", "ü.py")], "known")
    baseline.write(file)
    file.write_bytes(edit(file.read_bytes()))
    assert Baseline.read(file) == baseline


HEADER = '{"schema":"promptguard.baseline/1","salt":"' + "0" * 32 + '"}'
ENTRY = '{"fingerprint":"' + "0" * 32 + '","path":"a.py","rule":"acme-api-key"}'


def test_a_line_written_by_hand_may_leave_out_reason_and_last_day(tmp_path: Path) -> None:
    """The shortest entry that says something is accepted."""
    (tmp_path / "baseline").write_text(f"{HEADER}\n{ENTRY}\n")
    assert Baseline.read(tmp_path / "baseline").entries == {Entry("0" * 32, "a.py", "acme-api-key")}


@pytest.mark.parametrize(
    ("lines", "number", "field", "advice"),
    [
        (["{"], 1, "line", "mend the line"),
        (['["promptguard"]'], 1, "line", "JSON object"),
        (["[" * 100_000], 1, "line", "mend the line"),
        ([ENTRY], 1, "fingerprint", "schema, salt"),
        (['{"schema":"promptguard.baseline/1"}'], 1, "salt", "is missing"),
        (['{"schema":1,"salt":"' + "0" * 32 + '"}'], 1, "schema", "must be text"),
        (['{"schema":"promptguard.baseline/9","salt":"' + "0" * 32 + '"}'], 1, "schema", "upgrade"),
        (['{"schema":"promptguard.baseline/1","salt":"' + "0" * 31 + '"}'], 1, "salt", "32 hexadecimal digits"),
        ([HEADER, "", "not JSON"], 3, "line", "promptguard baseline update"),
        ([HEADER, HEADER], 2, "salt", "two baselines were joined"),
        ([HEADER, "<<<<<<< HEAD"], 2, "line", "keep the entries of both sides"),
        (["<<<<<<< HEAD", HEADER], 1, "line", "keep the entries of both sides"),
        ([HEADER, ENTRY, "======="], 3, "line", "keep the entries of both sides"),
        ([HEADER, ENTRY.replace("rule", "rules")], 2, "rules", "is no field; there are fingerprint, path, rule"),
        ([HEADER, ENTRY.replace('"path":"a.py",', "")], 2, "path", "is missing"),
        ([HEADER, ENTRY.replace("0" * 32, "0" * 31 + "G")], 2, "fingerprint", "32 hexadecimal digits"),
        ([HEADER, ENTRY.replace("0" * 32, "A" * 32)], 2, "fingerprint", "in lower case"),
        ([HEADER, ENTRY.replace('"a.py"', '""')], 2, "path", "* for anywhere"),
        ([HEADER, ENTRY.replace('"a.py"', "7")], 2, "path", "must be a path"),
        ([HEADER, ENTRY.replace("}", ',"reason":null}')], 2, "reason", "must be text"),
        ([HEADER, ENTRY.replace("}", ',"expires":"soon"}')], 2, "expires", "a day such as 2027-01-31"),
        ([HEADER, ENTRY.replace("}", ',"expires":"2027-W01-1"}')], 2, "expires", "a day such as 2027-01-31"),
        ([HEADER, ENTRY.replace("}", ',"expires":"20270131"}')], 2, "expires", "a day such as 2027-01-31"),
        ([HEADER, ENTRY.replace("}", ',"expires":20270131}')], 2, "expires", "a day such as 2027-01-31"),
        ([HEADER, ENTRY.replace("}", ',"replaces":"acme-key"}')], 2, "replaces", "32 hexadecimal digits"),
    ],
)
def test_a_broken_line_is_named_with_its_field_and_what_to_do(
    tmp_path: Path, lines: list[str], number: int, field: str, advice: str
) -> None:
    """Who is woken by a red build reads one line, not the source."""
    file = tmp_path / "baseline"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(BaselineError) as caught:
        Baseline.read(file)
    assert str(caught.value).startswith(f"{file}: line {number}: {field}: ")
    assert advice in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xff\xfe\x00", b"\xff\n"])
def test_what_is_no_baseline_is_refused(tmp_path: Path, data: bytes) -> None:
    """An empty or foreign file must not pass for a baseline that accepts nothing."""
    (tmp_path / "baseline").write_bytes(data)
    with pytest.raises(BaselineError, match="baseline"):
        Baseline.read(tmp_path / "baseline")


def test_a_missing_or_unreadable_file_is_said_to_be_so(tmp_path: Path) -> None:
    """A typing error in the path must not scan without a baseline."""
    with pytest.raises(BaselineError, match="no such baseline; make one with"):
        Baseline.read(tmp_path / "nothing")
    with pytest.raises(BaselineError, match="cannot be read"):
        Baseline.read(tmp_path)


def test_a_file_that_cannot_be_written_stays_as_it_was(finding: Make, tmp_path: Path) -> None:
    """Nothing is left behind, neither half a baseline nor a temporary file."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "child").touch()
    with pytest.raises(BaselineError, match="cannot be written"):
        EMPTY.write(tmp_path / "folder")
    with pytest.raises(BaselineError, match="cannot be written"):
        EMPTY.write(tmp_path / "missing" / "baseline")
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
def test_writing_keeps_mode_and_link(tmp_path: Path) -> None:
    """A baseline that other users' runners read stays readable, and one shared by a link stays shared."""
    shared, link = tmp_path / "shared", tmp_path / "link"
    EMPTY.write(shared)
    assert shared.stat().st_mode & 0o777 == 0o666 & ~current_umask()
    shared.chmod(0o640)
    link.symlink_to(shared)
    Baseline.create([]).write(link)
    assert link.is_symlink()
    assert shared.stat().st_mode & 0o777 == 0o640
    assert Baseline.read(shared) != EMPTY


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_writer_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """CI jobs are cancelled at any moment; this one dies just before the new file would take the old one's place."""
    file = tmp_path / "baseline"
    accepted = Baseline(SALT, frozenset({Entry("0" * 32, "a.py", "acme-api-key")}))
    accepted.write(file)
    program = """
        import os, signal, sys
        from pathlib import Path
        from promptguard.baseline.store import Baseline

        sys.addaudithook(lambda event, args: event == "os.rename" and os.kill(os.getpid(), signal.SIGKILL))
        Baseline.create([]).write(Path(sys.argv[1]))
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(file)], check=False)
    assert ended.returncode == -9
    assert Baseline.read(file) == accepted
    accepted.write(file)  # what it left behind is in nobody's way


def test_whoever_reads_while_others_write_sees_a_whole_file(tmp_path: Path) -> None:
    """Two jobs may share a folder; the last one to write wins."""
    file = tmp_path / "baseline"
    versions = {
        Baseline(SALT, frozenset(Entry(f"{number:032x}", "a.py", "acme-api-key") for number in range(size)))
        for size in (0, 50, 400)
    }
    EMPTY.write(file)

    def write(version: Baseline) -> None:
        for _ in range(20):
            version.write(file)

    writers = [threading.Thread(target=write, args=(version,)) for version in versions]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert Baseline.read(file) in versions
    assert [each.name for each in tmp_path.iterdir()] == ["baseline"]


class Repository:
    """A git repository with a baseline, to try what git makes of two people's changes."""

    def __init__(self, folder: Path, accepted: int) -> None:
        folder.mkdir()
        self.file = folder / "baseline"
        self._folder = folder
        self.git("init", "-q", "-b", "main")
        self.commit(Baseline(SALT, frozenset(entries("old", accepted))))

    def git(self, *arguments: str) -> int:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, check=False).returncode

    def commit(self, baseline: Baseline) -> None:
        baseline.write(self.file)
        self.git("add", ".")
        assert self.git("commit", "-q", "-m", "accept") == 0

    def branch(self, name: str, added: list[Entry]) -> None:
        self.git("checkout", "-q", "-b", name, "main")
        old = Baseline.read(self.file)
        self.commit(replace(old, entries=old.entries | set(added)))


def entries(kind: str, count: int) -> list[Entry]:
    values = [f"{kind} {number}" for number in range(count)]
    return [Entry(fingerprint(SALT, "acme", value), "src/app.py", "acme-api-key") for value in values]


def test_two_branches_seldom_conflict(tmp_path: Path) -> None:
    """A conflict on every pull request is why people stop using baselines."""
    clean = 0
    for attempt in range(10):
        repository = Repository(tmp_path / str(attempt), 40)
        mine, yours = entries(f"mine {attempt}", 2), entries(f"yours {attempt}", 2)
        repository.branch("mine", mine)
        repository.branch("yours", yours)
        if repository.git("merge", "-q", "--no-edit", "mine") == 0:
            clean += 1
            merged = Baseline.read(repository.file)
            assert merged.entries == {*entries("old", 40), *mine, *yours}
    assert clean >= 7


def test_with_union_two_branches_never_conflict(tmp_path: Path) -> None:
    """One line in `.gitattributes` is all it takes, because lines may come in any order and twice."""
    repository = Repository(tmp_path / "repository", 1)
    (tmp_path / "repository" / ".gitattributes").write_text("baseline merge=union\n")
    mine, yours, both = entries("mine", 5), entries("yours", 5), entries("both", 3)
    repository.commit(Baseline.read(repository.file))
    repository.branch("mine", mine + both)
    repository.branch("yours", yours + both)
    assert repository.git("merge", "-q", "--no-edit", "mine") == 0
    assert Baseline.read(repository.file).entries == {*entries("old", 1), *mine, *yours, *both}
