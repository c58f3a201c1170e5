"""Harbour, the invented project of `seeds/`: what a first-time user sees must be right to the line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SEEDS = Path(__file__).parents[1] / "seeds"
HARBOUR = SEEDS / "harbour"
CREDENTIAL = re.compile(r"\{\{(?:rule:(?P<rule>[a-z0-9-]+)|password:\d+|from:[^{}]+|pem:[a-z0-9]+)\}\}")

Place = tuple[str, int]


def complete(target: Path) -> Path:
    subprocess.run([sys.executable, SEEDS / "complete.py", target], check=True, capture_output=True, timeout=60)
    return target


def scan(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = shutil.which("promptguard", path=Path(sys.executable).parent)
    assert command, "promptguard is installed beside this python"
    arguments = [command, "scan", ".", "--format", "jsonl", *options]
    return subprocess.run(arguments, cwd=folder, capture_output=True, encoding="utf-8", timeout=120)


def leaks() -> Iterator[tuple[Place, str | None]]:
    """Every credential in the templates: where it is, and of which rule if the template says so."""
    for file in HARBOUR.rglob("*"):
        if file.is_file():
            for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
                for found in CREDENTIAL.finditer(line):
                    yield (file.relative_to(HARBOUR).as_posix(), number), found["rule"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def findings(demo: Path) -> list[dict[str, object]]:
    done = scan(demo)
    assert done.returncode == 1, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_credential_is_reported_where_it_stands(findings: list[dict[str, object]]) -> None:
    """The demo is the first promise that a user can check."""
    found = Counter((finding["path"], finding["line"]) for finding in findings)
    expected = Counter(place for place, _ in leaks())
    assert not expected - found


def test_no_look_alike_is_reported(findings: list[dict[str, object]]) -> None:
    """A scanner that cries at commit ids and placeholders is switched off within a week."""
    found = Counter((finding["path"], finding["line"]) for finding in findings)
    expected = Counter(place for place, _ in leaks())
    assert not found - expected


def test_findings_name_the_vendor_that_made_the_credential(findings: list[dict[str, object]]) -> None:
    """The rule tells the reader what to revoke, so a token named by the wrong vendor sends them to the wrong page."""
    found = {(finding["path"], finding["line"], finding["vendor"]) for finding in findings}
    expected = {(path, line, rule.partition("-")[0]) for (path, line), rule in leaks() if rule}
    assert not expected - found


def test_the_report_shows_no_value(demo: Path, findings: list[dict[str, object]]) -> None:
    """The report of a demo ends in screenshots and logs."""
    shown = scan(demo).stdout + scan(demo, "--format", "text").stdout
    values = [json.loads(line)["secret"] for line in scan(demo, "--show-secrets").stdout.splitlines()]
    assert len(values) == len(findings)
    assert not [number for number, value in enumerate(values) if value in shown]


def test_completing_twice_writes_the_same(demo: Path, tmp_path: Path) -> None:
    """What one person sees in the demo, the next one must see too."""
    again = complete(tmp_path)
    files = [path.relative_to(demo) for path in demo.rglob("*") if path.is_file()]
    assert files
    assert all((demo / file).read_bytes() == (again / file).read_bytes() for file in files)


def test_completed_files_are_what_their_names_say(demo: Path) -> None:
    """A notebook or chat log that does not parse would show nothing about real ones."""
    for file in (*demo.rglob("*.ipynb"), *demo.rglob("*.json")):
        json.loads(file.read_text("utf-8"))
    for file in demo.rglob("*.jsonl"):
        assert all(json.loads(line) for line in file.read_text("utf-8").splitlines())
    for file in demo.rglob("*.py"):
        compile(file.read_text("utf-8"), file.name, "exec")


def test_the_templates_hold_no_credential() -> None:
    """Our own repository must pass our own scan, or nobody believes either."""
    done = scan(SEEDS)
    assert (done.returncode, done.stdout) == (0, "")
