"""What a scan of a clean file imports: start-up is a product figure, since hooks start the command all day."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

HEAVY = (
    "concurrent.futures",
    "detect_secrets",
    "importlib.metadata",
    "pathspec",
    "pydantic",
    "regex",
    "rich",
    "subprocess",
    "tiktoken",
    "yaml",
)


ASK = """
import sys
from promptguard.cli.main import main
try:
    main()
except SystemExit as end:
    print(end.code, *sys.modules, file=sys.stderr)
"""


def imported(folder: Path, *arguments: str) -> set[str]:
    """The modules that are there at the end of a run of the command."""
    command = [sys.executable, "-c", ASK, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=120)
    code, *modules = done.stderr.splitlines()[-1].split(" ")
    assert code == "0", done.stderr[-2000:]
    return set(modules)


@pytest.fixture
def clean(promptguard: Command, tree: Path) -> Path:
    """A folder with a clean file; rules are in the cache."""
    (tree / "clean.py").write_text("print('hello')\n")
    assert promptguard("scan", "clean.py").returncode == 0
    return tree


class TestAScanOfACleanFile:
    @pytest.fixture
    def modules(self, clean: Path) -> set[str]:
        return imported(clean, "scan", "clean.py")

    def test_imports_nothing_heavy(self, modules: set[str]) -> None:
        """Each of these costs more than the scan itself."""
        assert [module for module in HEAVY if module in modules] == []

    def test_imports_no_other_command_and_no_other_report(self, modules: set[str]) -> None:
        """What is not asked for is not paid for."""
        assert "promptguard.cli.scan" in modules
        assert "promptguard.cli.rules" not in modules
        assert "promptguard.reports.sarif" not in modules


def test_the_version_needs_no_engine(tree: Path) -> None:
    """A look at the version, as installers take, costs nothing."""
    modules = imported(tree, "--version")
    assert "promptguard.cli.main" in modules
    assert not {"promptguard.guard", "hyperscan"} & modules
