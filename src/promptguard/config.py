"""The project's configuration: `.promptguard.yaml`, or `[tool.promptguard]` in `pyproject.toml`.

    exclude: [docs/examples/, '*.min.js']
    baseline: .promptguard-baseline
    fail-on: high

The one rule: a file that says something unknown or of the wrong kind is refused, naming file, key and what is allowed;
a setting that is not understood must not pass for one that is. Where there is no file, nothing is imported and a few
looks at the disk are all it costs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from promptguard.errors import ConfigurationError

YAML_NAME = ".promptguard.yaml"
TOML_NAME = "pyproject.toml"

Confidence = Literal["low", "medium", "high"]
Severity = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a project wants. Its paths are whole; in the file they are relative to the file's folder."""

    root: Path
    """The folder that the file was found in; where there is none, the one that the search began in."""
    file: Path | None = None
    exclude: tuple[str, ...] = ()
    """Globs as in a .gitignore, relative to `root`."""
    rules: tuple[Path, ...] = ()
    """More rules: files or folders."""
    min_confidence: Confidence = "medium"
    """Findings below it are not reported."""
    fail_on: Severity = "low"
    """A finding of this severity or above makes a scan fail."""
    baseline: Path | None = None
    salt: str | None = field(default=None, repr=False)
    """Keys fingerprints where there is no baseline."""
    jobs: int | None = None
    """How many documents to look at side by side; None leaves it to the command."""

    @classmethod
    def find(cls, start: Path | None = None, home: Path | None = None) -> Configuration:
        """The nearest one from a folder (left out: the working folder) upwards, or the defaults.

        The search ends at the top of the repository or at the home folder. Where neither lies above, it doesn't leave
        the folder it began in: what a stranger put into a shared folder must not switch anything off.
        """
        begin = os.path.abspath(start or os.curdir)
        for folder in _folders(begin, os.path.abspath(home or os.path.expanduser("~"))):
            if found := _found_in(folder):
                return _configuration(*found)
        return cls(Path(begin))

    @classmethod
    def read(cls, file: Path) -> Configuration:
        """A named file: TOML when it is called so, else YAML."""
        file = Path(os.path.abspath(file))
        settings = _toml(file) if file.suffix == ".toml" else _yaml(file)
        if settings is None:
            raise ConfigurationError(f"{file}: has no [tool.promptguard]; add it, or name another file")
        return _configuration(file, settings)

    def excludes(self, working_folder: Path | None = None) -> Callable[[str], bool] | None:
        """Says of a path whether it is excluded; None when nothing is.

        Paths are taken as the user named them, from the working folder; a `/` at the end says that it is a folder's.
        What lies outside `root` is never excluded. Raises `ConfigurationError` for a glob that can't be read.
        """
        if not self.exclude:
            return None
        from pathspec import GitIgnoreSpec

        try:
            # The faster backends share one scratch space between threads, and fail when two of them ask at once.
            globs = GitIgnoreSpec.from_lines(self.exclude, backend="simple")
        except ValueError as error:
            raise _wrong(self.file or self.root, "exclude", "must be a list of globs as in a .gitignore") from error
        root, folder = os.path.abspath(self.root), os.path.abspath(working_folder or os.curdir)

        def is_excluded(path: str) -> bool:
            relative = _relative(os.path.join(folder, path), root)
            return relative is not None and globs.match_file(relative)

        return is_excluded


def _folders(start: str, home: str) -> list[str]:
    ends, walked = {home, os.path.realpath(home)}, [start]
    while walked[-1] not in ends and not os.path.exists(os.path.join(walked[-1], ".git")):
        parent = os.path.dirname(walked[-1])
        if parent == walked[-1]:
            return [start]
        walked.append(parent)
    return walked


_Settings = Mapping[str, Any]  # Any: what the file says; each value is checked before it is used


def _found_in(folder: str) -> tuple[Path, _Settings] | None:
    yaml_file, toml_file = os.path.join(folder, YAML_NAME), os.path.join(folder, TOML_NAME)
    has_yaml = os.path.isfile(yaml_file)
    settings = _toml(Path(toml_file)) if os.path.isfile(toml_file) else None
    if has_yaml and settings is not None:
        raise ConfigurationError(f"{yaml_file} and [tool.promptguard] in {toml_file}: keep one of them")
    if has_yaml:
        return Path(yaml_file), _yaml(Path(yaml_file))
    return None if settings is None else (Path(toml_file), settings)


def _toml(file: Path) -> _Settings | None:
    """The table, or None where there is none. Most files don't even hold the word, and are not parsed."""
    data = _bytes(file)
    if b"promptguard" not in data:
        return None
    import tomllib

    try:
        tool = tomllib.loads(data.decode("utf-8-sig")).get("tool", {})
    except ValueError as error:  # of decoding, too
        raise ConfigurationError(f"{file}: is not TOML: {error}") from error
    settings = tool.get("promptguard") if isinstance(tool, dict) else None
    if not isinstance(settings, dict | None):
        raise _wrong(file, "tool.promptguard", "must be a table")
    return settings


def _yaml(file: Path) -> _Settings:
    import yaml

    data = _bytes(file)
    try:
        # Not the native loader: it is only faster, and a deeply nested file overflows its stack and ends the process.
        tree, settings = yaml.compose(data, yaml.SafeLoader), yaml.load(data, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"{file}: {_complaint(error)}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict) or not isinstance(tree, yaml.MappingNode):
        raise ConfigurationError(f"{file}: must be a mapping of {', '.join(_SETTINGS)}")
    names = [name.value for name, _ in tree.value]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(file, str(name), "is there twice; keep one")
    return settings


def _complaint(error: Exception) -> str:
    mark, problem = (
        getattr(error, "problem_mark", None),
        getattr(error, "problem", None) or "nested too deeply or not text",
    )
    return f"line {mark.line + 1}: is not YAML: {problem}" if mark else f"is not YAML: {problem}"


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error


def _configuration(file: Path, settings: _Settings) -> Configuration:
    values = {}
    for name, value in settings.items():
        setting = _SETTINGS.get(name)
        if setting is None:
            raise _wrong(file, str(name), f"is unknown; there are {', '.join(_SETTINGS)}")
        if not setting.allows(value):
            raise _wrong(file, name, f"must be {setting.meaning}")
        values[name.replace("-", "_")] = setting.taken(file.parent, value)
    return Configuration(file.parent, file, **values)


def _wrong(file: Path, key: str, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{file}: {key}: {problem}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_long_text(value: object) -> bool:
    return isinstance(value, str) and len(value) >= _SALT_LENGTH


def _as_it_is(root: Path, value: Any) -> Any:  # Any: of the type that the setting allows, as all below
    return value


@dataclass(frozen=True, slots=True)
class _Setting:
    meaning: str
    allows: Callable[[object], bool]
    taken: Callable[[Path, Any], Any] = _as_it_is


def _one_of(words: tuple[str, ...]) -> _Setting:
    return _Setting(f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value in words)


_SALT_LENGTH = 16

_SETTINGS = {
    "exclude": _Setting("a list of globs as in a .gitignore", _is_texts, lambda root, value: tuple(value)),
    "rules": _Setting(
        "a list of rule files or folders", _is_texts, lambda root, value: tuple(root / path for path in value)
    ),
    "min-confidence": _one_of(get_args(Confidence)),
    "fail-on": _one_of(get_args(Severity)),
    "baseline": _Setting("the path of a file", _is_text, lambda root, value: root / value),
    "salt": _Setting(f"text of at least {_SALT_LENGTH} characters", _is_long_text),
    "jobs": _Setting("a whole number from 1", _is_count),
}


def _relative(path: str, root: str) -> str | None:
    """With slashes, from the root; None for what lies outside."""
    whole, inside = os.path.normpath(path), os.path.join(root, "")
    if not whole.startswith(inside):
        return None
    relative = whole.removeprefix(inside).replace(os.sep, "/")
    return relative + "/" if path.endswith(("/", os.sep)) else relative
