"""What is assigned to a name that sounds like a secret: a value, or one more word of the program?

Only rules whose pattern names a group `key`, or `user` beside a password, are judged here, because their shape alone
says little. Each trait of the value and of the name it is assigned to moves the log-odds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from promptguard.engine.evidence.tokens import TokenCounter
from promptguard.engine.matches import Candidate
from promptguard.model import Evidence

HOPELESS = -4.0
"""Below this sum of cheaper traits, tokens are not counted any more."""

WEIGHTS = {
    "code": (-4.0, "reads like code"),
    "path": (-3.5, "is a path, an address or a file name"),
    "email": (-3.0, "is an e-mail address"),
    "words": (-2.5, "is words joined together"),
    "constant": (-3.5, "is the name of a constant"),
    "similar": (-2.5, "resembles the name it is assigned to"),
    "vocabulary": (-2.0, "holds a word of the trade"),
    "plain": (-3.0, "is an ordinary word of programs"),
    "digest": (-2.0, "the name speaks of digests, identifiers or public parts"),
    "described": (-2.5, "the name speaks of something about the secret"),
    "uuid": (-1.5, "is a UUID"),
    "version": (-3.0, "is a date, a version or an address"),
    "number": (-1.0, "is a number"),
    "mixed": (0.8, "mixes letters and digits"),
    "signs": (0.5, "mixes in other signs"),
    "long": (0.6, "is long"),
    "compared": (-0.3, "is compared, not assigned"),
    "argument": (-0.8, "is an argument"),
    "misfit": (-4.5, "is not what such a name holds"),
    "nowhere": (-0.7, "belongs to a host of examples"),
}

RATIO_PIVOT, RATIO_SLOPE = 2.5, 1.0
RATIO_LEAST, RATIO_MOST = -2.5, 1.2


def judge(candidate: Candidate, tokens: TokenCounter) -> Iterator[Evidence]:
    """One piece of evidence for each trait that is there."""
    if not candidate.groups.keys() & {"key", "user"}:
        return
    total = 0.0
    for trait in _traits(_assignment(candidate)):
        weight, note = WEIGHTS[trait]
        total += weight
        yield Evidence("assignment", weight, note)
    if total > HOPELESS:
        ratio = tokens.ratio(candidate.value)
        weight = max(RATIO_LEAST, min(RATIO_MOST, RATIO_SLOPE * (RATIO_PIVOT - ratio)))
        yield Evidence("tokens", weight, f"{ratio:.1f} characters per token")


class _Assignment(NamedTuple):
    name: str
    """All of the identifier that the value is assigned to, as far as it can be seen; of a URL, the user."""
    op: str
    value: str
    host: str | None
    """Of a URL."""


def _assignment(candidate: Candidate) -> _Assignment:
    groups = candidate.groups
    if groups.get("key") is None:
        return _Assignment(groups.get("user") or "", ":", candidate.value, groups.get("host") or "")
    key = f"{groups['key']}{groups.get('tail') or ''}"
    return _Assignment(owner_of(candidate) + key, groups.get("op") or "=", candidate.value, None)


def owner_of(candidate: Candidate) -> str:
    """What stands of the identifier before the part that the pattern matched: `spring.datasource.` of its password."""
    key = candidate.groups.get("key")
    if key is None:
        return ""
    owner = _OWNER.search(candidate.before, 0, max(0, candidate.before.rfind(key)))
    return owner[0] if owner else ""


def _traits(assignment: _Assignment) -> tuple[str, ...]:
    """The names of the traits that are there; keys of `WEIGHTS`."""
    found = [*_of_value(assignment)]
    if assignment.host is None:
        found += _of_name(assignment)
    elif _NOWHERE.search(assignment.host):
        found.append("nowhere")
    return tuple(found)


def _of_value(assignment: _Assignment) -> Iterator[str]:
    value = assignment.value
    if _CODE.search(value):
        yield "code"
    elif _PATH.search(value):
        yield "path"
    elif _EMAIL.fullmatch(value):
        yield "email"
    elif _VERSION.fullmatch(value):
        yield "version"
    elif _UUID.fullmatch(value):
        yield "uuid"
    elif value.isdecimal():
        yield "number"
    elif _CONSTANT.fullmatch(value):
        yield "constant"
    elif _PLAIN.fullmatch(value):
        yield "plain"
    elif _WORDS.fullmatch(value) or _CAMEL.fullmatch(value):
        yield "words"
    if _is_similar(assignment.name, value):
        yield "similar"
    elif _VOCABULARY.search(value):
        yield "vocabulary"
    if any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
        yield "mixed"
    if not value.isalnum() and not _WORDS.fullmatch(value):
        yield "signs"
    if len(value) >= 16:
        yield "long"


def _of_name(assignment: _Assignment) -> Iterator[str]:
    if _DIGEST.search(assignment.name):
        yield "digest"
    if _DESCRIBED.search(assignment.name):
        yield "described"
    if any(name.search(assignment.name) and not shape.fullmatch(assignment.value) for name, shape in _SHAPES):
        yield "misfit"
    if assignment.op in ("==", "===", "!="):
        yield "compared"
    elif assignment.op in ("(", ","):
        yield "argument"


def _is_similar(name: str, value: str) -> bool:
    """The value repeats the name, or the name the value, leaving punctuation and digits aside."""
    ours, theirs = (re.sub("[^a-z]", "", text.lower()) for text in (name, value))
    return 0.6 * len(value) <= len(theirs) >= 4 <= len(ours) and (theirs in ours or ours in theirs)


_SHAPES = ((re.compile(r"(?i)aws_?secret_?(?:access_?)?key"), re.compile(r"[0-9A-Za-z+/=]{40}")),)
"""Names whose values have one well-known shape."""

_OWNER = re.compile(r"[\w.\-]*$")
_CODE = re.compile(
    r"""(?x)
      [()]  | ^[,:;=] | -> | :: | => | \[\d*\] | ;$ | ^\$ | ^% | ^& | \$\{
    | ^ (?: self | this | os | process | config | settings | request | req | options | params | args | props | env
        | ctx ) [.\[]
    | ^ [A-Za-z_]\w* (?: \. [A-Za-z_]\w* )+ $
    | ^ [<{\[] | [>}\]] $ | [{}<>]
    """
)
_PATH = re.compile(
    r"""(?xi)
      :// | ^ \.{0,2} / [\w.\-]+ / | ^ ~/ | ^ [a-z]:\\ | ^ [a-z]+ / [a-z.+\-]+ $ | ^ arn: | ^ urn: | ^ [#./] [\w\-]+ $
    | \. (?: json | ya?ml | py | jsx? | tsx? | html? | css | txt | pem | key | crt | cer | p12 | jks | pub | conf | cfg
      | ini | env | java | go | rb | php | xml | md | sh | log | db | sql | com | org | net | io | local | svc ) $
    """
)
_NOWHERE = re.compile(
    r"(?i)^(?:host(?:name)?|server|db|localhost|127\.0\.0\.1|.*\bexample(?:\.\w+)?|.*\.(?:test|invalid))\d?$"
)
_EMAIL = re.compile(r"[\w.+\-]+@(?:[\w\-]+(?:\.[\w\-]+)+)?")
_VERSION = re.compile(
    r"v?\d+(?:[.:/_\-T]\d+){1,6}[A-Za-z]?|\d+(?:\.\d+)*[-.]?(?:alpha|beta|rc|dev|snapshot)[\d.\-]*|[A-Z]{3,8}-?\d{1,4}"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_WORDS = re.compile(r"[A-Za-z]{2,}\d?(?:[_\-.:/+#@ ][A-Za-z]{2,}\d?)+[_\-.]?")
_CAMEL = re.compile(r"[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+\d?|(?:[A-Z][a-z]+){2,}\d?")
_PLAIN = re.compile(
    r"""(?xi)
      true | false | null | none | nil | undefined | string | str | text | int(?:eger)? | number | bool(?:ean)?
    | object | any | bytes
    | char | varchar | void | var | self | this | default | required | optional | enabled? | disabled? | unknown
    | value | values
    | user(?:name)? | admin | root | guest | name | email | login | basic | bearer | digest | ntlm | oauth2? | jwt
    | header | cookie | query
    | body | form | input | output | hidden | submit | prompt | label | title | click | change | error | failed
    | success | invalid
    | missing | empty | pass(?:word|wd)?\d{0,3} | pwd\d? | pw\d? | secret | token | key | letmein\d{0,3} | hunter2
    | qwerty\d{0,3} | expired | access | refresh | public | private | shared | primary | secondary | master
    | base64 | utf-?8 | ascii
    """
)
_VOCABULARY = re.compile(
    r"(?i)passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|auth(?:entic|oriz)|login|username"
)
_DIGEST = re.compile(
    r"(?i)hash|sha\d|md5|digest|checksum|fingerprint|etag|commit|revision|thumbprint|integrity|uuid|guid|public"
    r"|pub[_-]?key|encrypted|sealed|(?:[_\-.]id|I[dD])$"
)
_DESCRIBED = re.compile(
    r"(?i)(?:name|path|file|ur[li]|endpoint|host|field|type|length|size|count|index|regex|pattern|format|label|title"
    r"|message|text|hint|placeholder|help|error|prefix|suffix|class|selector|policy|strength|column|header"
    r"|param(?:eter)?|property|attribute|input|ttl|expir\w*|duration|version|status|state|mode|method|provider"
    r"|manager|store|service|scope|owner|user|arn|ref|alias|icon|button)s?$"
)
