from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard.config import Configuration
from promptguard.errors import ConfigurationError

EVERYTHING_IN_YAML = """\
exclude: [docs/examples/, '*.min.js']
rules: [our-rules, /opt/rules/bank.yaml]
min-confidence: high
fail-on: critical
baseline: .promptguard-baseline
salt: sixteen letters!
jobs: 3
"""
EVERYTHING_IN_TOML = """\
[project]
name = "promptguard-user"

[tool.promptguard]
exclude = ["docs/examples/", "*.min.js"]
rules = ["our-rules", "/opt/rules/bank.yaml"]
min-confidence = "high"
fail-on = "critical"
baseline = ".promptguard-baseline"
salt = "sixteen letters!"
jobs = 3
"""
NAMES = {".promptguard.yaml": EVERYTHING_IN_YAML, "pyproject.toml": EVERYTHING_IN_TOML}


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def repository(folder: Path) -> Path:
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("name", "text"), NAMES.items())
def test_both_files_say_the_same(tmp_path: Path, name: str, text: str, newline: str) -> None:
    """A project chooses the place, not the meaning; line ends are its own affair."""
    (tmp_path / name).write_bytes(text.replace("\n", newline).encode())
    assert Configuration.find(tmp_path) == Configuration(
        root=tmp_path,
        file=tmp_path / name,
        exclude=("docs/examples/", "*.min.js"),
        rules=(tmp_path / "our-rules", Path("/opt/rules/bank.yaml")),
        min_confidence="high",
        fail_on="critical",
        baseline=tmp_path / ".promptguard-baseline",
        salt="sixteen letters!",
        jobs=3,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_named_file_is_read_wherever_it_lies(tmp_path: Path, name: str) -> None:
    """One configuration for many projects; its paths stay relative to itself."""
    file = write(tmp_path / "shared" / name, NAMES[name])
    assert Configuration.read(file) == Configuration.find(tmp_path / "shared")
    assert Configuration.read(Path(os.path.relpath(file))) == Configuration.read(file)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """Nobody needs a configuration to begin."""
    assert Configuration.find(repository(tmp_path)) == Configuration(tmp_path)
    assert Configuration(tmp_path).excludes() is None


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "---\n", "null\n"])
def test_an_empty_file_is_one(tmp_path: Path, text: str) -> None:
    """It still marks the root."""
    file = write(tmp_path / ".promptguard.yaml", text)
    assert Configuration.find(tmp_path) == Configuration(tmp_path, file)


@pytest.mark.parametrize("name", NAMES)
def test_the_nearest_file_up_to_the_top_of_the_repository_is_found(tmp_path: Path, name: str) -> None:
    """A scan means the same from every folder of a project; what lies beyond it belongs to somebody else."""
    write(tmp_path / name, NAMES[name])
    top = repository(tmp_path / "project")
    deep = top / "src" / "app"
    deep.mkdir(parents=True)
    assert Configuration.find(deep).file is None
    write(top / name, NAMES[name])
    assert Configuration.find(deep).root == top
    write(top / "src" / name, NAMES[name])
    assert Configuration.find(deep).root == top / "src"


def test_a_worktree_is_a_repository_too(tmp_path: Path) -> None:
    """There, and in submodules, `.git` is a file."""
    write(tmp_path / ".promptguard.yaml", "")
    write(tmp_path / "tree" / ".git", "gitdir: elsewhere\n")
    assert Configuration.find(tmp_path / "tree").file is None


def test_outside_a_repository_the_home_folder_is_the_end(tmp_path: Path) -> None:
    """A person may have one configuration for all scripts in it."""
    home = tmp_path / "home"
    (home / "scripts").mkdir(parents=True)
    write(tmp_path / ".promptguard.yaml", "")
    assert Configuration.find(home / "scripts", home).file is None
    write(home / ".promptguard.yaml", "")
    assert Configuration.find(home / "scripts", home).root == home


def test_outside_of_both_only_the_folder_itself_is_looked_at(tmp_path: Path) -> None:
    """Anyone may put a file into a shared folder, and `exclude: ['*']` into the file."""
    write(tmp_path / ".promptguard.yaml", "exclude: ['*']")
    (tmp_path / "work").mkdir()
    assert Configuration.find(tmp_path / "work", tmp_path / "home").file is None
    assert Configuration.find(tmp_path, tmp_path / "home").root == tmp_path


def test_two_configurations_in_a_folder_are_refused(tmp_path: Path) -> None:
    """Which of them counts should be nobody's guess."""
    for name, text in NAMES.items():
        write(tmp_path / name, text)
    with pytest.raises(ConfigurationError) as caught:
        Configuration.find(tmp_path)
    assert str(tmp_path / ".promptguard.yaml") in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "[tool.ruff]\n", "[project]\nname = 'x'\ndependencies = ['promptguard-secrets']\n", "tool = 7 # promptguard"],
)
def test_a_pyproject_without_our_table_is_none_of_ours(tmp_path: Path, text: str) -> None:
    """Every Python project has the file; the search goes on above it."""
    top = repository(tmp_path)
    write(top / "package" / "pyproject.toml", text)
    write(top / ".promptguard.yaml", "")
    assert Configuration.find(top / "package").root == top
    with pytest.raises(ConfigurationError, match=r"has no \[tool.promptguard\]"):
        Configuration.read(top / "package" / "pyproject.toml")


@pytest.mark.parametrize(
    "text", ["[tool]\npromptguard.jobs = 2\n", '[tool."promptguard"]\njobs = 2\n', "\ufeff[tool.promptguard]\njobs=2"]
)
def test_toml_may_be_written_in_other_ways(tmp_path: Path, text: str) -> None:
    """Whatever TOML takes for the same table is the same table."""
    write(tmp_path / "pyproject.toml", text)
    assert Configuration.find(tmp_path).jobs == 2


KEYS = "exclude, rules, min-confidence, fail-on, baseline, salt, jobs"


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("excludes: [a]", "excludes", f"is unknown; there are {KEYS}"),
        ("min_confidence: low", "min_confidence", f"is unknown; there are {KEYS}"),
        ("on: [a]", "True", "is unknown"),
        ("1: [a]", "1", "is unknown"),
        ("exclude: docs/", "exclude", "must be a list of globs as in a .gitignore"),
        ("exclude: [docs/, 7]", "exclude", "must be a list of globs as in a .gitignore"),
        ("exclude: ['']", "exclude", "must be a list of globs as in a .gitignore"),
        ("exclude:", "exclude", "must be a list of globs as in a .gitignore"),
        ("rules: {a: b}", "rules", "must be a list of rule files or folders"),
        ("min-confidence: 0.5", "min-confidence", "must be one of low, medium, high"),
        ("min-confidence: critical", "min-confidence", "must be one of low, medium, high"),
        ("min-confidence: [low]", "min-confidence", "must be one of low, medium, high"),
        ("fail-on: HIGH", "fail-on", "must be one of low, medium, high, critical"),
        ("baseline: [a]", "baseline", "must be the path of a file"),
        ("baseline: ''", "baseline", "must be the path of a file"),
        ("salt: short", "salt", "must be text of at least 16 characters"),
        ("salt: 12345678901234567890", "salt", "must be text of at least 16 characters"),
        ("jobs: 0", "jobs", "must be a whole number from 1"),
        ("jobs: true", "jobs", "must be a whole number from 1"),
        ("jobs: '2'", "jobs", "must be a whole number from 1"),
        ("jobs: 1\njobs: 2", "jobs", "is there twice; keep one"),
    ],
)
def test_what_is_not_understood_is_refused_with_file_and_key(tmp_path: Path, text: str, key: str, problem: str) -> None:
    """A misspelled `exclude` that is passed over is noise, a misspelled `fail-on` is a build that never fails."""
    file = write(tmp_path / ".promptguard.yaml", text)
    with pytest.raises(ConfigurationError) as caught:
        Configuration.find(tmp_path)
    assert str(caught.value).startswith(f"{file}: {key}: {problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exclude: [a", "line 1: is not YAML"),
        ("jobs: 2\n  fail-on: high", "line 2: is not YAML"),
        ("exclude: !!python/object:os.system [a]", "line 1: is not YAML"),
        ("exclude: *unknown", "line 1: is not YAML"),
        ("[" * 700, "is not YAML: nested too deeply"),
        ("- exclude", f"must be a mapping of {KEYS}"),
        ("exclude", f"must be a mapping of {KEYS}"),
        ("\x00", "is not YAML"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    """The settings in it may be what the project relies on."""
    file = write(tmp_path / ".promptguard.yaml", text)
    with pytest.raises(ConfigurationError) as caught:
        Configuration.find(tmp_path)
    assert str(caught.value).startswith(f"{file}: {problem}")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[tool.promptguard]\njobs = \n", "is not TOML: .*line 2"),
        (b"[tool.promptguard]\njobs = 1\njobs = 2\n", "is not TOML"),
        (b"[tool]\npromptguard = 7\n", "tool.promptguard: must be a table"),
        (b"[tool.promptguard]\njobs = 1.5\n", "jobs: must be a whole number from 1"),
        (b"[tool.promptguard]\nsalt = '\xff'\n", "is not TOML"),
    ],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    """A broken table is not a missing one."""
    (tmp_path / "pyproject.toml").write_bytes(data)
    with pytest.raises(ConfigurationError, match=problem):
        Configuration.find(tmp_path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """To go on without it would be to go on with other settings."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        Configuration.read(tmp_path / "nothing.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Configuration.read(tmp_path)


def test_the_salt_is_not_shown(tmp_path: Path) -> None:
    """With it, anyone who has a baseline can try values."""
    file = write(tmp_path / ".promptguard.yaml", "salt: sixteen letters!\n")
    assert "sixteen" not in repr(Configuration.read(file))
    write(file, "salt: [sixteen letters!]\n")
    with pytest.raises(ConfigurationError) as caught:
        Configuration.read(file)
    assert "sixteen" not in str(caught.value)


# Excludes


def excluding(root: Path, *globs: str, working_folder: Path | None = None) -> Callable[[str], bool]:
    predicate = Configuration(root, exclude=globs).excludes(working_folder or root)
    assert predicate is not None
    return predicate


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("docs/examples/a.md", True),
        ("docs/examples/", True),
        ("./docs/examples/a.md", True),
        ("src/../docs/examples/a.md", True),
        ("docs/a.md", False),
        ("other/docs/examples/a.md", False),
        ("app.min.js", True),
        ("src/ü/app.min.js", True),
        ("vendor/keep.min.js", False),
        ("app.min.js.map", False),
        ("build", False),
        ("build/", True),
        ("src/build/x", True),
        ("../app.min.js", False),
        (".", False),
        ("", False),
        ("-", False),
    ],
)
def test_globs_are_read_as_git_reads_them(tmp_path: Path, path: str, expected: bool) -> None:
    """Everybody knows them from .gitignore, and nobody wants to learn others."""
    excluded = excluding(tmp_path, "docs/examples/", "*.min.js", "!keep.min.js", "build/")
    assert excluded(path) is expected


def test_globs_mean_the_same_from_every_folder(tmp_path: Path) -> None:
    """A developer in `src` and a job at the top scan the same files."""
    inside = excluding(tmp_path, "/src/generated/", working_folder=tmp_path / "src")
    assert inside("generated/a.py")
    assert not inside("src/generated/a.py")
    assert inside(str(tmp_path / "src" / "generated" / "a.py"))
    outside = excluding(tmp_path / "project", "/src/generated/", working_folder=tmp_path)
    assert outside("project/src/generated/a.py")
    assert not outside("project2/src/generated/a.py")


@pytest.mark.skipif(os.sep != "\\", reason="paths of Windows")
def test_globs_match_paths_of_windows(tmp_path: Path) -> None:
    """Both of its separators are used there."""
    assert excluding(tmp_path, "docs/examples/")("docs\\examples\\a.md")


@given(st.lists(st.text("ab.", min_size=1, max_size=2), min_size=1, max_size=4))
def test_what_is_excluded_by_name_is_excluded_and_nothing_else(segments: list[str]) -> None:
    """A glob without a slash speaks of names, at any depth."""
    path = "/".join(segments)
    whole = os.path.normpath(os.path.join("/root", path))
    expected = whole.startswith("/root/") and "a" in whole.removeprefix("/root/").split("/")
    assert excluding(Path("/root"), "a")(path) is expected


def test_globs_may_be_asked_from_many_threads(tmp_path: Path) -> None:
    """Documents are looked at side by side."""
    excluded = excluding(tmp_path, "*.min.js", "build/")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: excluded(f"src/{number}.min.js"), range(4000)))
    assert all(answers)


def test_a_glob_that_git_would_not_take_is_refused(tmp_path: Path) -> None:
    """It was meant to exclude something."""
    with pytest.raises(ConfigurationError, match="exclude: must be a list of globs"):
        Configuration(tmp_path, exclude=("docs\\",)).excludes()


def test_without_a_file_nothing_is_imported(tmp_path: Path) -> None:
    """Every scan pays for this module, most projects have no configuration."""
    program = (
        "import sys; from pathlib import Path; from promptguard.config import Configuration; "
        "print(Configuration.find(Path(sys.argv[1])).excludes(), {'yaml', 'tomllib', 'pathspec'} & set(sys.modules))"
    )
    repository(tmp_path)
    write(tmp_path / "pyproject.toml", "[project]\nname = 'x'\n")
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["None", "set()"]
