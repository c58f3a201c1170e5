"""The wiring as a library: a scanner, many documents, threads, and what a finding tells."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import random
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptguard import guard
from promptguard.config import Configuration
from promptguard.errors import BaselineError, ConfigurationError, PromptguardError, UnreadableError
from promptguard.model import BLOCK_BYTES, Confidence, Document, Finding, Origin, Secret, Severity, Skipped
from promptguard.rules import shipped
from promptguard.rules.generate import secret_of
from promptguard.rules.load import load, read

SALT = b"of the tests"

NOBODY = 65534


@pytest.fixture(scope="module", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled rules and the key are not those of whoever runs the tests; the rules are shared with other modules."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMPTGUARD_CACHE", str(root / "promptguard-cache"))
        patch.setenv("XDG_STATE_HOME", str(root / "promptguard-state"))
        patch.delenv("PROMPTGUARD_KEY", raising=False)
        yield


@pytest.fixture(scope="module")
def scanner() -> guard.Scanner:
    return guard.scanner(salt=lambda: SALT)


@pytest.fixture(scope="module")
def credential() -> Callable[[], str]:
    """Makes another value each time."""
    rules = load(read(shipped.folder() / "github.yaml")).by_id
    rng = random.Random("credentials of the tests")
    return lambda: secret_of(rules["github-pat"], rng, rules)


def found(run: guard.ScanRun) -> list[tuple[str, int]]:
    return [(finding.origin.path, finding.line) for finding in run.findings]


@pytest.fixture(scope="module")
def value(credential: Callable[[], str]) -> str:
    return credential()


@pytest.fixture(scope="module")
def finding(scanner: guard.Scanner, value: str) -> Finding:
    (only,) = scanner.scan(Document.of(f"# 鍵🔑\r\n\tTOKEN = '{value}'  # of the bot\r\n", "src/app.py"))
    return only


class TestAFinding:
    def test_says_where(self, finding: Finding, value: str) -> None:
        """Whoever reads it must be able to go there, in characters as editors count them."""
        start = len("# 鍵🔑\r\n\tTOKEN = '")
        assert finding.origin == Origin("src/app.py")
        assert (finding.start, finding.end) == (start, start + len(value))
        assert (finding.line, finding.column) == (2, 11)
        assert (finding.end_line, finding.end_column) == (2, 11 + len(value))

    def test_says_what(self, finding: Finding) -> None:
        """Whoever reads it must know what to revoke, how bad it is, and where to go."""
        assert (finding.rule, finding.vendor) == ("github-pat", "github")
        assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.HIGH)
        assert 0.8 <= finding.score <= 1
        assert finding.rule_version >= 1
        assert (finding.rotate or "").startswith("https://")
        assert all((finding.rule_name, finding.why))

    def test_says_why(self, finding: Finding) -> None:
        """A score without reasons cannot be argued with."""
        assert [item.kind for item in finding.evidence] == ["checksum"]
        assert finding.evidence[0].weight > 0

    def test_has_a_fingerprint_that_depends_on_key_and_value_alone(
        self, finding: Finding, scanner: guard.Scanner, value: str, credential: Callable[[], str]
    ) -> None:
        """It must survive moves, and must not let a stranger test guesses."""
        (moved,) = scanner.scan(Document.of(f"elsewhere {value}", "other.txt"))
        (other,) = scanner.scan(credential())
        (keyed,) = guard.scanner(salt=lambda: b"another").scan(value)
        assert moved.fingerprint == finding.fingerprint
        assert len({finding.fingerprint, other.fingerprint, keyed.fingerprint}) == 3
        assert len(finding.fingerprint) == 32

    def test_masks_the_value_in_its_line(self, finding: Finding, value: str) -> None:
        """The line is what people recognise."""
        assert value not in finding.excerpt
        assert finding.excerpt.startswith("\tTOKEN = '")
        assert finding.excerpt.endswith("'  # of the bot")

    def test_shows_the_prefix_of_its_kind_in_its_line(self, finding: Finding) -> None:
        """Reports look for the redacted value in the line to colour it."""
        assert finding.redacted == "ghp_****"
        assert finding.redacted in finding.excerpt

    def test_hands_out_the_value_on_request_alone(self, finding: Finding, value: str) -> None:
        """`reveal` is easy to find in a review."""
        assert finding.secret.reveal() == value
        assert value not in repr(finding)
        assert value not in str(finding)
        assert value not in f"{finding.secret} {finding.secret!r} {finding.secret:>60}"
        assert value not in str(vars(logging.makeLogRecord({"msg": "%s", "args": (finding,)})))

    def test_does_not_leave_the_process_by_accident(self, finding: Finding) -> None:
        """A pickle in a queue or a cache is a leak."""
        with pytest.raises(TypeError):
            pickle.dumps(finding)
        with pytest.raises(TypeError):
            copy.deepcopy(finding.secret)

    def test_can_be_changed_into_another_only(self, finding: Finding) -> None:
        """Threads share it."""
        with pytest.raises(AttributeError):
            finding.line = 3  # type: ignore[misc]
        assert replace(finding, line=3).line == 3

    def test_keeps_the_value_out_of_tracebacks(self, finding: Finding, value: str) -> None:
        """Which are logged with the values of local variables by more than one tool."""
        try:
            raise PromptguardError(f"{finding}")
        except PromptguardError as error:
            told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert value not in told.replace(f"value = {value!r}", "")  # the test's own name for it


def test_secrets_are_equal_by_their_text() -> None:
    """So that sets of them can be made without revealing any."""
    assert {Secret("a b"), Secret("a b"), Secret("a\ud800")} == {Secret("a\ud800"), Secret("a b")}
    assert Secret("a") != "a"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, credential: Callable[[], str]) -> list[tuple[str, int]]:
    """Some hundred files in the current folder; the places of their credentials, in the order of their paths."""
    monkeypatch.chdir(tmp_path)
    places = []
    for number in range(300):
        file = Path(f"{number % 7}/{number:03}.py")
        file.parent.mkdir(exist_ok=True)
        lines = ["x = 1"] * (number % 20)
        for line in range(0, len(lines), 5):
            lines[line] = f"k = '{credential()}'"
            places.append((file.as_posix(), line + 1))
        file.write_text("\n".join(lines))
    (tmp_path / "3/binary").write_bytes(b"\x7fELF\0\1\0\0\0\3")
    return sorted(places)


class TestScan:
    def test_tells_findings_in_the_order_of_paths_and_lines(
        self, scanner: guard.Scanner, tree: list[tuple[str, int]]
    ) -> None:
        """Two reports of one tree can be compared line by line."""
        assert found(guard.scan(guard.files(["."], Configuration(Path())), scanner)) == tree

    def test_tells_the_same_whatever_the_number_of_threads(
        self, scanner: guard.Scanner, tree: list[tuple[str, int]]
    ) -> None:
        """A laptop and a build server must agree."""
        runs = [guard.scan(guard.files(["."], Configuration(Path())), scanner, jobs=jobs) for jobs in (1, 2, 4, 16)]
        first, *others = [list(run.findings) for run in runs]
        assert first
        assert all(other == first for other in others)
        one, *more = [replace(run.summary(), seconds=0.0) for run in runs]
        assert one.skipped == (Skipped(Origin("3/binary"), "binary"),)
        assert all(summary == one for summary in more)

    def test_a_scanner_serves_threads_at_the_same_time(
        self, scanner: guard.Scanner, credential: Callable[[], str]
    ) -> None:
        """A server has one scanner and many requests."""
        texts = [f"{'x ' * 50_000}{credential()}" for _ in range(8)]
        answers: dict[int, list[str]] = {}

        def look(number: int) -> None:
            for _ in range(10):
                answers[number] = [finding.secret.reveal() for finding in scanner.scan(texts[number])]

        threads = [threading.Thread(target=look, args=(number,)) for number in range(len(texts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answers[number] for number in range(len(texts))] == [[text[-40:]] for text in texts]

    @pytest.mark.parametrize("jobs", [1, 4])
    def test_goes_on_after_what_cannot_be_read(
        self, scanner: guard.Scanner, credential: Callable[[], str], jobs: int
    ) -> None:
        """One broken file must not hide the others."""

        def broken() -> Iterator[bytes]:
            yield b"clean"
            raise UnreadableError("the disk is gone")

        documents = [
            Document.of(credential(), "a"),
            Document(Origin("b"), broken),
            Skipped(Origin("c"), "asleep"),
            *(Document.of("clean", f"d{number:03}") for number in range(100)),
            Document.of(credential(), "e"),
        ]
        run = guard.scan(documents, scanner, jobs=jobs)
        assert found(run) == [("a", 1), ("e", 1)]
        summary = run.summary()
        assert summary.skipped == (Skipped(Origin("b"), "the disk is gone"), Skipped(Origin("c"), "asleep"))
        assert (summary.documents, summary.findings) == (102, 2)

    def test_tells_what_was_found_before_a_document_broke(
        self, scanner: guard.Scanner, credential: Callable[[], str]
    ) -> None:
        """A disk that fails after gigabytes must not take the findings with it."""

        def broken() -> Iterator[bytes]:
            yield f"{credential()}\n".encode()
            yield from (b" " * BLOCK_BYTES for _ in range(3))
            raise UnreadableError("the disk is gone")

        assert found(guard.scan([Document(Origin("a"), broken)], scanner)) == [("a", 1)]

    @pytest.mark.parametrize("jobs", [1, 4])
    def test_an_error_of_the_source_comes_through(self, scanner: guard.Scanner, jobs: int) -> None:
        """A scan that could not go on must not look finished."""

        def documents() -> Iterator[Document]:
            yield from (Document.of("clean", str(number)) for number in range(200))
            raise PromptguardError("no more")

        with pytest.raises(PromptguardError, match="no more"):
            list(guard.scan(documents(), scanner, jobs=jobs).findings)

    def test_reads_no_further_than_it_is_asked(self, scanner: guard.Scanner, credential: Callable[[], str]) -> None:
        """A stream of documents without an end can be scanned, and left."""
        taken = 0

        def endless() -> Iterator[Document]:
            nonlocal taken
            while True:
                taken += 1
                yield Document.of(credential(), str(taken))

        run = guard.scan(endless(), scanner, jobs=2)
        next(run.findings)
        assert taken < 1000
        run.findings.close()  # type: ignore[attr-defined]

    def test_of_nothing_is_empty(self, scanner: guard.Scanner) -> None:
        """An empty commit is a commit."""
        run = guard.scan([], scanner, jobs=4)
        assert list(run.findings) == []
        assert run.summary().documents == 0

    def test_counts_bytes_as_they_are_looked_at(self, scanner: guard.Scanner) -> None:
        """A progress bar has to show something."""
        run = guard.scan([Document.of("x" * 1000, "a"), Document.of(b"y" * 500, "b")], scanner)
        assert run.looked_at == (0, 0)
        assert list(run.findings) == []
        assert run.looked_at == (2, 1500)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX users")
def test_what_may_not_be_entered_or_read_is_named(
    scanner: guard.Scanner, credential: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is locked is not called clean, and the rest is looked at."""
    text = credential()
    assert scanner.scan(text)  # so that nothing has to be imported by somebody who may not
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are for their owner alone
        os.chmod(name, 0o755)
        monkeypatch.chdir(name)
        for file in ("a.py", "locked.py", "z.py"):
            Path(file).write_text(text)
        os.chmod("locked.py", 0)
        os.mkdir("locked", 0)

        def ask() -> object:
            run = guard.scan(guard.files(["."], Configuration(Path())), scanner)
            return [found(run), [(item.origin.path, item.reason) for item in run.summary().skipped]]

        findings, skipped = as_nobody(ask)
        monkeypatch.undo()
    assert findings == [["a.py", 1], ["z.py", 1]]
    assert sorted(skipped) == [["locked", "permission denied"], ["locked.py", "permission denied"]]


def as_nobody(ask: Callable[[], object]) -> Any:
    """Runs a function in a child that is not root, and returns what it returned as JSON."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(theirs, json.dumps(ask()).encode())
        finally:
            os._exit(0)  # nothing of the test run may be finished twice
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return json.loads(said)


class TestMinimum:
    WEAK = 'password = "winterwonder"\n'

    def test_leaves_out_what_is_weaker(self, scanner: guard.Scanner) -> None:
        """Reporting and sanitizing act on one score, at two points."""
        weak = [Document.of(self.WEAK, "a")]
        assert found(guard.scan(weak, scanner)) == []
        assert found(guard.scan(weak, scanner, minimum=Confidence.LOW)) == [("a", 1)]


class TestInline:
    def test_comments_are_heeded_unless_told_not_to(
        self, scanner: guard.Scanner, credential: Callable[[], str]
    ) -> None:
        """Text from outside must not open the gate where the caller says so."""
        documents = [Document.of(f"{credential()} # promptguard:allow", "a")]
        heeding = guard.scan(documents, scanner)
        assert (found(heeding), heeding.summary().allowed) == ([], 1)
        assert found(guard.scan(documents, scanner, inline=False)) == [("a", 1)]

    def test_a_comment_for_the_file_below_the_secret_counts(
        self, scanner: guard.Scanner, credential: Callable[[], str]
    ) -> None:
        """It may stand on any of the first lines."""
        text = f"{credential()}\r\n\r\n# promptguard:allow-file\r\n{credential()}"
        assert found(guard.scan([Document.of(text, "a")], scanner)) == []

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(cuts=st.lists(st.integers(0, 60_000), max_size=6), gap=st.integers(0, 20_000))
    def test_however_a_document_is_cut(
        self, scanner: guard.Scanner, credential: Callable[[], str], cuts: Sequence[int], gap: int
    ) -> None:
        """A disk, a pipe and git hand out blocks of different sizes, and an answer must not depend on it."""
        filler = "ab " * (gap // 3)
        text = f"{filler}\n{credential()}{filler} promptguard:allow\n{filler}{credential()}\n{filler}{credential()}"
        data = text.encode()
        edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
        blocks = [data[start:end] for start, end in pairwise(edges)]
        whole = guard.scan([Document.of(data, "a")], scanner)
        parts = guard.scan([Document(Origin("a"), lambda: iter(blocks))], scanner)
        ours, theirs = list(whole.findings), list(parts.findings)
        assert [asdict_without_secret(finding) for finding in ours] == list(map(asdict_without_secret, theirs))
        assert [finding.line for finding in ours] == [3, 4] if gap <= 16_000 else len(ours) in (2, 3)


def asdict_without_secret(finding: Finding) -> dict[str, object]:
    """A finding's fields, to be compared."""
    return asdict(replace(finding, secret=None))  # type: ignore[arg-type]


class TestProjectScanner:
    def test_has_the_users_own_key_where_there_is_nothing_shared(
        self, tmp_path: Path, credential: Callable[[], str]
    ) -> None:
        """Two scans by one person agree."""
        value = credential()
        first, second = (
            guard.project_scanner(Configuration(tmp_path), [], None).scan(value)[0].fingerprint for _ in range(2)
        )
        assert first == second == guard.Scanner.default().scan(value)[0].fingerprint

    def test_has_the_projects_salt(self, tmp_path: Path, credential: Callable[[], str]) -> None:
        """A whole team agrees."""
        value = credential()
        salted = Configuration(tmp_path, salt="sixteen letters at least")
        (finding,) = guard.project_scanner(salted, [], None).scan(value)
        (other,) = guard.project_scanner(Configuration(tmp_path), [], None).scan(value)
        assert finding.fingerprint != other.fingerprint

    def test_asks_for_no_key_before_there_is_a_finding(self, credential: Callable[[], str]) -> None:
        """A clean scan runs where nothing can be written."""
        asked: list[bytes] = []

        def salt() -> bytes:
            asked.append(SALT)
            return SALT

        scanner = guard.scanner(salt=salt)
        assert (scanner.scan("clean"), asked) == ([], [])
        assert len(scanner.scan(f"{credential()}\n{credential()}")) == 2
        assert asked == [SALT]

    def test_says_what_to_do_where_there_can_be_no_key(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, credential: Callable[[], str]
    ) -> None:
        """In a container the home folder may be anything: a line that tells the way out, not a crash."""
        (tmp_path / "state").write_text("a file in the folder's place")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        scanner = guard.project_scanner(Configuration(tmp_path), [], None)
        with pytest.raises(ConfigurationError, match="PROMPTGUARD_KEY"):
            scanner.scan(credential())

    def test_says_that_a_baseline_is_missing(self, tmp_path: Path) -> None:
        """Before anything is scanned."""
        with pytest.raises(BaselineError, match="no such baseline"):
            guard.accepted(Configuration(tmp_path), tmp_path / "nowhere")


class TestCache:
    @pytest.mark.slow
    def test_that_is_damaged_means_compiling_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A convenience must not decide what is found."""
        monkeypatch.setenv("PROMPTGUARD_CACHE", str(tmp_path / "cache"))
        first = guard.compiled_rules()
        (kept,) = (tmp_path / "cache").iterdir()
        kept.write_bytes(kept.read_bytes()[:-1000])
        assert guard.compiled_rules().to_bytes() == first.to_bytes()

    def test_means_that_the_second_start_compiles_nothing(self, scanner: guard.Scanner) -> None:
        """Hooks start all day: a start takes a hundredth of what compiling does."""
        began = time.process_time()
        again = guard.compiled_rules()
        assert time.process_time() - began < 1
        assert len(again.rules) == len(scanner.compiled.rules)
