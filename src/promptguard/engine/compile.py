"""A Ruleset becomes CompiledRules: one native database, and per rule what confirming and weighing need.

Plan, because everything's speed follows from it:
- Every rule gets *triggers*, patterns for the native engine that match at least wherever the rule does, and end about
  once per candidate. They are derived from the rule's pattern, never written by hand.
- A trigger's end and the widths computed here give a small window; only there does the exact pattern run.
- Everything serialises to bytes without YAML, so that a warm start reads one file.

The one rule: a trigger may fire too often, never too seldom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import hyperscan

from promptguard.engine.compiled import CONTEXT, RIGHT, UTF8, CompiledRule, CompiledRules
from promptguard.engine.evidence.structure import STRUCTURES
from promptguard.errors import RuleError
from promptguard.model import Severity
from promptguard.rules import pattern
from promptguard.rules.load import Entry, Ruleset, tree

_TAIL = 48
"""Repeats at the end of a trigger are cut to this: longer ones make the native state machine large, not more exact."""

_PRIORS = {"low": 0.35, "medium": 0.65, "high": 0.9}

_ESCAPES = r"\\[abfnrtv0]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2}"
"""Escape sequences that end in a letter or digit and still are a boundary: `\\nAKIA…` in JSON, `%3DAKIA…` in a URL."""


def compile_rules(ruleset: Ruleset, markers: Sequence[str] = ()) -> CompiledRules:
    """Raises `RuleError` for a rule that the native engine refuses."""
    rules = tuple(map(_compile_rule, ruleset.entries))
    marker_triggers = [f"(?i:{''.join(map(_escape, marker))})" for marker in markers]
    expressions = [(trigger, number) for number, rule in enumerate(rules) for trigger in rule.triggers]
    expressions += [(trigger, len(rules) + number) for number, trigger in enumerate(marker_triggers)]
    try:
        database = native(expressions)
    except hyperscan.HyperscanError as error:
        _name_the_culprit(ruleset, rules)
        raise RuleError("all rules", None, None, f"the native engine refuses them together: {error}") from error
    reach = max((rule.width + max(rule.left, RIGHT) for rule in rules), default=0)
    return CompiledRules(rules, tuple(markers), hyperscan.dumpb(database), reach)


def native(expressions: Iterable[tuple[str, int]]) -> hyperscan.Database:
    """A block-mode database of (pattern, id)."""
    pairs = list(expressions) or [("\\x00promptguard\\x00", 0)]  # an empty database is refused
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[text.encode() for text, _ in pairs], ids=[number for _, number in pairs], flags=[0] * len(pairs)
    )
    return database


def _name_the_culprit(ruleset: Ruleset, rules: Sequence[CompiledRule]) -> None:
    for entry, rule in zip(ruleset.entries, rules, strict=True):
        try:
            native([(trigger, 0) for trigger in rule.triggers])
        except hyperscan.HyperscanError as error:
            raise RuleError(entry.file, rule.id, "pattern", f"the native engine refuses it: {error}") from error


def _compile_rule(entry: Entry) -> CompiledRule:
    rule = entry.rule
    if rule.structure is not None and rule.structure not in STRUCTURES:
        raise RuleError(entry.file, rule.id, "structure", f"is one of {', '.join(STRUCTURES)}")
    node = _with_secret(tree(rule))
    keywords = () if not rule.keywords or pattern.always_contains(node, rule.keywords) else rule.keywords
    triggers, back = (
        _keyword_triggers(node, keywords, rule.keyword_distance)
        if keywords
        else _plain_triggers(node, rule.boundaries.left)
    )
    distance = rule.keyword_distance if keywords else 0
    secret = next(part for part in pattern.walk(node) if isinstance(part, pattern.Group) and part.name == "secret")
    if pattern.least_width(pattern.head(node)) == 0:
        raise RuleError(entry.file, rule.id, "pattern", "begins with what may be empty; begin with what must be there")
    starter = _starter(node)
    return CompiledRule(
        id=rule.id,
        version=rule.version,
        name=rule.name,
        why=rule.why,
        vendor=entry.vendor.id,
        severity=int(Severity[rule.severity.upper()]),
        prior=_PRIORS[rule.confidence],
        specificity=rule.specificity,
        confirm=_confirm(node, rule.boundaries.left, rule.boundaries.right),
        triggers=triggers,
        back=back,
        width=pattern.most_width(node, utf8=True),
        left=UTF8 * max(distance, CONTEXT),
        keywords=keywords,
        keyword_distance=distance,
        opening=pattern.prefix(node),
        starter=pattern.render(starter, lambda name, body: f"(?:{body})") if starter else "",
        starter_width=pattern.most_width(starter) if starter else 0,
        prefix=_public_prefix(secret),
        entropy=rule.entropy,
        max_token_ratio=rule.tokens.max_ratio if rule.tokens else None,
        checksum=(rule.checksum.algorithm, rule.checksum.over, rule.checksum.equals) if rule.checksum else None,
        structure=rule.structure,
        deny_words=tuple(word.lower() for word in rule.deny.words),
        deny_patterns=rule.deny.patterns,
        placeholders=rule.deny.placeholders,
        paths_only=rule.paths.only,
        paths_never=rule.paths.never,
        rotate=rule.rotate,
    )


def _with_secret(node: pattern.Node) -> pattern.Node:
    named = any(isinstance(part, pattern.Group) and part.name == "secret" for part in pattern.walk(node))
    return node if named else pattern.Group(node, "secret")


def _starter(node: pattern.Node) -> pattern.Node | None:
    """The first part of a pattern, where it is a choice of words or the like."""
    first = pattern.items_of(node)[0]
    worth_it = isinstance(first, pattern.Group) and first.name != "secret" and pattern.least_width(first) >= 3
    return first if worth_it and pattern.most_width(first) <= 32 else None


def _public_prefix(secret: pattern.Group) -> str:
    """The literal start of the value, unless it is most of it: that much says what it is and gives nothing away."""
    literal = pattern.prefix(secret)
    return literal if len(literal) * 2 <= pattern.least_width(secret) else ""


def _confirm(node: pattern.Node, left: str, right: str) -> str:
    before = f"(?:(?<!{_class(left)})|(?<={_ESCAPES}))" if left else ""
    after = f"(?!{_class(right)})" if right else ""

    def around(name: str, body: str) -> str:
        group = f"(?P<{name}>{body})"
        return before + group + after if name == "secret" else group

    return pattern.render(node, around)


def _class(text: str) -> str:
    return pattern.render(pattern.parse(text))


def _plain_triggers(node: pattern.Node, left: str) -> tuple[tuple[str, ...], int]:
    """The pattern's head, its left boundary before it where the secret comes first."""
    head = _shortened(pattern.head(node))
    first = pattern.items_of(node)[0]
    bounded = left and isinstance(first, pattern.Group) and first.name == "secret"
    return ((_boundary(left) if bounded else "") + pattern.render_bytes(head),), pattern.most_width(head, utf8=True)


def _boundary(left: str) -> str:
    chars = pattern.parse(left)
    assert isinstance(chars, pattern.Chars), "checked when loaded"
    others = pattern.Chars(pattern.ASCII & ~chars.mask, not chars.wide)
    return f"(?:^|{pattern.render(others)}|{_ESCAPES})"


def _keyword_triggers(node: pattern.Node, keywords: Sequence[str], distance: int) -> tuple[tuple[str, ...], int]:
    """Keyword, then at most what may lie between it and the match, then the pattern's head."""
    head = _shortened(pattern.head(node))
    words = "|".join("".join(map(_either_case, word)) for word in keywords)
    trigger = f"(?i:{words})[\\x00-\\xff]{{0,{UTF8 * distance}}}{pattern.render_bytes(head)}"
    return (trigger,), pattern.most_width(head, utf8=True)


def _shortened(node: pattern.Node) -> pattern.Node:
    """The same head, a long repeat at its end cut short."""
    match node:
        case pattern.Sequence(items) if items:
            return pattern.Sequence((*items[:-1], _shortened(items[-1])))
        case pattern.Choice(branches):
            return pattern.Choice(tuple(map(_shortened, branches)))
        case pattern.Repeat(pattern.Chars() as item, least, most) if least == most and least > _TAIL:
            return pattern.Repeat(item, _TAIL, _TAIL)
        case _:
            return node


def _either_case(char: str) -> str:
    """The native engine folds ASCII alone."""
    upper = char.upper()
    return _escape(char) if char.isascii() or upper.lower() != char else f"(?:{_escape(char)}|{_escape(upper)})"


def _escape(char: str) -> str:
    return char if char.isascii() and char.isalnum() else "".join(f"\\x{byte:02x}" for byte in char.encode())
