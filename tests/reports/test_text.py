"""The report for a person: calm, aligned, and safe to show."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent
from unicodedata import east_asian_width

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard import reports
from promptguard.model import Evidence, Finding, Severity, Summary
from promptguard.reports import text as text_report

Make = Callable[..., Finding]
Write = Callable[..., str]

any_text = st.text(st.characters(exclude_categories=()))
STYLES = re.compile(r"\x1b\[[0-9;]*m")


def told(block: str) -> str:
    return dedent(block).lstrip("\n")


def test_a_finding_is_told_as_its_documentation_says(finding: Make, written: Write) -> None:
    """The example at the top of the module is what a reader of the code believes."""
    example = [line[4:] for line in (text_report.__doc__ or "").splitlines() if line.startswith("    ")]
    assert written("text", [finding(), finding(line=40, column=9)]).splitlines() == example


def test_findings_stand_apart_and_by_document(finding: Make, written: Write) -> None:
    """Blank lines are what lets the eye find the next one; what a rule has to say is said once for a document."""
    found = [
        finding(path="a.py"),
        finding(path="a.py", line=13, fingerprint=32 * "1", severity=Severity.LOW),
        finding(path="b.py"),
    ]
    assert written("text", found) == told(
        """
        a.py:12:15: critical: Acme API key acme_****
          12 │ TOKEN = "acme_****"
          rule    acme-api-key, high confidence
          why     calls every model of the account and spends its credit
          rotate  https://acme.example/settings/keys

        a.py:13:15: low: Acme API key acme_****
          13 │ TOKEN = "acme_****"
          rule    acme-api-key, high confidence

        b.py:12:15: critical: Acme API key acme_****
          12 │ TOKEN = "acme_****"
          rule    acme-api-key, high confidence
          why     calls every model of the account and spends its credit
          rotate  https://acme.example/settings/keys
        """
    )


def test_history_and_long_values_say_where_they_are(finding: Make, written: Write) -> None:
    """A key of forty lines is not removed by deleting its first, and an old commit is not on the disk."""
    text = written("text", [finding(commit=20 * "ab", end_line=50)])
    assert "  lines   12 to 50\n" in text
    assert f"  commit  {20 * 'ab'}\n" in text


def test_verbose_gives_the_reasons(finding: Make, written: Write) -> None:
    """Whoever doubts a finding sees what spoke for it, and the fingerprint to accept it by."""
    evidence = (Evidence("checksum", 4.1, "CRC32 agrees"), Evidence("placeholder", -1.0, "looks like an example"))
    assert written("text", [finding(evidence=evidence)], verbose=1) == told(
        """
        src/settings.py:12:15: critical: Acme API key acme_****
          12 │ TOKEN = "acme_****"
          rule         acme-api-key version 1, high confidence (0.97)
          fingerprint  0123abcd0123abcd0123abcd0123abcd
          evidence     +4.1 checksum: CRC32 agrees
                       -1.0 placeholder: looks like an example
          why          calls every model of the account and spends its credit
          rotate       https://acme.example/settings/keys
        """
    )


def test_the_same_value_is_told_once_with_its_places(finding: Make, written: Write) -> None:
    """A key that a notebook repeats two hundred times is one thing to do, not two hundred."""
    found = [finding(line=line) for line in range(1, 201)]
    text = written("text", found)
    assert text.count("critical") == 1
    assert "  also    src/settings.py:2:15\n          src/settings.py:3:15\n" in text
    assert text.endswith("          src/settings.py:11:15\n          and 189 more (-v names them)\n")
    assert "src/settings.py:200:15" in written("text", found, verbose=1)


def test_a_value_shown_on_request_keeps_its_lines(finding: Make, written: Write) -> None:
    """It is to be copied: wrapping would change it, and commands in it must still not reach the terminal."""
    value = f"{200 * 'x'}\n\x1b[31mtwo"
    text = written("text", [finding(value=value)], show_secrets=True, width=40)
    assert f"  secret  {200 * 'x'}\n          \\x1b[31mtwo\n" in text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b[2J\x1b]0;title\x07.py", r"a\x1b[2J\x1b]0;title\x07.py"),
        ("a\x9b31m.py", r"a\x9b31m.py"),
        ("yp.\u202etxt", r"yp.\u202etxt"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("a\rb\nc", r"a\rb\nc"),
        ("a\u200bb\U000e0041", r"a\u200bb\U000e0041"),
        ("caf\udce9", r"caf\xe9"),
    ],
)
def test_escape_sequences_become_visible(finding: Make, written: Write, hostile: str, shown: str) -> None:
    """A scanned file must not move the cursor, rename the window or show a line other than it is."""
    text = written("text", [finding(path=hostile, excerpt=f"x{hostile} acme_****")])
    assert text.startswith(f"{shown}:12:15: critical")
    assert f" │ x{shown} acme_****" in text


@given(data=st.data(), hostile=any_text, colour=st.booleans(), verbose=st.integers(0, 1))
def test_only_visible_characters_reach_the_terminal(
    finding: Make, written: Write, data: st.DataObject, hostile: str, colour: bool, verbose: int
) -> None:
    """The defence holds for every field, also for those that nobody thinks of as coming from outside."""
    fields = ("path", "commit", "excerpt", "rule", "rule_name", "why", "rotate", "value", "fingerprint")
    chosen = {name: hostile for name in fields if data.draw(st.booleans())}
    redacted = f"{hostile}****"
    found = finding(**chosen, redacted=redacted, evidence=(Evidence(hostile, 0.0, hostile),))
    text = written("text", [found], colour=colour, verbose=verbose, show_secrets=True)
    assert all(char == "\n" or char.isprintable() for char in STYLES.sub("", text))


@given(data=st.data(), verbose=st.integers(0, 1), width=st.integers(1, 200))
def test_colour_changes_nothing_but_colour(
    finding: Make, written: Write, data: st.DataObject, verbose: int, width: int
) -> None:
    """What a person sees in the terminal is what a colleague reads in the log."""
    found = [
        finding(path=data.draw(any_text), excerpt=data.draw(any_text), severity=data.draw(st.sampled_from(Severity)))
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    plain, coloured = (written("text", found, colour=colour, verbose=verbose, width=width) for colour in (False, True))
    assert [line.rstrip() for line in STYLES.sub("", coloured).split("\n")] == plain.split("\n")


def test_colour_is_asked_for_explicitly(finding: Make, written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller has weighed `NO_COLOR`, `--color` and the terminal: nobody may overrule it here."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[1;31mcritical\x1b[0m" in written("text", [finding()], colour=True)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in written("text", [finding()])


@given(before=any_text, after=any_text, width=st.integers(40, 120), line=st.integers(1, 10**6))
def test_a_long_line_is_cut_around_the_value(
    finding: Make, written: Write, before: str, after: str, width: int, line: int
) -> None:
    """In a minified file the value is all that matters of a line; ideographs take two columns each."""
    found = finding(excerpt=f"{before}日本{'<' * 90}acme_****{'>' * 90}{after}", line=line)
    _, row, *_ = written("text", [found], width=width).splitlines()
    if row.startswith("  Acme"):
        _, _, row, *_ = written("text", [found], width=width).splitlines()
    assert "acme_****" in row
    assert sum(2 if east_asian_width(char) in "WF" else 1 for char in row) <= width


def test_explanations_wrap_under_themselves(finding: Make, written: Write) -> None:
    """Ragged text is hard to read, but a link that is broken in two is of no use at all."""
    link = f"https://acme.example/{60 * 'k'}"
    assert written("text", [finding(rotate=link)], width=44) == told(
        f"""
        src/settings.py:12:15: critical:
          Acme API key acme_****
          12 │ TOKEN = "acme_****"
          rule    acme-api-key, high confidence
          why     calls every model of the account
                  and spends its credit
          rotate  {link}
        """
    )


def test_tabs_and_line_ends_do_not_disturb_the_layout(finding: Make, written: Write) -> None:
    """Go and Make indent with tabs, and files from Windows end their lines with two characters."""
    assert '  12 │     KEY = "****"\n' in written("text", [finding(excerpt='\tKEY = "****"\r\n', redacted="****")])


def test_the_width_is_the_terminals(finding: Make, summary: Callable[..., Summary]) -> None:
    """Nobody should have to tell a program how wide the window is."""
    pty = pytest.importorskip("pty")
    fcntl, struct, termios = (pytest.importorskip(name) for name in ("fcntl", "struct", "termios"))
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    with open(terminal, "w", encoding="utf-8") as out:
        run = reports.Run(iter([finding(why=" ".join(20 * ["word"]))]), summary)
        reports.load("text").report(run, out, reports.Options(version="1"))
        out.flush()
        shown = os.read(reader, 100_000).decode()
    os.close(reader)
    assert max(map(len, shown.splitlines())) in range(45, 51)


def test_a_stream_without_the_bar_gets_a_plain_one(finding: Make, summary: Callable[..., Summary]) -> None:
    """An escape in the gutter of every line would be ugly and misaligned."""
    data = io.BytesIO()
    out = io.TextIOWrapper(data, encoding="ascii")
    run = reports.Run(iter([finding(excerpt="é = ****")]), summary)
    reports.load("text").report(run, out, reports.Options(version="1"))
    out.flush()
    assert b"  12 | \\xe9 = ****" in data.getvalue()


@pytest.mark.parametrize(("colour", "found"), [(False, 1), (True, 0)])
def test_rich_is_imported_only_for_colour(colour: bool, found: int) -> None:
    """It costs more than most scans; a clean run and a log never need it."""
    program = dedent(
        f"""
        import io, sys
        from promptguard import reports
        from promptguard.model import *
        one = Finding(Origin("a"), "r", 1, "R", "v", Severity.LOW, Confidence.LOW, 0.5, (), Secret("s"), "f", "****",
                      0, 1, 1, 1, 1, 2, "****")
        run = reports.Run(iter({found} * [one]), lambda: None)
        reports.load("text").report(run, io.StringIO(), reports.Options(version="1", colour={colour}))
        print("rich" in sys.modules)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
