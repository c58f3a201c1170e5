"""The scanner: what it finds depends on the text alone, and says where it stands."""

from __future__ import annotations

import codecs
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptguard.engine.scanner import Scanner
from promptguard.errors import UnreadableError
from promptguard.model import Confidence, Document, Finding, Origin, Span

Build = Callable[..., Scanner]

VALUE = "9fK2mQ7x" + "Lw4TzR8v" + "Bn3c"
KEY = "acme_" + VALUE
BLOCK = {
    "id": "acme-block",
    "pattern": r"BEGIN ACME\s{1,2}(?P<secret>[A-Z0-9\r\n]{40,300})END",
    "specificity": 80,
    "boundaries": {"left": "", "right": ""},
}
GREEDY = {"id": "acme-greedy", "pattern": r"key=(?P<secret>[^\s,]{8,60})", "specificity": 0, "confidence": "medium"}


BODY = "".join("".join(random.Random(n).choices("ABCDEFGHKLMNPQRSTUVWXYZ23456789", k=12)) + "\r\n" for n in range(5))
"""Five lines as a key block has them, ended as Windows ends them."""


def _document(data: bytes, cuts: list[int] | None = None, path: str = "src/app.py") -> Document:
    """A document that comes in blocks which end at the given offsets."""
    edges = sorted({0, len(data), *(cuts or [])})
    pieces = [data[start:end] for start, end in pairwise(edges)] or [b""]
    return Document(Origin(path), lambda: iter(pieces))


@pytest.fixture(scope="module")
def scanner(scanner_of: Build) -> Scanner:
    return scanner_of({"specificity": 80}, BLOCK, GREEDY, markers=("acme:allow",))


# Where documents are cut ---------------------------------------------------------------------------------------------

_LINES = ["x = 1\n", "é😀 €\r\n", "\n", "a" * 700, "# ACME:allow it\n", "acme_short\n", "key=\n"]
_SECRETS = [f"{KEY}\n", f"key={KEY}\r\n", f"key=ü{VALUE}\n", f"BEGIN ACME\r\n{BODY}END\n"]


@dataclass(frozen=True)
class Big:
    """A text too long to be shown, made from a seed, with secrets here and there, and cuts in and around them."""

    seed: int
    secrets: int
    data: bytes = field(repr=False)
    cuts: list[int] = field(repr=False)


def _big(seed: int, secrets: int) -> Big:
    rng = random.Random(seed)
    pieces, cuts, size = [], [], 0
    for _ in range(secrets):
        filler = "".join(rng.choices(_LINES, k=10)) * rng.choice([1, 5, 20]) + "\n"
        secret = rng.choice(_SECRETS)
        pieces += [filler, secret]
        size += len(filler.encode())
        cuts += [size + rng.randint(-3, len(secret) + 3) for _ in range(rng.randint(0, 3))]
        cuts += [size + rng.choice([-1, 1]) * 16_384 + rng.randint(-2, 40)]
        size += len(secret.encode())
    data = "".join(pieces).encode() + b"tail\xff\xfe\x80"
    return Big(seed, secrets, data, [cut for cut in cuts if 0 < cut < len(data)])


big_texts = st.builds(_big, st.integers(0, 1 << 30), st.integers(2, 9))


@given(text=big_texts)
@settings(max_examples=25)
def test_how_a_document_is_cut_changes_nothing(scanner: Scanner, text: Big) -> None:
    """Blocks end in the middle of keys, characters and line ends; a scan of the same file must not hang on luck."""
    data, cuts = text.data, text.cuts
    whole = scanner.scan(_document(data), minimum=Confidence.LOW)
    assert len(whole) > 1
    assert _told(scanner.scan(_document(data, cuts), minimum=Confidence.LOW)) == _told(whole)


@given(text=big_texts)
@settings(max_examples=10)
def test_markers_and_sizes_are_the_same_in_pieces(scanner: Scanner, text: Big) -> None:
    """Allow comments are honoured by their lines: one that a cut hides is a finding that nobody can silence."""
    data, cuts = text.data, text.cuts
    parts = [list(scanner.parts(_document(data, chosen))) for chosen in ([], cuts)]
    lines = [{marker.line for part in found for marker in part.markers} for found in parts]
    assert lines[0] == lines[1]
    assert [sum(part.size for part in found) for found in parts] == [len(data), len(data)]


def _told(findings: list[Finding]) -> list[tuple[object, ...]]:
    return [(*_place(found), found.rule, found.secret.reveal(), found.score, found.excerpt) for found in findings]


def _place(found: Finding) -> tuple[int, ...]:
    return found.start, found.end, found.line, found.column, found.end_line, found.end_column


def test_every_cut_near_a_secret_is_a_good_one(scanner: Scanner) -> None:
    """The same again, byte by byte, where it matters most: inside é, between CR and LF, and inside the key."""
    around = "x\n" * 9_000
    middle = f"é\r\n😀{KEY}\r\nkey=é{KEY}é\r\n"
    data = (around + middle + around).encode()
    expected = _told(scanner.scan(_document(data), minimum=Confidence.LOW))
    assert len(expected) == 2
    for offset in range(len(middle.encode()) + 1):
        cut = len(around) + offset
        assert _told(scanner.scan(_document(data, [cut]), minimum=Confidence.LOW)) == expected, offset


def test_a_document_may_come_in_crumbs(scanner: Scanner) -> None:
    """A pipe gives what it has, and sometimes nothing."""
    data = f"é{KEY}\r\nkey={KEY}\n".encode()
    crumbs = [piece for at in range(len(data)) for piece in (data[at : at + 1], b"")]
    document = Document(Origin("-"), lambda: iter(crumbs))
    assert _told(scanner.scan(document)) == _told(scanner.scan(data))


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf"])
def test_nothing_is_found_in_nothing(scanner: Scanner, data: bytes) -> None:
    """Empty files are common."""
    assert scanner.scan(_document(data)) == []
    assert scanner.scan(Document(Origin("-"), lambda: iter(()))) == []


def test_an_unreadable_document_says_so(scanner: Scanner) -> None:
    """What fails half way must not count as looked at."""

    def blocks() -> Iterator[bytes]:
        yield f"{KEY}\n".encode()
        raise UnreadableError("permission denied")

    with pytest.raises(UnreadableError, match="permission denied"):
        scanner.scan(Document(Origin("x"), blocks))


# Encodings -----------------------------------------------------------------------------------------------------------

ENCODINGS = [
    ("utf-8", codecs.BOM_UTF8),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
    ("utf-32-le", codecs.BOM_UTF32_LE),
    ("utf-32-be", codecs.BOM_UTF32_BE),
]
TEXT = f"first line\r\nthe key is {KEY} and é\r\nlast\r\n"


@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_the_encoding_changes_no_place(scanner: Scanner, encoding: str, mark: bytes, marked: bool) -> None:
    """PowerShell writes UTF-16; an editor must still jump to the right column."""
    data = (mark if marked else b"") + TEXT.encode(encoding)
    (finding,) = scanner.scan(_document(data))
    assert finding.secret.reveal() == KEY
    assert (finding.line, finding.column, finding.start) == (2, 12, TEXT.index(KEY))
    assert finding.end == finding.start + len(KEY)


@given(cuts=st.lists(st.integers(65, 400), max_size=6), encoding=st.sampled_from([name for name, _ in ENCODINGS]))
@settings(max_examples=30)
def test_wide_characters_may_be_cut_in_half(scanner: Scanner, cuts: list[int], encoding: str) -> None:
    """Blocks are counted in bytes, characters in two or four of them."""
    data = f"some words to begin with, all of them plain\r\n😀{KEY}é\r\n".encode(encoding)
    whole = _told(scanner.scan(_document(data)))
    assert whole
    assert _told(scanner.scan(_document(data, [cut for cut in cuts if cut < len(data)]))) == whole


@pytest.mark.parametrize("size", [0, 1])
def test_a_mark_may_be_cut_in_half(scanner: Scanner, size: int) -> None:
    """A first block that is shorter than the mark is legal, and would make UTF-16 unreadable."""
    data = codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")
    document = Document(Origin("-"), lambda: iter([data[:size], data[size:]]))
    assert len(scanner.scan(document)) == 1


@pytest.mark.parametrize("data", [b"\x7fELF\0\0\0\1" + bytes(64), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))])
def test_binary_files_are_named_as_such(scanner: Scanner, data: bytes) -> None:
    """Passed over, but never in silence."""
    with pytest.raises(UnreadableError, match="binary"):
        scanner.scan(_document(data))


def test_broken_utf16_is_named_as_such(scanner: Scanner) -> None:
    """Half a character at the end: nobody may believe that all of it was read."""
    with pytest.raises(UnreadableError, match="broken utf-16-le"):
        scanner.scan(_document(codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le") + b"x"))


@pytest.mark.parametrize("noise", [b"\xff\xfe", b"caf\xe9 ", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
def test_bytes_that_are_no_utf8_count_one_each(scanner: Scanner, noise: bytes) -> None:
    """Latin-1 files hold keys as well, and the column must be one that an editor shows."""
    (finding,) = scanner.scan(_document(b"a\n" + b"_" + noise + KEY.encode() + b" " + noise))
    assert (finding.line, finding.column) == (2, 2 + len(noise))
    assert finding.secret.reveal() == KEY
    assert finding.excerpt.encode()  # fit to be printed


def test_lone_surrogates_keep_their_place(scanner: Scanner) -> None:
    """Text from JSON may hold half of a pair; it must neither crash nor move what follows."""
    (match,) = scanner.matches(f"\ud83d {KEY} \udcff")
    assert (match.start, match.end) == (2, 2 + len(KEY))


# Matches of a text ---------------------------------------------------------------------------------------------------


@given(before=st.text(max_size=12), after=st.text(max_size=12))
@settings(max_examples=60)
def test_text_and_bytes_agree(scanner: Scanner, before: str, after: str) -> None:
    """Redaction cuts by these offsets: characters for text, bytes for bytes."""
    text = f"{before} {KEY} {after}"
    in_text, in_bytes = scanner.matches(text), scanner.matches(text.encode())
    assert [text[match.start : match.end] for match in in_text] == [match.secret.reveal() for match in in_bytes]
    for ours, theirs in zip(in_text, in_bytes, strict=True):
        assert len(text[: ours.start].encode()) == theirs.start
        assert len(text[: ours.end].encode()) == theirs.end
        assert ours.score == theirs.score


@pytest.mark.parametrize("left", ["x", "é\nacme ", b"\xff "])
def test_the_left_decides_but_is_not_searched(scanner_of: Build, scanner: Scanner, left: str | bytes) -> None:
    """In a stream the text before is known already; what stands in it was handled then."""
    beside = scanner_of({"pattern": "[0-9A-Za-z]{20}", "keywords": ["acme"]})
    assert len(beside.matches(VALUE, left=left)) == (left == "é\nacme ")
    assert len(scanner.matches(KEY, left=left)) == (left != "x")
    assert scanner.matches(" and more", left=KEY) == []
    assert scanner.matches(KEY[10:], left=KEY[:10]) == []
    (match,) = scanner.matches(f" {KEY}", left=f"ééé {KEY}")
    assert match.start == 1


def test_what_is_not_final_holds_back_its_end(scanner: Scanner) -> None:
    """More text may make the last word longer, or another one; before that, nothing may change."""
    text = f"{KEY} " + "x " * scanner.reach + KEY
    assert [match.start for match in scanner.matches(text, final=False)] == [0]
    assert len(scanner.matches(text)) == 2
    assert scanner.matches(KEY, final=False) == []


def test_overlaps_go_to_the_most_specific(scanner: Scanner) -> None:
    """One leak, one finding; and what covers all of them is what redaction replaces."""
    text = f"key=pre:{KEY}:post"
    (match,) = scanner.matches(text)
    assert match.rule.id == "acme-key"
    assert text[match.start : match.end] == KEY
    assert match.union == Span(4, len(text))


def test_neighbours_are_no_overlap(scanner: Scanner) -> None:
    """Two keys side by side are two leaks."""
    assert len(scanner.matches(f"{KEY},{KEY}")) == 2
    assert [match.rule.id for match in scanner.matches(f"key={VALUE},{KEY}")] == ["acme-greedy", "acme-key"]


def test_a_winner_leaves_room_for_others_in_its_cluster(scanner_of: Build) -> None:
    """A wide match bridges two good ones: both must be told."""
    scanner = scanner_of(
        {"specificity": 80}, {"id": "acme-wide", "pattern": r"key=(?P<secret>\S{8,90})", "specificity": 0}
    )
    text = f"key={KEY}:{KEY}"
    matches = scanner.matches(text)
    assert [match.rule.id for match in matches] == ["acme-key", "acme-key"]
    assert {match.union for match in matches} == {Span(4, len(text))}


@pytest.mark.parametrize(("ours", "theirs", "winner"), [("high", "low", "acme-a"), ("low", "high", "acme-b")])
def test_equals_are_settled_by_score(scanner_of: Build, ours: str, theirs: str, winner: str) -> None:
    """Of two rules of one rank the likelier speaks."""
    scanner = scanner_of({"id": "acme-a", "confidence": ours}, {"id": "acme-b", "confidence": theirs})
    assert [match.rule.id for match in scanner.matches(KEY)] == [winner]


def test_the_value_is_the_group_secret(scanner: Scanner) -> None:
    """What introduces a value is no secret, and is needed to read the redacted text."""
    (match,) = scanner.matches(f"key={VALUE}!")
    assert match.secret.reveal() == VALUE + "!"
    assert VALUE not in repr(match)


def test_threads_share_a_scanner(scanner_of: Build) -> None:
    """One scanner serves a whole process; patterns and vocabulary are loaded on first use, by whoever comes first."""
    scanner = scanner_of({"tokens": {"max_ratio": 9.0}})
    texts = [f"{'x ' * n}{KEY}\n" * 20 for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        in_threads = list(pool.map(scanner.scan, texts))
    assert [_told(found) for found in in_threads] == [_told(scanner.scan(text)) for text in texts]


# Places and excerpts -------------------------------------------------------------------------------------------------


def test_places_count_as_editors_do(scanner: Scanner) -> None:
    """Lines end at a line feed, a carriage return before it is part of the line, columns count characters."""
    text = f"one\r\né😀 BEGIN ACME\r\n{BODY}END\r\n"
    (finding,) = scanner.scan(text)
    assert finding.rule == "acme-block"
    assert (finding.line, finding.column) == (3, 1)
    assert (finding.end_line, finding.end_column) == (8, 1)
    assert text[finding.start : finding.end].lstrip() == BODY


@given(before=st.lists(st.sampled_from(["a", "é", "😀", "\n", "\r\n", "\t", " "]), max_size=20).map("".join))
@settings(max_examples=60)
def test_a_place_is_where_its_text_is(scanner: Scanner, before: str) -> None:
    """Reports, editors and allow comments all go by line and column."""
    text = f"{before} {KEY} end"
    (finding,) = scanner.scan(text)
    line = text.split("\n")[finding.line - 1]
    assert line[finding.column - 1 : finding.end_column - 1] == KEY == text[finding.start : finding.end]


def test_an_excerpt_shows_the_line_and_not_the_value(scanner: Scanner) -> None:
    """Enough to recognise the place, nothing to use."""
    (finding,) = scanner.scan(f"before\r\nconst k = '{KEY}'; // é\r\nafter")
    assert finding.excerpt == "const k = 'acme_****'; // é"


@st.composite
def lines_with_values(draw: st.DrawFn) -> str:
    """A line or two with the value in them several times, once at least where a rule sees it."""
    gaps = st.lists(st.sampled_from([" ", "x", "=", "é", "key=", "\n", "-" * 50, "y" * 20, "\r\n"]), max_size=4).map(
        "".join
    )
    pieces = draw(st.lists(st.tuples(gaps, st.sampled_from([KEY, "x" + KEY, KEY + "9"])), max_size=3))
    return "".join(gap + value for gap, value in pieces) + f" {KEY} " + draw(gaps) + draw(st.sampled_from(["", KEY]))


@given(text=lines_with_values())
@settings(max_examples=60)
def test_an_excerpt_never_holds_a_value(scanner: Scanner, text: str) -> None:
    """Reports go to logs and chats; a value may stand in the line again where no rule sees it."""
    for finding in scanner.scan(text, minimum=Confidence.LOW):
        assert KEY not in finding.excerpt


@pytest.mark.parametrize("text", [f"{KEY} {'-' * 40}x{KEY}", f"x{KEY}x{'-' * 80} {KEY}"])
def test_an_excerpt_never_holds_most_of_a_value(scanner: Scanner, text: str) -> None:
    """Fifteen of twenty characters are as good as all."""
    (finding,) = scanner.scan(text)
    pieces = {VALUE[at : at + 8] for at in range(len(VALUE) - 7)}
    assert not any(piece in finding.excerpt for piece in pieces)


@pytest.mark.xfail(strict=True, reason="Excerpts knows the values of the current window alone")
def test_an_excerpt_does_not_hang_on_the_cuts(scanner: Scanner) -> None:
    """A value that a rule sees far below, and not here, is masked in a small file and shown in a large one."""
    data = (f"x{KEY}x acme_{VALUE[::-1]}\n" + "a b\n" * 20_000 + f"{KEY}\n").encode()
    assert _told(scanner.scan(_document(data, [30_000, 60_000]))) == _told(scanner.scan(_document(data)))


@pytest.mark.parametrize("size", [40_000, 50_001, 65_536])
@pytest.mark.parametrize("overlap", [0, 7])
def test_a_stream_finds_what_the_whole_text_holds(scanner: Scanner, size: int, overlap: int) -> None:
    """The sanitizer feeds a text piece by piece, holding back its end: nothing may fall between two calls."""
    pieces = [f"{'é ' if overlap else 'x '}{'-' * n} {KEY}\n" for n in range(400)]
    text = "".join(pieces)
    whole = [(match.start, match.end) for match in scanner.matches(text)]
    held, done, found = 0, 0, list[tuple[int, int]]()
    for end in [*range(size, len(text), size), len(text)]:
        is_last = end == len(text)
        left = text[max(0, held - scanner.reach) : held]
        found += [
            (held + match.start, held + match.end)
            for match in scanner.matches(text[held:end], left=left, final=is_last)
        ]
        whole_bytes = text[held:end].encode()
        done = len(whole_bytes[: max(0, len(whole_bytes) - scanner.reach)].decode("utf-8", "ignore"))
        held += done
    assert len(whole) == len(pieces)
    assert found == whole


def test_long_lines_are_cut_to_a_readable_length(scanner: Scanner) -> None:
    """Minified files have lines of megabytes."""
    (finding,) = scanner.scan("é" * 5_000 + f" {KEY} " + "😀" * 5_000)
    assert len(finding.excerpt) < 250
    assert finding.excerpt.startswith("…é")
    assert finding.excerpt.endswith("😀…")


def test_a_finding_says_all_there_is_to_say(scanner: Scanner) -> None:
    """Reports are written from this value alone."""
    (finding,) = scanner.scan(_document(f"{KEY}\n".encode(), path="deploy/app.env"))
    assert (finding.origin.path, finding.rule, finding.rule_version, finding.vendor) == (
        "deploy/app.env",
        "acme-key",
        1,
        "acme",
    )
    assert (str(finding.severity), str(finding.confidence), finding.redacted) == ("high", "high", "acme_****")
    assert finding.fingerprint == "of acme"
    assert VALUE not in repr(finding)


def test_weak_findings_come_when_asked_for(scanner_of: Build) -> None:
    """Reporting acts on medium and up; the sanitizer sees the same findings from low on."""
    scanner = scanner_of({"confidence": "low"})
    assert scanner.scan(KEY) == []
    assert len(scanner.scan(KEY, minimum=Confidence.LOW)) == 1
    assert len(scanner.matches(KEY)) == 1
