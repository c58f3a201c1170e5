"""Rule files become a Ruleset, or an error that names file, rule and field.

The one rule: whatever is loaded here can be compiled and scanned with; nothing is fixed up in silence. Whether examples
are found is not asked here, because that needs the engine: see `rules check`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptguard.errors import RuleError
from promptguard.rules import pattern
from promptguard.rules.checksums import ALGORITHMS
from promptguard.rules.schema import Rule, RuleFile, Vendor

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

WIDEST = 20_000
"""The most characters that a match may have: what a chunk of a large file must overlap by."""

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule with what it needs to be spoken of."""

    rule: Rule
    vendor: Vendor
    file: str
    """As the user would name it."""
    trusted: bool
    """Shipped with the package or trusted by flag: its `validate` recipe may be used."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Rules by id, in the order of their files. Ids are unique."""

    entries: tuple[Entry, ...]

    @property
    def by_id(self) -> dict[str, Rule]:
        return {entry.rule.id: entry.rule for entry in self.entries}

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Rule]:
        return (entry.rule for entry in self.entries)


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A rule file's text, read by somebody else."""

    name: str
    text: str
    trusted: bool = False


def load(sources: Iterable[RuleSource]) -> Ruleset:
    """The rules of these files. Raises `RuleError` for the first thing that is wrong."""
    entries = [entry for source in sources for entry in parse(source)]
    seen: dict[str, Entry] = {}
    for entry in entries:
        if first := seen.get(entry.rule.id):
            raise RuleError(entry.file, entry.rule.id, "id", f"already used in {first.file}; ids are unique for ever")
        seen[entry.rule.id] = entry
    for entry in entries:
        for requirement in entry.rule.requires:
            if requirement.rule not in seen:
                raise RuleError(entry.file, entry.rule.id, "requires", f"names no rule: {requirement.rule}")
    return Ruleset(tuple(entries))


def read(path: Path, *, trusted: bool = False) -> list[RuleSource]:
    """The rule files of a folder (`*.yaml`, sorted, not below it), or the one file. Raises `RuleError`."""
    if path.is_dir():
        found = sorted(path.glob("*.yaml"))
        if not found:
            raise RuleError(str(path), None, None, "holds no *.yaml rule file")
    elif path.is_file():
        found = [path]
    else:
        raise RuleError(str(path), None, None, "no such file or folder")
    try:
        return [RuleSource(file.as_posix(), file.read_text("utf-8"), trusted) for file in found]
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(str(path), None, None, f"cannot be read: {error}") from error


def parse(source: RuleSource) -> list[Entry]:
    """The rules of one file."""
    import yaml
    from pydantic import ValidationError

    try:
        raw = yaml.load(source.text, Loader=_loader(source))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RuleError(source.name, None, None, f"is no YAML: {_one_line(error)}") from error
    try:
        file = _adapter().validate_python(raw)
    except ValidationError as error:
        raise _complaint(source.name, raw, error) from error
    for rule in file.rules:
        _check(source.name, rule, file.vendor)
    return [Entry(rule, file.vendor, source.name, source.trusted) for rule in file.rules]


def _loader(source: RuleSource) -> Any:  # Any: yaml's loaders share no type
    """The native loader for our own files; deep nesting in somebody else's would end the process."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader) if source.trusted else yaml.SafeLoader


@cache
def _adapter() -> TypeAdapter[RuleFile]:
    from pydantic import TypeAdapter

    return TypeAdapter(RuleFile)


def _complaint(file: str, raw: Any, error: ValidationError) -> RuleError:  # Any: YAML can hold anything
    first = error.errors(include_url=False, include_input=False)[0]
    place = list(first["loc"])
    rule = None
    rules = raw.get("rules") if isinstance(raw, dict) else None
    if place[:1] == ["rules"] and len(place) > 1 and isinstance(place[1], int) and isinstance(rules, list):
        entry = rules[place[1]]
        rule = str(entry.get("id", f"rule {place[1] + 1}")) if isinstance(entry, dict) else f"rule {place[1] + 1}"
        place = place[2:]
    known = {"unexpected_keyword_argument": "no such field", "missing": "is missing"}
    problem = known.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
    return RuleError(file, rule, ".".join(map(str, place)) or None, problem)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _check(file: str, rule: Rule, vendor: Vendor) -> None:
    for field, problem in _problems(rule, vendor):
        raise RuleError(file, rule.id, field, problem)


def _problems(rule: Rule, vendor: Vendor) -> Iterator[tuple[str, str]]:
    """What is wrong with a rule, as (field, problem)."""
    if not _ID.fullmatch(rule.id):
        yield "id", "is lower-case letters, digits and single dashes"
    if not _ID.fullmatch(vendor.id):
        yield "vendor.id", "is lower-case letters, digits and single dashes"
    if not rule.examples:
        yield "examples", "needs at least one"
    if not rule.counter_examples:
        yield "counter_examples", "needs at least one: the nearest miss"
    if not 0 <= rule.specificity <= 100:
        yield "specificity", "lies between 0 and 100"
    if any(word != word.lower() or not word for word in rule.keywords):
        yield "keywords", "are written in lower case and not empty"
    yield from _pattern_problems(rule)
    yield from _class_problems(rule)


def _pattern_problems(rule: Rule) -> Iterator[tuple[str, str]]:
    try:
        node = tree(rule)
    except pattern.PatternError as error:
        yield "pattern", str(error)
        return
    if not pattern.is_bounded(node):
        yield "width", "is needed: the pattern has *, + or {n,}"
        return
    if pattern.least_width(node) == 0:
        yield "pattern", "matches the empty text"
    if (width := pattern.most_width(node)) > WIDEST:
        yield "pattern", f"may match {width} characters; at most {WIDEST} are allowed"
    groups = [part.name for part in pattern.walk(node) if isinstance(part, pattern.Group) and part.name]
    if len(groups) != len(set(groups)):
        yield "pattern", "names a group twice"
    at_top = [part.name for part in pattern.items_of(node) if isinstance(part, pattern.Group)]
    if "secret" in groups and "secret" not in at_top:
        yield "pattern", "has the group secret inside an alternation, a group or a repeat; it stands at the top level"
    if rule.checksum:
        yield from _checksum_problems(rule, {"secret", *groups})


def _checksum_problems(rule: Rule, groups: set[str]) -> Iterator[tuple[str, str]]:
    assert rule.checksum
    if rule.checksum.algorithm not in ALGORITHMS:
        yield "checksum.algorithm", f"is one of {', '.join(ALGORITHMS)}"
    for field in ("over", "equals"):
        if getattr(rule.checksum, field) not in groups:
            yield f"checksum.{field}", "names no group of the pattern"


def _class_problems(rule: Rule) -> Iterator[tuple[str, str]]:
    for side in ("left", "right"):
        text = getattr(rule.boundaries, side)
        try:
            if text and not isinstance(pattern.parse(text), pattern.Chars):
                yield f"boundaries.{side}", "is one character class, such as [0-9A-Za-z_]"
        except pattern.PatternError as error:
            yield f"boundaries.{side}", str(error)
    for number, text in enumerate(rule.deny.patterns, 1):
        try:
            re.compile(text, re.ASCII)
        except re.error as error:
            yield "deny.patterns", f"number {number}: {error}"


def tree(rule: Rule) -> pattern.Node:
    """The rule's pattern, parsed, its open repeats bounded by `width`. Raises `PatternError`."""
    node = pattern.parse(rule.pattern)
    return node if rule.width is None else pattern.bounded(node, rule.width)
