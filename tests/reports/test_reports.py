"""What holds for every format, and the summary that all of them share."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard import reports
from promptguard.errors import ConfigurationError, UnreadableError
from promptguard.model import Finding, Origin, Severity, Skipped, Summary

FORMATS = reports.names()

Make = Callable[..., Finding]
Write = Callable[..., str]
Tell = Callable[..., Summary]

any_text = st.text(st.characters(exclude_categories=()))
"""Surrogates too: that is how Python names a file whose name is no Unicode."""

secrets = st.text("GHIJKLMNOPQRSTUVWXYZЖЩ", min_size=12, max_size=80)
"""No six of these letters stand together in anything that a report says of itself."""


def test_the_formats_are_the_modules_of_the_folder() -> None:
    """Whoever adds a format adds a file and touches nothing else."""
    assert FORMATS == ("github", "json", "jsonl", "sarif", "text")
    assert all(callable(reports.load(name).report) for name in FORMATS)


@pytest.mark.parametrize("name", ["xml", "", "__init__", "_visible", "../text", "JSON"])
def test_an_unknown_format_is_refused_with_the_choices(name: str) -> None:
    """A typing error is put right at once, and no other module can be loaded by way of `--format`."""
    with pytest.raises(ConfigurationError, match="github, json, jsonl, sarif, text"):
        reports.load(name)


def test_listing_formats_imports_none_of_them() -> None:
    """The command line lists formats on every start, and start-up time is what a pre-commit hook feels."""
    program = "import sys; from promptguard import reports; reports.names(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "promptguard.reports" in loaded
    assert not {f"promptguard.reports.{name}" for name in FORMATS} & set(loaded)
    assert "rich" not in loaded


@pytest.mark.parametrize("format_", FORMATS)
@given(one=secrets, other=secrets, verbose=st.integers(0, 2), colour=st.booleans())
def test_no_report_depends_on_a_value(
    finding: Make, written: Write, format_: str, one: str, other: str, verbose: int, colour: bool
) -> None:
    """Reports are pasted into tickets and kept by CI: they must not hold a piece, a length or a hash of the value."""
    first, second = finding(value=one), finding(value=other)
    told = written(format_, [first], verbose=verbose, colour=colour)
    assert told == written(format_, [second], verbose=verbose, colour=colour)
    assert not _pieces(one) & _pieces(told)
    assert not _pieces(one) & _pieces(repr(first))


def _pieces(text: str) -> set[str]:
    return {text[at : at + 6] for at in range(len(text) - 5)}


@pytest.mark.parametrize("format_", FORMATS)
def test_values_are_shown_only_where_the_asker_looks(finding: Make, written: Write, format_: str) -> None:
    """`--show-secrets` is for one's own eyes; what is made to be uploaded keeps still all the same."""
    value = "acme_" + 4 * "QRSTUVWX"
    assert (value in written(format_, [finding(value=value)], show_secrets=True)) == (
        format_ not in ("sarif", "github")
    )


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("text", ""),
        ("jsonl", ""),
        ("github", ""),
        ("json", '{"schema": "promptguard.findings/1", "findings": [\n], "summary": {"documents": 3, "bytes": 4096, '
         '"seconds": 0.5, "findings": 0, "allowed": 0, "skipped": [], "unused": []}}\n'),
    ],
)  # fmt: skip
def test_nothing_found_is_told_briefly(written: Write, format_: str, expected: str) -> None:
    """A clean run of a hook is silent, and a program still gets a whole document."""
    assert written(format_, []) == expected


@pytest.mark.parametrize("format_", FORMATS)
def test_memory_stays_flat(finding: Make, summary: Tell, format_: str) -> None:
    """A first scan of an old monorepo finds a hundred thousand test keys, on a small CI machine."""
    few = [finding(path=f"src/{at // 2}.py", fingerprint=f"{at:032x}") for at in range(100)]

    def many() -> Iterator[Finding]:
        for _ in range(70):
            yield from few
        tracemalloc.start()  # what stays from here on would stay from the beginning: tracing all takes long
        for _ in range(30):
            yield from few

    try:
        reports.load(format_).report(reports.Run(many(), summary), _Nowhere(), reports.Options(version="1"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000 * _REFERENCE


_REFERENCE = 8
"""Bytes: a report that holds on to its findings holds one of these each, at the least."""


class _Nowhere(io.StringIO):
    def write(self, text: str) -> int:
        return len(text)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_reader_that_left_ends_the_scan(finding: Make, summary: Tell, format_: str) -> None:
    """`promptguard scan | head` must end at once, which is for the caller to arrange: it has to hear of it."""
    read, write = os.pipe()
    os.close(read)
    findings = (finding(path=f"{at}.py") for at in range(100_000))
    out = open(write, "w", encoding="utf-8")  # noqa: SIM115  (closing it fails, as it should)
    with pytest.raises(BrokenPipeError):
        reports.load(format_).report(reports.Run(findings, summary), out, reports.Options(version="1"))
    assert next(findings, None) is not None
    with suppress(BrokenPipeError):  # some versions of Python try once more
        out.close()


@pytest.mark.parametrize("format_", FORMATS)
def test_a_scan_that_fails_fails_the_report(finding: Make, written: Write, format_: str) -> None:
    """Half a report that looks whole would be a clean bill for what was never looked at."""

    def broken() -> Iterator[Finding]:
        yield finding()
        raise UnreadableError("the disk is gone")

    with pytest.raises(UnreadableError):
        written(format_, broken())


@pytest.mark.parametrize("format_", FORMATS)
@given(path=any_text, excerpt=any_text, name=any_text, note=any_text)
def test_every_report_is_valid_utf_8(
    finding: Make, written: Write, summary: Tell, format_: str, path: str, excerpt: str, name: str, note: str
) -> None:
    """A file whose name is no Unicode must not end the report in the middle."""
    told = summary(skipped=(Skipped(Origin(path), note),), unused=(note,))
    text = written(
        format_, [finding(path=path, excerpt=excerpt, redacted=f"{name}****")], told, show_secrets=True, verbose=1
    )
    text.encode("utf-8")
    if format_ in ("json", "jsonl", "sarif"):
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")  # no surrogate hides behind an escape


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "shift_jis"])
@pytest.mark.parametrize("colour", [False, True])
def test_a_stream_that_is_not_unicode_gets_escapes(
    finding: Make, summary: Tell, format_: str, encoding: str, colour: bool
) -> None:
    """Python gives a redirected stream on Windows the system's old code page."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    run = reports.Run(iter([finding(path="ключи/日本/é.py", excerpt="é 日本 ключ ****")]), summary)
    reports.load(format_).report(run, out, reports.Options(version="1", colour=colour))
    out.flush()


@pytest.mark.parametrize("format_", ["json", "jsonl", "sarif"])
def test_windows_line_ends_leave_json_whole(finding: Make, summary: Tell, format_: str) -> None:
    """A text stream on Windows writes every line end as two characters."""
    data = io.BytesIO()
    out = io.TextIOWrapper(data, encoding="utf-8", newline="\r\n")
    run = reports.Run(iter([finding(excerpt="a = '****'\r"), finding(path="b\r\n.py")]), summary)
    reports.load(format_).report(run, out, reports.Options(version="1"))
    out.flush()
    lines = data.getvalue().decode().splitlines()
    assert [json.loads(line) for line in lines] if format_ == "jsonl" else json.loads(data.getvalue())


def test_the_summary_tells_the_run_in_one_line(summary: Tell) -> None:
    """It is all that most runs print: it must say what was looked at, how fast, and what was not told."""
    skipped = tuple(Skipped(Origin(f"{at}.png"), "binary") for at in range(1200))
    told = summary(
        documents=12_345,
        bytes=56_700_000,
        seconds=0.42,
        findings=1,
        allowed=2,
        skipped=(Skipped(Origin("k"), "permission denied"), *skipped),
        unused=("a.py:3: promptguard:allow",),
    )
    assert reports.summary_lines(told, 0) == [
        "12,345 documents, 56.7 MB in 0.42 s (135 MB/s): 1 finding, 2 allowed, "
        "1,201 skipped (1,200 binary, 1 permission denied), 1 unused allow"
    ]


def test_the_summary_of_a_clean_run_is_short(summary: Tell) -> None:
    """Zeros are noise; and a run too short for the clock must not divide by it."""
    told = summary(documents=1, bytes=512, seconds=0.0)
    assert reports.summary_lines(told, 0) == ["1 document, 512 B in 0.00 s (0.0 MB/s): 0 findings"]


def test_verbose_names_what_was_not_looked_at(summary: Tell) -> None:
    """Nothing is passed over in silence, and an allow that allows nothing should go."""
    told = summary(
        skipped=(Skipped(Origin("keys.kdbx"), "binary"), Skipped(Origin("pipe"), "not a regular file")),
        unused=("a.py:3: promptguard:allow[acme-api-key]",),
    )
    assert reports.summary_lines(told, 1)[1:] == [
        "skipped keys.kdbx: binary",
        "skipped pipe: not a regular file",
        "unused allow a.py:3: promptguard:allow[acme-api-key]",
    ]


@given(path=any_text, reason=any_text, unused=any_text)
def test_the_summary_is_safe_to_print(summary: Tell, path: str, reason: str, unused: str) -> None:
    """File names are chosen by whoever made the repository, and the summary goes to a terminal."""
    told = summary(skipped=(Skipped(Origin(path), reason),), unused=(unused,))
    assert all(line.isprintable() for line in reports.summary_lines(told, 1))


def test_every_severity_has_its_words(finding: Make, written: Write) -> None:
    """A severity that a format has forgotten would end the report at its first finding."""
    for format_ in FORMATS:
        assert written(format_, [finding(severity=severity) for severity in Severity])
