from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptguard.baseline.inline import HEAD_LINES, MARKERS, REACH, Directives

SYNTAXES = ("# {}", "// {}", "/* {} */", "<!-- {} -->", "-- {}", "; {}", "% {}", "{{# {} #}}", "' {}", "#{}", "//{}",
            "--{}", "/*{}*/", "<!--{}-->", "{{#{}#}}", '"{}"', "({})")  # fmt: skip
ON_THE_LINE = (
    "promptguard:allow",
    "promptguard:allow a revoked key",
    "promptguard:allow[acme-api-key]",
    "promptguard:allow[other-key, acme-api-key] a revoked key",
    "gitleaks:allow",
    "betterleaks:allow",
    "trufflehog:ignore",
    "ggignore",
    "pragma: allowlist secret",
    "pragma:allowlist secret",
    "pragma: whitelist secret",
    "secretlint-disable-line",
    "secretlint-disable-line @secretlint/secretlint-rule-acme -- a revoked key",
)
ABOVE_IT = (
    "promptguard:allow-next-line",
    "promptguard:allow-next-line[acme-api-key] a revoked key",
    "pragma: allowlist nextline secret",
    "secretlint-disable-next-line",
    "secretlint-disable-next-line @secretlint/secretlint-rule-acme",
)
BLOCKS = (
    ("promptguard:allow-start", "promptguard:allow-end"),
    ("promptguard:allow-start[acme-api-key]", "promptguard:allow-end"),
    ("promptguard:allow-start", "promptguard:allow-end[acme-api-key]"),
    ("secretlint-disable", "secretlint-enable"),
    ("secretlint-disable @secretlint/secretlint-rule-acme", "secretlint-enable @secretlint/secretlint-rule-acme"),
)


def has_marker(text: str) -> bool:
    return any(marker in text.lower() for marker in MARKERS)


def read(lines: list[str]) -> Directives:
    directives = Directives()
    for number, line in enumerate(lines, 1):
        if has_marker(line):
            directives.add(number, line)
    return directives


def allowed(lines: list[str], rule: str = "acme-api-key") -> list[int]:
    directives = read(lines)
    return [number for number in range(1, len(lines) + 1) if directives.allows(rule, number, number)]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("words", ON_THE_LINE)
def test_a_comment_on_the_line_allows_that_line_alone(words: str, syntax: str) -> None:
    """Teams move over without touching their comments, in whatever language they are."""
    assert allowed(["x", "key = 1 " + syntax.format(words), "x"]) == [2]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("words", ABOVE_IT)
def test_a_comment_above_allows_the_next_line_alone(words: str, syntax: str) -> None:
    """Formats whose lines take no comment at the end still have a place for one."""
    assert allowed(["x", syntax.format(words), "key", "x"]) == [3]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("start", "end"), BLOCKS)
def test_a_block_allows_its_lines_with_both_ends(start: str, end: str, syntax: str) -> None:
    """A fixture with twenty keys needs two comments, not twenty."""
    assert allowed(["x", syntax.format(start), "key", "key", syntax.format(end), "x"]) == [2, 3, 4, 5]


@pytest.mark.parametrize("start", [start for start, _ in BLOCKS])
def test_a_block_that_nothing_closes_runs_to_the_end(start: str) -> None:
    """The form that secretlint documents for whole files."""
    assert allowed(["x", f"# {start}", "key", "key"]) == [2, 3, 4]


@pytest.mark.parametrize("line", [1, 2, HEAD_LINES])
def test_a_whole_file_is_allowed_from_its_head(line: int) -> None:
    """It also counts for what stands above it, a shebang or a licence with a key in it."""
    lines = ["x"] * (HEAD_LINES + 5)
    lines[line - 1] = "# promptguard:allow-file[acme-api-key] recorded answers"
    assert allowed(lines) == list(range(1, len(lines) + 1))
    assert allowed(lines, "other-key") == []


def test_a_whole_file_is_not_allowed_from_its_depths() -> None:
    """Nobody who reviews a file looks for such a comment on line 3,000; it is said to be unused."""
    lines = ["x"] * HEAD_LINES + ["# promptguard:allow-file", "x"]
    assert allowed(lines) == []
    assert list(read(lines).unused()) == [(HEAD_LINES + 1, "promptguard:allow-file")]


@pytest.mark.parametrize(
    "words",
    [
        "xgitleaks:allowed",
        "xgitleaks:allow",
        "gitleaks:allowed",
        "gitleaks:allow_all",
        "gitleaks:allow-list",
        "no-gitleaks:allow",
        "docs/gitleaks:allow",
        "me@trufflehog:ignore",
        "debuggignore",
        "ggignored",
        "pragma: allowlist secrets",
        "pragma: allowlist",
        "pragma:  allowlist secret",
        "secretlint-disabled",
        "secretlint-disable-lines",
        "promptguard:allowed",
        "promptguard:allow-everything",
        "promptguard:allow-next",
        "promptguard:allow-line-next-line",
    ],
)
def test_a_marker_is_a_word_of_its_own(words: str) -> None:
    """What merely looks like a directive must not hide a key."""
    assert allowed(["x", f"key # {words}", "x", "x"]) == []


@pytest.mark.parametrize("neighbour", ["é", "注", "ـ", "🔑", "\u200b"])
def test_a_language_without_blanks_may_touch_a_marker(neighbour: str) -> None:
    """Comments are not all in English."""
    assert allowed([f"key # {neighbour}gitleaks:allow{neighbour}"]) == [1]


@pytest.mark.parametrize("words", [*ON_THE_LINE, "promptguard:allow [acme-api-key]"])
def test_case_and_line_ends_do_not_matter(words: str) -> None:
    """The native search for markers ignores case, and a carriage return ends many a line."""
    assert allowed(["x", f"key # {words.upper()}\r", "x\r"]) == [2]


@pytest.mark.parametrize(
    "words",
    [
        "promptguard:allow[other-key]",
        "promptguard:allow[acme]",
        "promptguard:allow[acme-api-key",
        "promptguard:allow[]",
        "promptguard:allow [see the ticket]",
        "promptguard:allow[acme api key]",
        "promptguard:allow[" + "x" * REACH + ",acme-api-key]",
        "secretlint-disable-line @secretlint/secretlint-rule-slack",
        "secretlint-disable-line because it is revoked",
        "secretlint-disable-line @secretlint/secretlint-rule-" + "x" * REACH + ", acme",
        "promptguard:allow-nextline",
    ],
)
def test_a_directive_for_other_rules_or_a_broken_one_allows_nothing_and_is_named(words: str) -> None:
    """A typing error must show up as one, not open the gate for every rule."""
    directives = read(["x", f"key # {words}", "x"])
    assert not any(directives.allows("acme-api-key", line, line) for line in (1, 2, 3))
    assert [line for line, _ in directives.unused()] == [2]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("@secretlint/secretlint-rule-slack", "slack-bot-token"),
        ("@secretlint/secretlint-rule-privatekey", "generic-private-key"),
        ("@secretlint/secretlint-rule-privatekey", "generic-private-key-encrypted"),
        ("secretlint-rule-npm", "npm-access-token"),
        ("@secretlint/secretlint-rule-preset-recommend", "slack-bot-token"),
        ("@secretlint/secretlint-rule-github, @secretlint/secretlint-rule-slack", "slack-bot-token"),
    ],
)
def test_secretlint_names_reach_our_rules(name: str, rule: str) -> None:
    """Its comments name its own rules, which are called after a vendor or a kind."""
    assert allowed([f"/* secretlint-disable-line {name} */"], rule) == [1]
    assert allowed([f"/* secretlint-disable-line {name} */"], "unlike-key") == ([1] if "preset" in name else [])


@pytest.mark.parametrize("words", [words for words in ON_THE_LINE if "-line" not in words])
def test_a_secret_of_many_lines_is_allowed_on_its_first_and_last(words: str) -> None:
    """There is no room for a comment inside a private key."""
    for line, expected in ((3, False), (4, True), (5, False), (7, True), (8, False)):
        directives = Directives()
        directives.add(line, f"# {words}")
        assert directives.allows("acme-api-key", 4, 7) is expected


@pytest.mark.parametrize("words", ABOVE_IT)
def test_a_secret_of_many_lines_is_allowed_above_its_first(words: str) -> None:
    """A comment above its last line stands in the middle of it, and is none."""
    for line, expected in ((2, False), (3, True), (4, False), (6, False), (7, False)):
        directives = Directives()
        directives.add(line, f"# {words}")
        assert directives.allows("acme-api-key", 4, 7) is expected


def test_tools_do_not_close_each_others_blocks() -> None:
    """`secretlint-enable` belongs to another tool's world than `promptguard:allow-start`."""
    assert allowed(["promptguard:allow-start", "secretlint-enable", "x"]) == [1, 2, 3]


def test_what_allows_nothing_is_named_in_order() -> None:
    """Comments that outlive their key are how the next key goes unseen."""
    lines = [
        "promptguard:allow-start[other-key]",
        "key # ggignore",
        "promptguard:allow-end",
        "key # gitleaks:allow",
        "# Pragma: Whitelist NextLine Secret",
        "x",
        "secretlint-disable @secretlint/secretlint-rule-slack",
    ]
    directives = read(lines)
    assert directives.allows("acme-api-key", 4, 4)
    assert list(directives.unused()) == [
        (1, "promptguard:allow-start[…]"),
        (2, "ggignore"),
        (5, "pragma: allowlist nextline secret"),
        (7, "secretlint-disable[…]"),
    ]


def test_all_directives_that_speak_of_a_secret_are_used() -> None:
    """A repository scanned by two tools has both their comments on a line, and neither is idle."""
    directives = read(["promptguard:allow-file", "key # gitleaks:allow trufflehog:ignore"])
    assert directives.allows("acme-api-key", 2, 2)
    assert list(directives.unused()) == []


@given(st.text(st.characters(codec="ascii", exclude_characters="\n]"), max_size=40).map("hunter2".__add__))
def test_what_someone_wrote_into_brackets_is_never_shown(text: str) -> None:
    """It may be the key itself, pasted into the wrong place."""
    directives = read([f"promptguard:allow[{text}] {text}", f"promptguard:allow-{text}"])
    assert all(text not in shown for _, shown in directives.unused())


# Documents for the properties below, and a plain reading of them, one line after the other, to compare with.

RULES = ("acme-api-key", "acme-token", "slack-bot-token")
DIRECTIVES = st.sampled_from(
    [
        *ON_THE_LINE,
        *ABOVE_IT,
        *(words for block in BLOCKS for words in block),
        "promptguard:allow-start[slack-bot-token]",
        "promptguard:allow-end[slack-bot-token]",
        "promptguard:allow-file[slack-bot-token]",
        "promptguard:allow[acme-token,slack-bot-token]",
        "promptguard:allow[",
        "xgitleaks:allowed",
        "",
    ]
)
LINES = st.lists(st.one_of(st.just([]), st.lists(DIRECTIVES, max_size=2)), max_size=30)


def concerns(words: str, rule: str) -> bool:
    if words.endswith("["):
        return False
    if "[" in words:
        return rule in words[words.index("[") + 1 : words.index("]")]
    return "secretlint-rule" not in words or rule.startswith("acme")


def plainly_allowed(lines: list[list[str]], rule: str) -> set[int]:
    found: set[int] = set()
    is_open = dict.fromkeys(("promptguard", "secretlint"), False)
    for number, directives in enumerate(lines, 1):
        heard = [words for words in directives if concerns(words, rule)]
        starts = {
            words[:10] for words in heard if "allow-start" in words or words.split(" ")[0] == "secretlint-disable"
        }
        ends = {words[:10] for words in heard if "allow-end" in words or "secretlint-enable" in words}
        for tool in is_open:
            if is_open[tool] or any(tool.startswith(start) for start in starts):
                found.add(number)
            is_open[tool] = (is_open[tool] or any(tool.startswith(start) for start in starts)) and not any(
                tool.startswith(end) for end in ends
            )
        if any(words in ON_THE_LINE or words.startswith("promptguard:allow[") for words in heard):
            found.add(number)
        if any(words in ABOVE_IT for words in heard):
            found.add(number + 1)
        if number <= HEAD_LINES and any("allow-file" in words for words in heard):
            return set(range(1, len(lines) + 1))
    return {number for number in found if number <= len(lines)}


@given(LINES, st.sampled_from(RULES))
def test_exactly_the_right_lines_are_allowed(lines: list[list[str]], rule: str) -> None:
    """Any mixture of dialects means what each of them means alone."""
    text = [" ".join(f"/* {words} */" for words in directives) for directives in lines]
    assert set(allowed(text, rule)) == plainly_allowed(lines, rule)


@given(LINES, st.integers(0, 3), st.data())
def test_cutting_does_not_matter(lines: list[list[str]], stretch: int, data: st.DataObject) -> None:
    """A document arrives in blocks, a minified line in pieces; no key must go unseen because of where they end."""
    gap = " " * (REACH * stretch // 2)
    text = [gap.join(["", *(f"/* {words} */" for words in directives), ""]) for directives in lines]
    whole, cut = read(text), Directives()
    pieces = [
        (number, line[max(0, at - left) : at + right], left >= at, at + right >= len(line))
        for number, line in enumerate(text, 1)
        for at in range(len(line))
        if line.lower().startswith(MARKERS, at)
        for left in [data.draw(st.integers(REACH, 3 * REACH))]
        for marker in [next(marker for marker in MARKERS if line.lower().startswith(marker, at))]
        for right in [len(marker) + data.draw(st.integers(REACH, 3 * REACH))]
    ]
    for number, piece, begins, ends in data.draw(st.permutations(pieces + pieces[:3])):
        cut.add(number, piece, begins=begins, ends=ends)
    for rule in RULES:
        for number in range(1, len(lines) + 1):
            assert cut.allows(rule, number, number + 1) == whole.allows(rule, number, number + 1)
    assert list(cut.unused()) == list(whole.unused())


def test_a_directive_at_a_cut_is_left_to_another_piece() -> None:
    """Cut off before its list, `allow[other-key]` would allow everything, and `xgitleaks:allow` would be a word."""
    directives = Directives()
    line = "key # xgitleaks:allow promptguard:allow[other-key]"
    directives.add(1, line[: line.index("[")], ends=False)
    directives.add(1, line[line.index("gitleaks") :], begins=False)
    assert not directives.allows("acme-api-key", 1, 1)
    assert list(directives.unused()) == [(1, "promptguard:allow[…]")]


def test_a_directive_that_is_seen_again_stays_used() -> None:
    """Pieces of a line overlap, and the next block may begin with the line that the last one ended in."""
    directives = Directives()
    for _ in range(2):
        directives.add(1, "key # gitleaks:allow")
        assert directives.allows("acme-api-key", 1, 1)
        assert list(directives.unused()) == []
    directives.add(1, "key # gitleaks:allow")
    assert list(directives.unused()) == []


@given(st.data())
def test_every_directive_holds_a_marker(data: st.DataObject) -> None:
    """Lines without one are never read: a directive that has none would be dead."""
    words = data.draw(DIRECTIVES)
    directives = Directives()
    directives.add(1, f"# {words}")
    if directives.allows("acme-api-key", 1, 1) or list(directives.unused()):
        assert has_marker(words)


def test_markers_are_literals_in_lower_case() -> None:
    """They are handed to a native search, where anything else would mean something else."""
    assert all(marker == marker.lower() and marker.isascii() and "\\" not in marker for marker in MARKERS)
