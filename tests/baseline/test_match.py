from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard.baseline.match import ANYWHERE, Entry, fingerprint
from promptguard.baseline.store import Baseline
from promptguard.model import Finding

Make = Callable[..., Finding]

TODAY = date(2026, 11, 24)
SALT = bytes(range(16))


def everywhere(path: str) -> bool:
    return True


def baseline(*entries: Entry) -> Baseline:
    return Baseline(SALT, frozenset(entries))


def entry(value: str, path: str = "src/app.py", rule: str = "acme-api-key", vendor: str = "acme") -> Entry:
    return Entry(fingerprint(SALT, vendor, value), path, rule)


def test_a_fingerprint_is_what_it_was_before() -> None:
    """Baselines outlive versions: another fingerprint for the same value would bring every old finding back."""
    assert fingerprint(SALT, "acme", "hunter2") == "651d20664e542cf3fb11051fddedb265"


@given(st.text(), st.text(), st.text(), st.text())
def test_a_fingerprint_tells_vendors_and_values_apart(vendor: str, value: str, other: str, another: str) -> None:
    """`ab` of vendor `c` is not `b` of vendor `ca`, whatever characters they are made of."""
    same = fingerprint(SALT, vendor, value) == fingerprint(SALT, other, another)
    assert same == ((vendor, value) == (other, another))


def test_a_fingerprint_takes_what_is_no_text() -> None:
    """Half of a surrogate pair stands in many a JSON file."""
    assert len(fingerprint(SALT, "acme", "key-\ud800")) == 32


def test_a_value_is_accepted_at_its_path_on_any_line(finding: Make) -> None:
    """Lines move with every edit above them."""
    matcher = baseline(entry("hunter2")).matcher(TODAY, everywhere)
    assert matcher.accepts(finding("hunter2", line=1))
    assert matcher.accepts(finding("hunter2", line=700))


@pytest.mark.parametrize("other", [{"value": "hunter3"}, {"path": "src/other.py"}, {"path": "src/app.py/x"}])
def test_anything_else_is_reported(finding: Make, other: dict[str, str]) -> None:
    """A new key on an old key's line is the case that positional ignores lose."""
    assert not baseline(entry("hunter2")).matcher(TODAY, everywhere).accepts(finding(**{"value": "hunter2", **other}))


def test_an_entry_for_anywhere_accepts_its_value_at_any_path(finding: Make) -> None:
    """A documented test key is the same in every file."""
    matcher = baseline(entry("hunter2", ANYWHERE)).matcher(TODAY, everywhere)
    assert matcher.accepts(finding("hunter2", path="a/b.py"))
    assert not matcher.accepts(finding("hunter3", path="a/b.py"))


def test_a_file_that_is_called_like_anywhere_is_one_file(finding: Make) -> None:
    """On most systems a file may be called `*`, and whoever can add one could accept a value for the whole project."""
    matcher = Baseline.create([finding("hunter2", ANYWHERE)]).matcher(TODAY, everywhere)
    assert matcher.accepts(finding("hunter2", ANYWHERE))
    assert not matcher.accepts(finding("hunter2", "a.py"))


@pytest.mark.parametrize("written", ["src/app.py", "src\\app.py"])
@pytest.mark.parametrize("found", ["src/app.py", "src\\app.py"])
def test_systems_agree_on_paths(finding: Make, written: str, found: str) -> None:
    """A baseline made on Windows holds on a Linux runner, and the other way round."""
    assert baseline(entry("hunter2", written)).matcher(TODAY, everywhere).accepts(finding("hunter2", path=found))


def test_a_value_whose_file_has_moved_is_accepted(finding: Make) -> None:
    """Renaming a file is no reason for a red build; copying a key into a second file is."""
    old = baseline(entry("hunter2", "old.py"))
    assert old.matcher(TODAY, lambda path: path != "old.py").accepts(finding("hunter2", path="new.py"))
    assert not old.matcher(TODAY, everywhere).accepts(finding("hunter2", path="new.py"))


def test_what_is_no_file_has_not_moved(finding: Make) -> None:
    """No file is called `-`, so what was once accepted from standard input would be accepted anywhere."""
    assert not baseline(entry("hunter2", "-")).matcher(TODAY, lambda path: False).accepts(finding("hunter2"))


def test_whether_a_file_is_gone_is_asked_once_and_only_when_it_matters(finding: Make) -> None:
    """The disk is slow, and a scan must not change its mind half-way."""
    asked: list[str] = []

    def exists(path: str) -> bool:
        asked.append(path)
        return True

    matcher = baseline(entry("hunter2", "old.py"), entry("hunter3", "other.py")).matcher(TODAY, exists)
    for value in ("hunter2", "hunter2", "hunter4"):
        matcher.accepts(finding(value, path="new.py"))
    assert asked == ["old.py"]


@pytest.mark.parametrize(("day", "accepted"), [("2026-11-23", False), ("2026-11-24", True), ("2026-11-25", True)])
def test_an_entry_counts_through_its_last_day(finding: Make, day: str, accepted: bool) -> None:
    """An expired exception is reported again, and the report can say that it was one."""
    old = replace(entry("hunter2"), expires=date.fromisoformat(day))
    matcher = baseline(old).matcher(TODAY, everywhere)
    assert matcher.accepts(finding("hunter2")) is accepted
    assert list(matcher.expired()) == ([] if accepted else [old])
    assert list(matcher.unused()) == []


@pytest.mark.parametrize("rule", ["acme-api-key", "acme-cloud-token"])
@pytest.mark.parametrize("path", ["src/app.py", ANYWHERE])
def test_a_value_is_known_again_when_its_rule_moves_to_another_vendor(finding: Make, rule: str, path: str) -> None:
    """An upgrade that gives a generic key its vendor's name must not turn every build red."""
    vendor = rule.rpartition("-")[0].removesuffix("-api")
    old = baseline(entry("hunter2", path, rule, vendor))
    matcher = old.matcher(TODAY, everywhere)
    assert matcher.accepts(finding("hunter2", rule="bolt-token", vendor="bolt"))
    assert not matcher.accepts(finding("hunter3", rule="bolt-token", vendor="bolt"))
    assert list(matcher.unused()) == []
    elsewhere = finding("hunter2", "src/other.py", rule="bolt-token", vendor="bolt")
    assert matcher.accepts(elsewhere) is (path == ANYWHERE)


def test_an_entry_accepts_the_fingerprint_that_it_replaces(finding: Make) -> None:
    """A colleague's older version still finds the value under its old rule."""
    new = replace(entry("hunter2", vendor="bolt"), replaces=fingerprint(SALT, "acme", "hunter2"))
    matcher = baseline(new).matcher(TODAY, everywhere)
    assert matcher.accepts(finding("hunter2", vendor="acme"))
    assert matcher.accepts(finding("hunter2", vendor="bolt"))
    assert not matcher.accepts(finding("hunter2", "src/other.py", vendor="acme"))


def test_entries_that_nothing_asked_for_are_named_in_order(finding: Make) -> None:
    """A baseline that only grows is no list of exceptions any more."""
    first, second, third = entry("a", "b.py"), entry("b", "a.py"), entry("c", "c.py")
    matcher = baseline(first, second, third).matcher(TODAY, everywhere)
    matcher.accepts(finding("c", path="c.py"))
    assert list(matcher.unused()) == [second, first]
    assert [str(unused) for unused in matcher.unused()] == [
        f"a.py: acme-api-key {second.fingerprint[:8]}",
        f"b.py: acme-api-key {first.fingerprint[:8]}",
    ]


def test_a_scan_of_a_part_judges_that_part(finding: Make) -> None:
    """A hook that sees three files must not call the rest of the baseline unused."""
    seen, unseen, anywhere = entry("a", "seen.py"), entry("a", "unseen.py"), entry("b", ANYWHERE)
    matcher = baseline(seen, unseen, anywhere).matcher(TODAY, everywhere)
    assert list(matcher.unused(lambda path: path == "seen.py")) == [seen]
    assert set(matcher.unused()) == {seen, unseen, anywhere}


def test_nothing_that_a_baseline_shows_holds_a_value(finding: Make) -> None:
    """It is read aloud in reports and logs."""
    matcher = baseline(entry("hunter2")).matcher(TODAY, everywhere)
    matcher.accepts(finding("hunter2"))
    assert "hunter2" not in repr(matcher) + repr(baseline(entry("hunter2"))) + str(entry("hunter2"))
