"""The subset of regular expressions that rules are written in: parsed, measured and written out again.

The one rule: what this module accepts means the same to the native engine and to `regex`, and has a bound. Everything
else (look-around, back-references, anchors, atomic groups) is refused with its position; `docs/write-a-rule.md` lists
the subset for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

ASCII = (1 << 128) - 1
"""The mask of every ASCII character: bit n stands for chr(n)."""


class PatternError(ValueError):
    """A pattern is outside the subset; `position` counts characters of the pattern."""

    def __init__(self, problem: str, position: int) -> None:
        self.problem, self.position = problem, position
        super().__init__(f"{problem} (at character {position + 1})")


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set."""

    mask: int
    """Its ASCII members."""
    wide: bool
    """Whether characters outside ASCII belong to it."""
    literal: str | None = None
    """The character itself where the set is a single one that was written as such."""
    fold: bool = False
    """Whether letters match in both cases."""


@dataclass(frozen=True, slots=True)
class Edge:
    """`\\b`, between ASCII word characters and others."""


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    item: Node
    least: int
    most: int | None
    """None: no bound of its own."""
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    item: Node
    name: str | None


Node: TypeAlias = Chars | Edge | Sequence | Choice | Repeat | Group


def parse(text: str) -> Node:
    """The tree of a pattern; raises `PatternError` outside the subset."""
    return _Parser(text).parse()


def bounded(node: Node, width: int) -> Node:
    """The same tree, open repeats limited to `width` characters each."""
    match node:
        case Repeat(item, least, None, lazy):
            return Repeat(bounded(item, width), least, max(least, width), lazy)
        case _:
            return _rebuild(node, lambda child: bounded(child, width))


def is_bounded(node: Node) -> bool:
    return all(not isinstance(part, Repeat) or part.most is not None for part in walk(node))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in _children(node):
        yield from walk(child)


def least_width(node: Node) -> int:
    """The fewest characters that a match has."""
    match node:
        case Chars():
            return 1
        case Edge():
            return 0
        case Sequence(items):
            return sum(map(least_width, items))
        case Choice(branches):
            return min(map(least_width, branches))
        case Repeat(item, least, _):
            return least * least_width(item)
        case Group(item):
            return least_width(item)


def most_width(node: Node, *, utf8: bool = False) -> int:
    """The most characters (or bytes of UTF-8) that a match has; the tree must be bounded."""
    match node:
        case Chars(wide=wide, literal=literal):
            return (len(literal.encode()) if literal else 4 if wide else 1) if utf8 else 1
        case Edge():
            return 0
        case Sequence(items):
            return sum(most_width(item, utf8=utf8) for item in items)
        case Choice(branches):
            return max(most_width(branch, utf8=utf8) for branch in branches)
        case Repeat(item, _, most):
            assert most is not None, "measured before it was bounded"
            return most * most_width(item, utf8=utf8)
        case Group(item):
            return most_width(item, utf8=utf8)


def items_of(node: Node) -> tuple[Node, ...]:
    """The node as a sequence of top-level parts."""
    return node.items if isinstance(node, Sequence) else (node,)


LONG = 256
"""Characters of a repeat that ends a head: the native engine would need a large state machine to look past it."""


def head(node: Node) -> Node:
    """A shorter tree that matches at the start of everything the node matches: cut at the first long repeat, optional
    ends dropped, last repeats cut to their minimum. What it matches ends once per candidate, not once per character."""
    match node:
        case Sequence(items):
            long = next(
                (n for n, item in enumerate(items) if isinstance(item, Repeat | Group) and _is_long(item)), len(items)
            )
            kept = list(items[: long + 1])
            while kept and least_width(kept[-1]) == 0 and not isinstance(kept[-1], Edge):
                kept.pop()
            return Sequence((*kept[:-1], head(kept[-1]))) if kept else Sequence(())
        case Choice(branches):
            return Choice(tuple(head(branch) for branch in branches))
        case Repeat(item, least, _, _):
            return Repeat(item, least, least) if least != 1 else head(item)
        case Group(item):
            return head(item)
        case _:
            return node


def _is_long(node: Node) -> bool:
    return any(isinstance(part, Repeat) and part.most is not None and part.most > LONG for part in walk(node))


def prefix(node: Node) -> str:
    """The literal text that every match begins with, case-sensitive characters only."""
    found = ""
    for item in items_of(node):
        match item:
            case Chars(literal=str(char), fold=False):
                found += char
            case Group(inner):
                more = prefix(inner)
                found += more
                if len(more) < most_width(inner):
                    break
            case _:
                break
    return found


def always_contains(node: Node, words: tuple[str, ...]) -> bool:
    """Whether every match holds one of the case-folded words as literal text."""
    match node:
        case Choice(branches):
            return all(always_contains(branch, words) for branch in branches)
        case Group(item):
            return always_contains(item, words)
        case Repeat(item, least, _):
            return least > 0 and always_contains(item, words)
        case Sequence(items):
            runs = "".join(_literal(item) or "\0" for item in items).split("\0")
            return any(word in run for run in runs for word in words) or any(
                always_contains(item, words) for item in items if not isinstance(item, Chars)
            )
        case _:
            return (_literal(node) or "\0") in words


def _literal(node: Node) -> str | None:
    return node.literal.lower() if isinstance(node, Chars) and node.literal else None


def render(node: Node, around: Callable[[str, str], str] | None = None) -> str:
    """The pattern for `regex`; `around(name, body)` writes named groups where plain ones would not do."""
    match node:
        case Chars():
            return _render_chars(node)
        case Edge():
            return r"\b"
        case Sequence(items):
            return "".join(_rendered(items, lambda item: render(item, around)))
        case Choice(branches):
            return f"(?:{'|'.join(render(branch, around) for branch in branches)})"
        case Repeat(item, least, most, lazy):
            body = render(item, around) if isinstance(item, Chars) else f"(?:{render(item, around)})"
            count = _count(least, most)
            return f"{body}{count}{'?' if lazy and count else ''}"
        case Group(item, name):
            body = render(item, around)
            if name is None:
                return f"(?:{body})"
            return around(name, body) if around else f"(?P<{name}>{body})"


def render_bytes(node: Node) -> str:
    """A pattern for the native engine over UTF-8 bytes that matches at least what the node matches.

    A character outside ASCII is up to four bytes, so upper counts of sets that hold such characters are multiplied;
    lower counts stay, because a character is at least one byte.
    """
    match node:
        case Chars(literal=str(char), wide=True):
            return "".join(f"\\x{byte:02x}" for byte in char.encode())
        case Chars(wide=True):
            return f"{_render_chars(node)}{{1,4}}"
        case Chars():
            return _render_chars(node)
        case Edge():
            return r"\b"
        case Sequence(items):
            return "".join(_rendered(items, render_bytes))
        case Choice(branches):
            return f"(?:{'|'.join(map(render_bytes, branches))})"
        case Repeat(Chars(wide=True, literal=None) as item, least, most):
            return f"{_render_chars(item)}{_count(least, None if most is None else 4 * most)}"
        case Repeat(item, least, most):
            body = render_bytes(item) if isinstance(item, Chars) and not item.wide else f"(?:{render_bytes(item)})"
            return f"{body}{_count(least, most)}"
        case Group(item):
            return f"(?:{render_bytes(item)})"


def _rendered(items: tuple[Node, ...], one: Callable[[Node], str]) -> Iterator[str]:
    """Parts of a sequence; neighbours that fold become one literal, `(?i:ab)`, because engines look for literals."""
    for folds, group in groupby(items, _folds):
        run = tuple(group)
        letters = "".join(item.literal or "" for item in run if isinstance(item, Chars))
        yield f"(?i:{letters})" if folds else "".join(map(one, run))


def _folds(node: Node) -> bool:
    return isinstance(node, Chars) and node.fold and node.literal is not None and node.literal.isalpha()


def _count(least: int, most: int | None) -> str:
    if least == most:
        return "" if least == 1 else f"{{{least}}}"
    if (least, most) == (0, 1):
        return "?"
    return f"{{{least},{'' if most is None else most}}}"


def _render_chars(chars: Chars) -> str:
    if chars.literal is not None:
        text = _escape(chars.literal)
        return f"(?i:{text})" if chars.fold and chars.literal.isalpha() else text
    mask = _folded(chars.mask) if chars.fold else chars.mask
    if chars.wide:
        missing = "".join(_ranges(ASCII & ~mask))
        return f"[^{missing}]" if missing else r"[\s\S]"
    return f"[{''.join(_ranges(mask))}]"


def _folded(mask: int) -> int:
    letters = [chr(code) for code in range(128) if mask >> code & 1 and chr(code).isalpha()]
    return mask | _mask(letter.swapcase() for letter in letters)


def _ranges(mask: int) -> Iterator[str]:
    code = 0
    while code < 128:
        if not mask >> code & 1:
            code += 1
            continue
        first = code
        while code < 128 and mask >> code & 1:
            code += 1
        last = code - 1
        yield _escape(chr(first)) if first == last else f"{_escape(chr(first))}-{_escape(chr(last))}"


def _escape(char: str) -> str:
    if char.isalnum() or char == "_" or ord(char) > 127:
        return char
    return f"\\x{ord(char):02x}"


def _children(node: Node) -> tuple[Node, ...]:
    match node:
        case Sequence(items):
            return items
        case Choice(branches):
            return branches
        case Repeat(item) | Group(item):
            return (item,)
        case _:
            return ()


def _rebuild(node: Node, change: Callable[[Node], Node]) -> Node:
    match node:
        case Sequence(items):
            return Sequence(tuple(map(change, items)))
        case Choice(branches):
            return Choice(tuple(map(change, branches)))
        case Repeat(item) | Group(item):
            return replace(node, item=change(item))
        case _:
            return node


def _mask(chars: Iterator[str] | str) -> int:
    mask = 0
    for char in chars:
        mask |= 1 << ord(char)
    return mask


_DIGIT = _mask("0123456789")
_SPACE = _mask(" \t\n\r\f\v")
_WORD = _mask("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") | _DIGIT
_SHORTHANDS = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_REPEAT = re.compile(r"\{(\d{1,5})(,?)(\d{0,5})\}")
_FLAGS = re.compile(r"\(\?([a-z]+)([:)])")
_NAMED = re.compile(r"\(\?P<([A-Za-z_]\w*)>")


class _Parser:
    """Recursive descent over the text; `fold` and `verbose` are the flags in force."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.fold = self.verbose = False

    def parse(self) -> Node:
        self._leading_flags()
        try:
            node = self._choice()
        except RecursionError as error:
            raise PatternError("nested too deeply", self.at) from error
        if self.at < len(self.text):
            raise PatternError("unbalanced )", self.at)
        return node

    def _leading_flags(self) -> None:
        flags = _FLAGS.match(self.text)
        if flags and flags[2] == ")":
            self._take_flags(flags)

    def _take_flags(self, flags: re.Match[str]) -> None:
        unknown = set(flags[1]) - set("aix")
        if unknown:
            raise PatternError(f"flag {unknown.pop()} is not in the subset", self.at)
        self.fold |= "i" in flags[1]
        self.verbose |= "x" in flags[1]
        self.at = flags.end()

    def _choice(self) -> Node:
        branches = [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while (char := self._peek()) and char not in "|)":
            items.append(self._repeated(self._atom()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _peek(self) -> str:
        """The next character that means something, or an empty string at the end."""
        while self.verbose and self.at < len(self.text):
            char = self.text[self.at]
            if char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif char.isspace():
                self.at += 1
            else:
                break
        return self.text[self.at : self.at + 1]

    def _repeated(self, item: Node) -> Node:
        char = self._peek()
        if char == "{":
            least, most = self._counts()
        elif char and char in "*+?":
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
            self.at += 1
        else:
            return item
        if isinstance(item, Edge):
            raise PatternError("\\b cannot be repeated", self.at - 1)
        lazy = self.text.startswith("?", self.at)  # a blank between them would make it another sign
        self.at += lazy
        if (following := self._peek()) and following in "+*?{":
            raise PatternError("possessive or doubled repeats are not in the subset", self.at)
        return Repeat(item, least, most, lazy)

    def _counts(self) -> tuple[int, int | None]:
        counts = _REPEAT.match(self.text, self.at)
        if not counts:
            raise PatternError("write a literal { as \\{", self.at)
        least = int(counts[1])
        most = int(counts[3]) if counts[3] else None if counts[2] else least
        if most is not None and most < least:
            raise PatternError("the upper count is below the lower one", self.at)
        self.at = counts.end()
        return least, most

    def _atom(self) -> Node:
        char = self.text[self.at]
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        if char in "^$":
            raise PatternError(
                f"{char} is not in the subset; say what may stand beside the secret with boundaries", self.at
            )
        if char in "*+?{":
            raise PatternError("nothing to repeat", self.at)
        self.at += 1
        return Chars(ASCII & ~_mask("\n"), wide=True) if char == "." else self._one(char)

    def _one(self, char: str) -> Chars:
        if ord(char) < 128:
            return Chars(_mask(char), wide=False, literal=char, fold=self.fold)
        if self.fold and char.lower() != char.upper():
            raise PatternError(
                f"{char} under (?i) means different things to the engines; write both cases", self.at - 1
            )
        return Chars(0, wide=True, literal=char)

    def _group(self) -> Node:
        start, outer = self.at, (self.fold, self.verbose)
        name = None
        if named := _NAMED.match(self.text, self.at):
            name, self.at = named[1], named.end()
        elif flags := _FLAGS.match(self.text, self.at):
            if flags[2] == ")":
                raise PatternError("flags for the rest of a pattern stand at its start; use (?i:…) here", start)
            self._take_flags(flags)
        elif self.text.startswith("(?:", self.at):
            self.at += 3
        elif self.text.startswith("(?", self.at):
            raise PatternError("look-around, back-references and atomic groups are not in the subset", start)
        else:
            self.at += 1
        item = self._choice()
        if self._peek() != ")":
            raise PatternError("unbalanced (", start)
        self.at += 1
        self.fold, self.verbose = outer
        return Group(item, name)

    def _escape(self) -> Node:
        start = self.at
        kind = self.text[self.at + 1 : self.at + 2]
        if kind == "b":
            self.at += 2
            return Edge()
        if kind.lower() in _SHORTHANDS and kind:
            self.at += 2
            mask = _SHORTHANDS[kind.lower()]
            return Chars(mask, wide=False) if kind.islower() else Chars(ASCII & ~mask, wide=True)
        char = self._escaped_char()
        if char is None:
            raise PatternError(f"\\{kind} is not in the subset", start)
        return self._one(char)

    def _escaped_char(self) -> str | None:
        """The character that the escape sequence here stands for, consumed; None when it stands for none."""
        kind = self.text[self.at + 1 : self.at + 2]
        if kind == "x" and re.fullmatch("[0-9A-Fa-f]{2}", digits := self.text[self.at + 2 : self.at + 4]):
            self.at += 4
            return chr(int(digits, 16))
        if kind in _CONTROLS and kind:
            self.at += 2
            return _CONTROLS[kind]
        if kind and not kind.isalnum():
            self.at += 2
            return kind
        return None

    def _class(self) -> Chars:
        start = self.at
        self.at += 1
        negated = self.text.startswith("^", self.at)
        self.at += negated
        mask, wide, first = 0, False, True
        while first or not self.text.startswith("]", self.at):
            if self.at >= len(self.text):
                raise PatternError("unbalanced [", start)
            members, spread = self._class_part()
            mask, wide, first = mask | members, wide or spread, False
        self.at += 1
        if self.fold:
            mask = _folded(mask)
        return Chars(ASCII & ~mask, not wide) if negated else Chars(mask, wide)

    def _class_part(self) -> tuple[int, bool]:
        """A shorthand, a character or a range: (ASCII members, whether others belong to it)."""
        kind = self.text[self.at + 1 : self.at + 2]
        if self.text[self.at] == "\\" and kind and kind.lower() in _SHORTHANDS:
            self.at += 2
            if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
                raise PatternError("a range in [] runs from character to character", self.at)
            mask = _SHORTHANDS[kind.lower()]
            return (mask, False) if kind.islower() else (ASCII & ~mask, True)
        first = self._class_char()
        if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
            self.at += 1
            last = self._class_char()
            if last < first:
                raise PatternError("the range in [] runs backwards", self.at - 1)
            return _mask(chr(code) for code in range(ord(first), ord(last) + 1)), False
        return _mask(first), False

    def _class_char(self) -> str:
        start = self.at
        char = self.text[self.at : self.at + 1]
        if not char:
            raise PatternError("unbalanced [", start)
        if char == "\\":
            escaped = self._escaped_char()
            if escaped is None:
                raise PatternError("unknown escape in []", start)
            char = escaped
        else:
            self.at += 1
        if ord(char) > 127:
            raise PatternError("characters outside ASCII in [] mean different things to the engines", start)
        return char
