"""How much a value looks like a stand-in for one: judged by its own characters, never by the words around it."""

from __future__ import annotations

import re
from collections import Counter

from promptguard.engine.matches import Candidate
from promptguard.model import Evidence

_CERTAIN, _LIKELY, _HINT = -6.0, -3.0, -1.2

_TEMPLATE = re.compile(
    r"""(?x)
      \$\{ | \$\( | \{\{ | \}\} | \#\{ | %\( | <%               # substitutions of shells, templates, formats
    | ^ % [A-Za-z_]\w* % $ | ^ \$ [A-Za-z_]\w* $ | ^ %[sdrv] $  # a variable or a verb, and nothing else
    | ^ < [^<>]* > $ | ^ \[ [^\[\]]* \] $ | ^ \{ [\w.\- ]* \} $ # <your key>, [token], {key}
    | ^ __ \w+ __ $ | ^ @@? [\w.]+ @@? $
    | secret:// | op:// | vault: | ENC\[ | \b !vault
    """
)
_WORDS = re.compile(
    r"""(?xi)
      example | placeholder | change[_\- ]?(?:me|it|this) | replace[_\- ]?(?:me|with|this)?
    | dummy | redacted | your[_\- ]
    | insert[_\- ] | enter[_\- ]your | fill[_\- ]?(?:me|in) | put[_\- ](?:your|it) | todo | fixme | foo[_\- ]?bar
    | not[_\- ]?(?:a[_\- ])?(?:real|secret|used) | sample | fake
    | (?:my|some|any|the|a)[_\- ](?:api|secret|token|key|pass)
    | (?<![a-z]) (?:null|none|undefined|nil|empty|true|false|default|optional|required|string) (?![a-z])
    | (?<![a-z]) (?:hidden|masked|removed) (?![a-z])
    | test[_\-]?(?:key|token|secret|value) | x{4,} | \*{3,} | \.{3,} | …
    """
)
_SEQUENCES = (
    "0123456789",
    "9876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "0123456789abcdef",
)
_SEQUENTIAL = 5
"""Characters in a row that follow a sequence before it counts as one."""


_ALPHABET = re.compile("|".join("abcdefghijklmnopqrstuvwxyz"[at : at + 7] for at in range(20)), re.IGNORECASE)

_RUNS = frozenset(
    (sequence * 2)[start : start + _SEQUENTIAL] for sequence in _SEQUENCES for start in range(len(sequence))
)


def judge(candidate: Candidate) -> Evidence | None:
    if not candidate.rule.placeholders:
        return None
    value = candidate.value[len(candidate.rule.prefix) :]
    return likeness(value)


def likeness(value: str) -> Evidence | None:
    """The strongest sign that a value is a placeholder; None where there is none."""
    if _TEMPLATE.search(value):
        return Evidence("placeholder", _CERTAIN, "is a template reference")
    if found := _WORDS.search(value):
        share = len(found[0]) / len(value)
        strong = share > 0.25 or len(found[0]) >= 7
        return Evidence("placeholder", _CERTAIN if strong else _HINT, "holds a placeholder's word")
    if len(value) >= 6 and _is_monotonous(value):
        return Evidence("placeholder", _CERTAIN, "repeats itself")
    if _ALPHABET.search(value) or _interleaved_share(value) >= 0.5:
        return Evidence("placeholder", _CERTAIN, "spells the alphabet")
    share = _sequential_share(value) if len(value) >= 8 else 0.0
    if share > 0.5:
        return Evidence("placeholder", _HINT if share < 0.8 else _LIKELY, "counts up or follows the keyboard")
    return None


def _is_monotonous(value: str) -> bool:
    """Few different characters, one that makes up most of it, or one short piece over and over."""
    counts = Counter(value)
    most = max(counts.values())
    if most / len(value) > 0.6 or (len(value) >= 16 and len(counts) <= 4):
        return True
    return any(
        value == (value[:period] * len(value))[: len(value)] for period in range(1, min(len(value) // 2, 12) + 1)
    )


def _interleaved_share(value: str) -> float:
    """For `a1b2c3d4`: how much both its letters and its digits, read apart, follow a sequence."""
    letters, digits = ("".join(filter(kind, value)) for kind in (str.isalpha, str.isdigit))
    if min(len(letters), len(digits)) < _SEQUENTIAL:
        return 0.0
    return min(_sequential_share(letters), _sequential_share(digits))


def _sequential_share(value: str) -> float:
    """How much of the value lies in runs of a well-known sequence."""
    text = value.lower()
    starts = [at for at in range(len(text) - _SEQUENTIAL + 1) if text[at : at + _SEQUENTIAL] in _RUNS]
    covered = {at + offset for at in starts for offset in range(_SEQUENTIAL)}
    return len(covered) / len(text)
