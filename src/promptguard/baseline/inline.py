"""Allow comments: what a text says about its own secrets, in the dialects that teams bring along.

    key = "…"  # promptguard:allow[github-pat] a revoked key, kept for the parser's tests

The one rule: an answer depends on the set of directives in the document alone, never on how the document was cut, nor
on how often or in which order a directive was seen. Whatever is malformed allows nothing and is said to be unused.

- its own line: `promptguard:allow`, `gitleaks:allow`, `betterleaks:allow`, `trufflehog:ignore`, `ggignore`,
  `pragma: allowlist secret`, `secretlint-disable-line`;
- the line after it: `promptguard:allow-next-line`, `pragma: allowlist nextline secret`, `secretlint-disable-next-line`;
- all lines from the one to the other, both included: `promptguard:allow-start` … `promptguard:allow-end`,
  `secretlint-disable` … `secretlint-enable`. A block that nothing closes runs to the end; blocks don't nest;
- the whole text: `promptguard:allow-file` on one of the first `HEAD_LINES` lines.

Ours take a list of rules, `promptguard:allow[github-pat, slack-bot-token]`, and any text after it as the reason.
secretlint's take names of its own rules, up to `-- reason`.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

MARKERS = (
    "promptguard:allow",
    "leaks:allow",  # gitleaks and betterleaks
    "trufflehog:ignore",
    "ggignore",
    "pragma: allowlist",
    "pragma:allowlist",
    "pragma: whitelist",  # as detect-secrets spelled it first, and still accepts
    "pragma:whitelist",
    "secretlint-disable",
    "secretlint-enable",
)
"""Lower-case literals, to be searched without regard to case: every line that holds a directive holds one of them."""

REACH = 512
"""How many characters on either side of a marker may belong to its directive; see `Directives.add`."""

HEAD_LINES = 20
"""A directive for the whole file counts when it stands on one of the first so many lines."""


class Directives:
    """The allow comments of one document.

    Before `allows` is asked about a secret, the markers of all lines up to its last line must have been added, and
    those of the first `HEAD_LINES` lines, so that an early secret hears of a directive for the whole file below it.
    """

    def __init__(self) -> None:
        self._seen: dict[_Directive, bool] = {}  # whether it has allowed something
        self._beside: dict[int, list[_Directive]] = {}  # by the line that they speak of
        self._above: dict[int, list[_Directive]] = {}
        self._whole: list[_Directive] = []
        self._starts: dict[_Key, list[_Directive]] = {}  # ordered by line
        self._ends: dict[_Key, list[_Directive]] = {}

    def add(self, line_number: int, line: str, *, begins: bool = True, ends: bool = True) -> None:
        """Read a line, counted from 1, that holds a marker.

        Of a very long line pieces will do, so long as each marker has one that shows `REACH` characters on either side
        of it: `begins` and `ends` say whether a piece begins and ends where the line does, and what stands too near to
        a cut is left to another piece. Seeing a directive twice makes no difference.
        """
        first = 0 if begins else _LEFT
        last = len(line) if ends else len(line) - _RIGHT
        for word in re.finditer(_WORD, line):
            if word.start() >= first and word.end() <= last:
                self._keep(_Directive(line_number, *_read(word)))

    def allows(self, rule: str, line: int, end_line: int) -> bool:
        """Whether a directive accepts a secret of `rule` that reaches from `line` to `end_line`.

        One does on or for its first line, and on its last.
        """
        speaking = list(self._speaking_of(_keys(rule), line, end_line))
        self._seen.update(dict.fromkeys(speaking, True))
        return bool(speaking)

    def unused(self) -> Iterator[tuple[int, str]]:
        """Line and text of the directives that have allowed nothing, in order.

        The text leaves out what stands in the brackets and the reason: anyone may have written anything there.
        """
        idle = (directive for directive, used in self._seen.items() if not used and directive.scope is not _Scope.END)
        yield from sorted((directive.line, str(directive)) for directive in idle)

    def _keep(self, directive: _Directive) -> None:
        if directive in self._seen:
            return
        self._seen[directive] = False
        match directive.scope:
            case _Scope.LINE:
                self._beside.setdefault(directive.line, []).append(directive)
            case _Scope.NEXT_LINE:
                self._above.setdefault(directive.line + 1, []).append(directive)
            case _Scope.FILE if directive.line <= HEAD_LINES:
                self._whole.append(directive)
            case _Scope.START:
                _file_under(self._starts, directive)
            case _Scope.END:
                _file_under(self._ends, directive)

    def _speaking_of(self, keys: frozenset[_Key], line: int, end_line: int) -> Iterator[_Directive]:
        beside = (directive for number in {line, end_line} for directive in self._beside.get(number, ()))
        for directive in (*self._whole, *self._above.get(line, ()), *beside):
            if directive.keys & keys:
                yield directive
        for number in {line, end_line}:
            yield from self._open(keys, number)

    def _open(self, keys: frozenset[_Key], line: int) -> Iterator[_Directive]:
        """The directives whose block is open on a line. An end on that very line closes it only for the next."""
        for tool in _TOOLS_WITH_BLOCKS:
            own = [key for key in keys if key[0] == tool]
            closed = max((_last(self._ends.get(key, ()), before=line) for key in own), default=0)
            for key in own:
                starts = self._starts.get(key, ())
                at = bisect_right(starts, line, key=_LINE) - 1
                if at >= 0 and starts[at].line > closed:
                    yield starts[at]


class _Scope(enum.Enum):
    LINE = enum.auto()
    NEXT_LINE = enum.auto()
    START = enum.auto()
    END = enum.auto()
    FILE = enum.auto()
    NOTHING = enum.auto()


_SCOPES = {
    "promptguard:allow": _Scope.LINE,
    "promptguard:allow-next-line": _Scope.NEXT_LINE,
    "promptguard:allow-start": _Scope.START,
    "promptguard:allow-end": _Scope.END,
    "promptguard:allow-file": _Scope.FILE,
    "gitleaks:allow": _Scope.LINE,
    "betterleaks:allow": _Scope.LINE,
    "trufflehog:ignore": _Scope.LINE,
    "ggignore": _Scope.LINE,
    "pragma: allowlist secret": _Scope.LINE,
    "pragma: allowlist nextline secret": _Scope.NEXT_LINE,
    "secretlint-disable": _Scope.START,
    "secretlint-enable": _Scope.END,
    "secretlint-disable-line": _Scope.LINE,
    "secretlint-disable-next-line": _Scope.NEXT_LINE,
}

_OURS, _SECRETLINT, _OTHERS = "promptguard", "secretlint", ""
_TOOLS_WITH_BLOCKS = (_OURS, _SECRETLINT)

_Key = tuple[str, str]
"""A tool and what it calls a rule; `*` are all of them."""

_LEFT = 2  # what a word of its own needs to be told from the end of another
_RIGHT = REACH - 64  # the longest list of rules; the rest is room for what follows the marker within its word

_ALL = "*"
_LINE = attrgetter("line")

# Text, not compiled: most scans meet no marker, and `re` keeps what it has compiled.
# ASCII only: a comment in a language without blanks between words may touch the marker.
_WORD = r"""(?xai)
    (?<! \w ) (?<! \w [-.:@/] )         # a word of its own: neither xgitleaks:allow nor no-gitleaks:allow
    (?: (?: (?P<ours> promptguard:allow ) | (?P<secretlint> secretlint-(?: disable | enable ) ) )
        (?P<suffix> (?: -\w{1,16} ){0,3} )
      | (?P<pragma> pragma: [ ]? (?: allow | white )list [ -] (?P<next> nextline [ -] )? secret )
      | (?: gitleaks:allow | betterleaks:allow | trufflehog:ignore | ggignore )
    )
    (?! \w ) (?! -\w )
    """
_BRACKETS = r"[ \t]{0,4}\[([^\]\r\n]*)(\])?"
_RULE_NAMES = r"(?a)[ \t]+(@?\w[\w./@-]*(?:[ \t]*,[ \t]*@?\w[\w./@-]*)*)"
_OUR_NAME = r"[a-z0-9-]+|\*"


@dataclass(frozen=True, slots=True)
class _Directive:
    line: int
    word: str
    scope: _Scope
    keys: frozenset[_Key]
    """What it speaks of; none when it is malformed."""
    is_limited: bool

    def __str__(self) -> str:
        return self.word + ("[…]" if self.is_limited else "")


def _read(word: re.Match[str]) -> tuple[str, _Scope, frozenset[_Key], bool]:
    """A directive but for its line. The spelling holds nothing that was made up by whoever wrote the text."""
    rest = word.string[word.end() : word.end() + _RIGHT]
    if word["ours"]:
        tool, names = _OURS, _names_in_brackets(rest)
    elif word["secretlint"]:
        tool, names = _SECRETLINT, _secretlint_names(rest)
    else:
        tool, names = _OTHERS, [_ALL]
    spelling = _spelling(word)
    keys = frozenset((tool, name) for name in names)
    return spelling, _SCOPES.get(spelling, _Scope.NOTHING), keys, names != [_ALL]


def _spelling(word: re.Match[str]) -> str:
    if word["pragma"]:
        return f"pragma: allowlist {'nextline ' if word['next'] else ''}secret"
    written = word[0].lower()
    return written if written in _SCOPES else written.removesuffix(word["suffix"].lower()) + "-…"


def _names_in_brackets(rest: str) -> list[str]:
    """A blank before the bracket is forgiven: to read it as a reason would allow everything."""
    brackets = re.match(_BRACKETS, rest)
    if not brackets:
        return [_ALL]
    if not brackets[2]:
        return []
    names = (name.strip().lower() for name in brackets[1].split(","))
    return [name for name in names if re.fullmatch(_OUR_NAME, name)]


def _secretlint_names(rest: str) -> list[str]:
    """`@secretlint/secretlint-rule-privatekey` becomes `privatekey`; a preset is everything."""
    listed = re.match(_RULE_NAMES, rest)
    if not listed:
        return [_ALL]
    if listed.end() == _RIGHT:
        return []  # the last name may be cut short
    names = (name.strip().lower().rpartition("/")[2].removeprefix("secretlint-rule-") for name in listed[1].split(","))
    return [_ALL if name.startswith("preset-") else name.replace("-", "") for name in names]


def _keys(rule: str) -> frozenset[_Key]:
    """All that a directive may call a rule.

    secretlint's rules bear the name of a vendor or kind, written as one word, so each run of words of our rule's id may
    be meant: `slack` reaches `slack-bot-token`, and `privatekey` reaches `generic-private-key`.
    """
    words = rule.split("-")
    runs = ("".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1))
    everything = ((tool, _ALL) for tool in (_OURS, _SECRETLINT, _OTHERS))
    return frozenset({(_OURS, rule), *everything, *((_SECRETLINT, run) for run in runs)})


def _file_under(shelf: dict[_Key, list[_Directive]], directive: _Directive) -> None:
    for key in directive.keys:
        insort(shelf.setdefault(key, []), directive, key=_LINE)


def _last(directives: Sequence[_Directive], before: int) -> int:
    """The line of the last of them above a line; 0 where there is none."""
    at = bisect_left(directives, before, key=_LINE) - 1
    return directives[at].line if at >= 0 else 0
