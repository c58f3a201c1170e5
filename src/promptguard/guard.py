"""The wiring: rules, cache, engine, sources and baseline put together, for the command line and for people who want one
import.

The one rule: this is the only module that knows everybody. It decides nothing about text; it hands collaborators to
those who do.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from promptguard.baseline.inline import MARKERS, Directives
from promptguard.baseline.match import fingerprint
from promptguard.cache import Cache, key_of
from promptguard.engine.compiled import FIELDS, CompiledRules
from promptguard.engine.prefilter import check_database
from promptguard.engine.scanner import Scanner as _Scanner
from promptguard.errors import GitError, RuleError, UnreadableError
from promptguard.model import Confidence, Document, Finding, Skipped, Summary
from promptguard.rules import shipped
from promptguard.version import VERSION

if TYPE_CHECKING:
    from concurrent.futures import Future
    from datetime import date

    from promptguard.baseline.match import Entry as BaselineEntry
    from promptguard.baseline.match import Matcher
    from promptguard.baseline.store import Baseline
    from promptguard.config import Configuration
    from promptguard.rules.check import Look
    from promptguard.rules.load import Entry, Ruleset
    from promptguard.rules.schema import Rule

VOCABULARY = Path(__file__).parent / "engine" / "evidence" / "cl100k_base.tiktoken"

BATCH = 32
"""Documents that a worker takes at a time: handing over each alone would cost more than looking at it."""


class Scanner(_Scanner):
    """Finds credentials in text and documents. Safe to share between threads."""

    @classmethod
    def default(cls) -> Scanner:
        """With the shipped rules; fingerprints are keyed with the user's own key."""
        return scanner()


def scanner(rule_folders: Sequence[Path] = (), *, salt: Callable[[], bytes] | None = None) -> Scanner:
    """A scanner for the shipped rules and those of more folders or files. Raises `RuleError`.

    `salt` is asked for on the first finding; left out, fingerprints are keyed with the user's own key.
    """
    salt_once = cache(salt or _user_key)
    return Scanner(
        compiled_rules(tuple(rule_folders)),
        VOCABULARY.read_bytes,
        lambda vendor, value: fingerprint(salt_once(), vendor, value),
    )


def _user_key() -> bytes:
    from promptguard.key import user_key

    return user_key()


def compiled_rules(rule_folders: tuple[Path, ...] = ()) -> CompiledRules:
    """From the cache, or compiled now. Raises `RuleError` for what is wrong with a rule, or with its examples."""
    store = Cache.of_user()
    key = key_of(_rule_files(rule_folders), *FIELDS, *MARKERS, *_versions())
    if data := store.get(key):
        try:
            compiled = CompiledRules.from_bytes(data)
            check_database(compiled.database)
        except ValueError:
            pass  # damaged: compile again
        else:
            return compiled
    compiled = _compiled_anew(rule_folders)
    store.put(key, compiled.to_bytes())
    return compiled


def _versions() -> tuple[str, ...]:
    from importlib import import_module

    engine = import_module("hyperscan._version")  # the package's own stubs do not know its version
    # Installed files may all carry one date, so the version says what their times do not.
    return (VERSION, str(engine.__version__), str(Path(__file__).stat().st_mtime_ns))


def _rule_files(folders: Iterable[Path]) -> list[Path | os.DirEntry[str]]:
    return [file for place in (shipped.folder(), *folders) for file in _files_at(place)]


def _files_at(place: Path) -> list[Path | os.DirEntry[str]]:
    """Raises `RuleError` where there is nothing: a folder that was asked for must not be passed over."""
    if place.is_file():
        return [place]
    try:
        with os.scandir(place) as entries:
            found: list[Path | os.DirEntry[str]] = [entry for entry in entries if entry.name.endswith(".yaml")]
    except OSError as error:
        raise RuleError(str(place), None, None, "no such file or folder") from error
    if not found:
        raise RuleError(str(place), None, None, "holds no *.yaml rule file")
    return found


def _compiled_anew(rule_folders: tuple[Path, ...]) -> CompiledRules:
    from promptguard.engine.compile import compile_rules

    loaded = ruleset(rule_folders)
    compiled = compile_rules(loaded, MARKERS)
    own = [entry for entry in loaded.entries if not entry.trusted]
    for problem in check_rules(own, loaded, compiled):
        raise problem
    return compiled


def ruleset(rule_folders: Iterable[Path] = ()) -> Ruleset:
    """The shipped rules and those of more folders or files. Raises `RuleError`."""
    from promptguard.rules.load import load, read

    sources = read(shipped.folder(), trusted=True)
    for folder in rule_folders:
        sources += read(folder, trusted=folder == shipped.extended())
    return load(sources)


def check_rules(
    entries: Iterable[Entry], loaded: Ruleset, compiled: CompiledRules | None = None
) -> Iterator[Exception]:
    """What is wrong with the examples of these entries, as `RuleError`s."""
    from promptguard.engine.compile import compile_rules
    from promptguard.rules.check import check

    looker = _Looker(compiled or compile_rules(loaded))
    return check(entries, loaded.by_id, looker.look)


class _Looker:
    """What one rule on its own makes of a text, whatever other rules say."""

    def __init__(self, compiled: CompiledRules) -> None:
        self._scanner = Scanner(compiled, VOCABULARY.read_bytes, lambda vendor, value: "")

    def look(self, rule: Rule, text: str) -> Look:
        from promptguard.rules.check import Look

        data = text.encode()
        hits = self._scanner.hits(data)
        scan, stream = (
            max(
                (
                    match.score
                    for match in self._scanner.confirmed(data, hits, 0, len(data), profile, None)
                    if match.rule.id == rule.id
                ),
                default=0.0,
            )
            for profile in ("scan", "stream")
        )
        return Look(is_reported=scan >= Confidence.MEDIUM.threshold, is_redacted=stream >= Confidence.LOW.threshold)


@dataclass(slots=True)
class ScanRun:
    """One scan: `findings` drives it, `summary` tells how it went once they are exhausted (or so far)."""

    findings: Iterator[Finding]
    _tally: _Tally

    @property
    def paths(self) -> set[str]:
        """Of the documents that were looked at to their end."""
        return self._tally.paths

    def summary(self) -> Summary:
        return self._tally.summary()

    @property
    def looked_at(self) -> tuple[int, int]:
        """Documents and bytes so far, for a progress bar."""
        return self._tally.documents, self._tally.bytes


def scan(
    documents: Iterable[Document | Skipped],
    scanner: _Scanner,
    *,
    minimum: Confidence = Confidence.MEDIUM,
    jobs: int = 1,
    inline: bool = True,
    accepted: Accepted | None = None,
) -> ScanRun:
    """Looks at every document, in order, on `jobs` threads.

    `inline` honours allow comments; `accepted` is the baseline's say. What can't be read is named in the summary, and
    the rest goes on.
    """
    tally = _Tally(accepted)
    look = _Looking(scanner, minimum, inline)
    return ScanRun(_findings(_outcomes(_batches(documents), look, jobs), tally), tally)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one document."""

    path: str
    findings: list[Finding]
    size: int = 0
    allowed: int = 0
    unused: list[str] = field(default_factory=list)
    skipped: Skipped | None = None


@dataclass(frozen=True, slots=True)
class _Looking:
    """How a document is looked at; runs in worker threads."""

    scanner: _Scanner
    minimum: Confidence
    inline: bool

    def __call__(self, batch: list[Document | Skipped]) -> list[_Outcome]:
        return [self._outcome(item) for item in batch]

    def _outcome(self, item: Document | Skipped) -> _Outcome:
        if isinstance(item, Skipped):
            return _Outcome(item.origin.path, [], skipped=item)
        size, allowed, kept = 0, 0, list[Finding]()
        directives: Directives | None = None
        try:
            for part in self.scanner.parts(item, minimum=self.minimum):
                size += part.size
                if part.markers and self.inline:
                    directives = directives or Directives()
                    for marker in part.markers:
                        directives.add(marker.line, marker.text, begins=marker.begins, ends=marker.ends)
                for finding in part.findings:
                    if directives and directives.allows(finding.rule, finding.line, finding.end_line):
                        allowed += 1
                    else:
                        kept.append(finding)
        except UnreadableError as error:
            return _Outcome(item.origin.path, kept, size, allowed, skipped=Skipped(item.origin, error.reason))
        unused = [f"{item.origin.path}:{line}: {text}" for line, text in directives.unused()] if directives else []
        return _Outcome(item.origin.path, kept, size, allowed, unused)


class _Tally:
    """Counts what one scan does; touched by the consuming thread alone."""

    def __init__(self, accepted: Accepted | None) -> None:
        self._accepted = accepted
        self._began = time.monotonic()
        self.documents = self.bytes = self._findings = self._allowed = 0
        self.paths: set[str] = set()
        self._skipped: list[Skipped] = []
        self._unused: list[str] = []

    def count(self, outcome: _Outcome) -> Iterator[Finding]:
        """The outcome's findings that are to be reported."""
        self.bytes += outcome.size
        self._allowed += outcome.allowed
        self._unused += outcome.unused
        if outcome.skipped:
            self._skipped.append(outcome.skipped)
        else:
            self.documents += 1
            self.paths.add(outcome.path)
        for finding in outcome.findings:
            if self._accepted and self._accepted.accepts(finding):
                self._allowed += 1
            else:
                self._findings += 1
                yield finding

    def summary(self) -> Summary:
        unused = [*self._unused, *(self._accepted.unused(self.paths) if self._accepted else ())]
        return Summary(
            documents=self.documents,
            bytes=self.bytes,
            seconds=time.monotonic() - self._began,
            findings=self._findings,
            allowed=self._allowed,
            skipped=tuple(self._skipped),
            unused=tuple(unused),
        )


def _findings(outcomes: Iterable[_Outcome], tally: _Tally) -> Iterator[Finding]:
    for outcome in outcomes:
        yield from tally.count(outcome)


def _batches(documents: Iterable[Document | Skipped]) -> Iterator[list[Document | Skipped]]:
    iterator = iter(documents)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _outcomes(batches: Iterator[list[Document | Skipped]], look: _Looking, jobs: int) -> Iterator[_Outcome]:
    """In the order of the documents. Threads are started only when there is more than one batch."""
    first = next(batches, [])
    second = next(batches, None) if jobs > 1 else None
    if second is None:
        for batch in chain([first], batches):
            yield from look(batch)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(jobs, "promptguard") as pool:
        running: deque[Future[list[_Outcome]]] = deque()
        try:
            for batch in chain([first, second], batches):
                running.append(pool.submit(look, batch))
                if len(running) > 2 * jobs:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def project_scanner(configuration: Configuration, rule_folders: Sequence[Path], baseline: Path | None) -> Scanner:
    """A scanner for a project: its rules and the given ones, fingerprints keyed as the whole team has them.

    The key is the baseline's salt, else the configuration's, else the repository's first commit, else the user's own.
    """
    return scanner((*configuration.rules, *rule_folders), salt=partial(_salt, configuration, baseline))


def _salt(configuration: Configuration, baseline: Path | None) -> bytes:
    if file := baseline or configuration.baseline:
        from promptguard.baseline.store import Baseline

        return Baseline.read(file).salt
    if configuration.salt:
        return configuration.salt.encode()
    return _first_commit(configuration.root) or _user_key()


def _first_commit(folder: Path) -> bytes | None:
    from promptguard.sources.git import first_commit

    try:
        commit = first_commit(str(folder))
    except GitError:
        return None  # no repository, or no git: the user's key will do
    return commit.encode() if commit else None


def accepted(configuration: Configuration, baseline: Path | None) -> Accepted | None:
    """What the project's baseline accepts today; None where there is no baseline. Raises `BaselineError`."""
    file = baseline or configuration.baseline
    if file is None:
        return None
    from datetime import date

    from promptguard.baseline.store import Baseline

    return Accepted(Baseline.read(file).matcher(date.today(), partial(_exists, file.parent)), file.parent)


def _exists(folder: Path, path: str) -> bool:
    return os.path.lexists(os.path.join(folder, path))


class Accepted:
    """A baseline's matcher for one scan: its paths are relative to the baseline's folder, findings' to this one."""

    def __init__(self, matcher: Matcher, folder: Path) -> None:
        self._matcher, self._folder = matcher, folder

    def accepts(self, finding: Finding) -> bool:
        return self._matcher.accepts(rebased(finding, self._folder))

    def unused(self, paths: Iterable[str]) -> Iterator[str]:
        """Entries that were of no use, for the documents at these paths."""
        seen = {relative_to(self._folder, path) for path in paths}
        yield from (f"{entry} (expired)" for entry in self._matcher.expired())
        yield from map(str, self._matcher.unused(seen.__contains__))


def rebased(finding: Finding, folder: Path) -> Finding:
    """The finding with its path relative to a folder."""
    return replace(finding, origin=replace(finding.origin, path=relative_to(folder, finding.origin.path)))


def relative_to(folder: Path, path: str) -> str:
    """A path of this working folder as seen from another one, with `/` on every system."""
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive
        return path


def create_baseline(
    file: Path, run: ScanRun, reason: str = "", expires: date | None = None, others: Sequence[Path] = ()
) -> Iterator[str]:
    """A new baseline of a scan's findings, or of those that other tools' files accept; says what it did."""
    from promptguard.baseline import importers
    from promptguard.baseline.store import Baseline

    found = _rebased_findings(run, file)
    taken_over = [importers.accepted(other) for other in others]
    if taken_over:
        # Each file is asked about each finding, so that it knows in the end what it met.
        verdicts = [[accepts(finding) for accepts in taken_over] for finding in found]
        found = [finding for finding, said in zip(found, verdicts, strict=True) if any(said)]
    made = Baseline.create(found, reason, expires)
    made.write(file)
    yield f"{file}: {len(made.entries)} entries for {len(found)} findings"
    for other, accepts in zip(others, taken_over, strict=True):
        yield from (f"{other}: accepts what was not found: {label}" for label in accepts.unmatched())
    yield from _not_looked_at(run)


def update_baseline(file: Path, run: ScanRun, reason: str = "", expires: date | None = None) -> Iterator[str]:
    """Accepts a scan's findings too; says what it did."""
    from datetime import date as today

    from promptguard.baseline.store import Baseline

    old = Baseline.read(file)
    found = _rebased_findings(run, file)
    new = old.update(found, reason, expires, today=today.today(), exists=partial(_exists, file.parent))
    yield from _written(file, old.entries, new)
    yield from _not_looked_at(run)


def prune_baseline(file: Path, run: ScanRun) -> Iterator[str]:
    """Drops the entries for documents of this scan that none of its findings needs; says what it did."""
    from promptguard.baseline.store import Baseline

    old = Baseline.read(file)
    found = _rebased_findings(run, file)
    seen = {relative_to(file.parent, path) for path in run.paths}
    gone = partial(_exists, file.parent)
    new = old.prune(found, exists=gone, covers=lambda path: path in seen or not gone(path))
    yield from _written(file, old.entries, new)
    yield from _not_looked_at(run)


def _rebased_findings(run: ScanRun, file: Path) -> list[Finding]:
    return [rebased(finding, file.parent) for finding in run.findings]


def _written(file: Path, before: frozenset[BaselineEntry], new: Baseline) -> Iterator[str]:
    new.write(file)
    yield f"{file}: {len(new.entries)} entries, {len(new.entries - before)} new, {len(before - new.entries)} dropped"


def _not_looked_at(run: ScanRun) -> Iterator[str]:
    return (f"skipped {item.origin.path}: {item.reason}" for item in run.summary().skipped)


def files(paths: Iterable[str], configuration: Configuration, *, ignore: bool = True) -> Iterator[Document | Skipped]:
    """Files and everything below folders; see `sources.files`."""
    from promptguard.sources.files import files

    return files(paths, ignore=ignore, excludes=configuration.excludes())


def staged(paths: Iterable[str], configuration: Configuration) -> Iterator[Document | Skipped]:
    """What is staged in the repository of this folder; see `sources.git`."""
    from promptguard.sources.git import staged

    return staged(os.curdir, paths, excludes=_repository_excludes(configuration))


def commits(range_: str, paths: Iterable[str], configuration: Configuration) -> Iterator[Document | Skipped]:
    """What a range of commits brought in; see `sources.git`."""
    from promptguard.sources.git import commits

    return commits(os.curdir, range_, paths, excludes=_repository_excludes(configuration))


def _repository_excludes(configuration: Configuration) -> Callable[[str], bool] | None:
    """Git names paths from the top of the repository."""
    if not configuration.exclude:
        return None
    from promptguard.sources.git import top

    return configuration.excludes(Path(top(os.curdir)))


def stdin(stream: BinaryIO, name: str) -> Iterator[Document]:
    """Standard input as one document."""
    from promptguard.sources.stdin import stdin

    return stdin(stream, name)


def check(paths: Sequence[Path] = ()) -> Iterator[Exception]:
    """What is wrong with the rules in these files, the shipped ones where there are none. Raises `RuleError`."""
    from promptguard.rules.load import Ruleset, parse, read

    if not paths:
        shipped_rules = ruleset()
        return check_rules(shipped_rules.entries, shipped_rules)
    own = [entry for path in paths for source in read(path) for entry in parse(source)]
    ids = {entry.rule.id for entry in own}
    others = [entry for entry in ruleset().entries if entry.rule.id not in ids]  # they may be named in templates
    return check_rules(own, Ruleset((*others, *own)))


def describe(entry: Entry) -> Iterator[tuple[str, str]]:
    """A rule for a person to read, as (field, text)."""
    from promptguard.engine.compile import compile_rules

    rule = entry.rule
    compiled = compile_rules(_only(entry)).rules[0]
    yield "rule", f"{rule.id}, version {rule.version}, from {entry.file}"
    yield "name", rule.name
    yield "vendor", entry.vendor.name
    yield "why", rule.why
    yield "severity", rule.severity
    yield "confidence", f"{rule.confidence}, before evidence"
    yield "pattern", compiled.confirm
    yield "trigger", " ".join(compiled.triggers)
    yield "width", f"{compiled.width} bytes at most"
    if rule.keywords:
        yield "keywords", f"{', '.join(rule.keywords)} (at most {rule.keyword_distance} characters before)"
    if rule.rotate:
        yield "rotate", rule.rotate
    for page in rule.see:
        yield "see", page


def _only(entry: Entry) -> Ruleset:
    from promptguard.rules.load import Ruleset

    return Ruleset((entry,))


def explain(data: bytes, rule_folders: Sequence[Path] = ()) -> Iterator[str]:
    """Every match of every rule in a text, overlapped and weak ones too, with its evidence; values masked."""
    looking = scanner(rule_folders)
    matches = looking.confirmed(data, looking.hits(data), 0, len(data), "scan", None)
    for match in matches:
        line = data.count(b"\n", 0, match.start) + 1
        yield f"line {line}: {match.rule.id} {match.confidence} ({match.score:.2f}) {match.redacted}"
        yield from (f"    {item.weight:+.1f} {item.kind}: {item.note}" for item in match.evidence)
    yield f"{len(matches)} matches"
