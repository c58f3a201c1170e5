"""The names that others import, and what importing them costs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import promptguard

NAMES = [
    "Confidence",
    "Document",
    "Evidence",
    "Finding",
    "Match",
    "Origin",
    "PromptguardError",
    "Rule",
    "RuleError",
    "Ruleset",
    "Scanner",
    "Secret",
    "Severity",
    "Span",
    "UnreadableError",
    "ruleset",
]


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


def said(code: str) -> str:
    """What a fresh python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_public_names_are_these() -> None:
    """A name that goes breaks somebody's import; a name that comes is a promise. Either is to be meant."""
    assert sorted(promptguard.__all__, key=str.casefold) == sorted(NAMES, key=str.casefold)


def test_a_name_is_public_only_once_it_is_listed() -> None:
    """What can be imported by accident will be."""
    public = {name for name in vars(promptguard) if not name.startswith("_")} - {"annotations", "TYPE_CHECKING"}
    modules = {name for name in public if f"promptguard.{name}" in sys.modules}
    assert public - modules <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name: str) -> None:
    """Names are looked up when they are asked for, so that a misspelt home shows only then."""
    assert getattr(promptguard, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """`hasattr` and `from promptguard import …` rely on it."""
    assert not hasattr(promptguard, "Scaner")
    with pytest.raises(ImportError):
        exec("from promptguard import Scaner")


def test_a_star_brings_the_public_names() -> None:
    """In a notebook that is how people look around."""
    assert said("from promptguard import *; print(sorted(set(dir()) & {'Scanner', 'Secret', 'ruleset'}))") == str(
        ["Scanner", "Secret", "ruleset"]
    )


def test_the_package_is_typed() -> None:
    """Without the marker, type checkers believe nothing of it."""
    assert (Path(promptguard.__file__).parent / "py.typed").is_file()


def test_importing_the_package_imports_nothing_else() -> None:
    """It may be imported by programs that never scan."""
    code = "import sys; before = set(sys.modules); import promptguard; print(*sorted(set(sys.modules) - before))"
    extra = set(said(code).split()) - {"promptguard", "__future__", "typing", "collections", "collections.abc"}
    assert not {name for name in extra if name.partition(".")[0] not in sys.stdlib_module_names}
    assert "promptguard.guard" not in extra


def test_values_come_without_the_engine() -> None:
    """A program that only reads findings need not load a native library."""
    code = "import sys; from promptguard import Finding, Secret; print('hyperscan' in sys.modules)"
    assert said(code) == "False"


def test_no_module_changes_the_world_when_it_is_imported() -> None:
    """Importing every module must neither print, nor fail where an extra is missing."""
    root = Path(promptguard.__file__).parent
    for file in root.rglob("*.py"):
        module = ".".join(("promptguard", *file.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        importlib.import_module(module)


def test_three_lines_are_enough() -> None:
    """The example of the first page."""
    code = """
import random
from promptguard import Scanner, ruleset
from promptguard.rules.generate import secret_of

rules = ruleset().by_id
value = secret_of(rules["github-pat"], random.Random(1), rules)
for finding in Scanner.default().scan(f"text\\nTOKEN={value}\\n"):
    print(finding.rule, finding.line, finding.redacted, finding.secret.reveal() == value)
"""
    assert said(code) == "github-pat 2 ghp_**** True"
