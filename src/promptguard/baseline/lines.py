"""One line of a baseline file: the header, or an entry, as JSON.

The one rule: what is read is checked field by field, and a complaint says file, line, field and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from promptguard.baseline.match import ANYWHERE, Entry
from promptguard.errors import BaselineError

SCHEMA = "promptguard.baseline/1"


def encoded_header(salt: bytes) -> bytes:
    return _encode({"schema": SCHEMA, "salt": salt.hex()})


def encoded(entry: Entry) -> bytes:
    """The entry as it stands in the file; its fingerprint comes first, so that lines sort by it."""
    fields = {
        "fingerprint": entry.fingerprint,
        "path": entry.path,
        "rule": entry.rule,
        "reason": entry.reason,
        "expires": entry.expires.isoformat() if entry.expires else None,
    }
    return _encode(fields | ({"replaces": entry.replaces} if entry.replaces else {}))


def _encode(fields: dict[str, str | None]) -> bytes:
    """Readable in any language. What of a path is not UTF-8 becomes escapes, which JSON reads back as they were."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def split(file: Path, data: bytes) -> list[Line]:
    """The lines that hold something, whichever editor wrote them: byte order mark and carriage returns are left out."""
    lines = enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
    return [Line(file, number, text.strip()) for number, text in lines if text.strip()]


@dataclass(frozen=True, slots=True)
class Line:
    """Text to be read as what it should be. Both verbs raise `BaselineError`."""

    file: Path
    number: int
    text: bytes

    def salt(self) -> bytes:
        values = self._values(_HEADER)
        if values["schema"] != SCHEMA:
            raise self._error("schema", f"is not {SCHEMA}; upgrade promptguard, which may be too old for this baseline")
        return bytes.fromhex(values["salt"])

    def entry(self) -> Entry:
        values = self._values(_ENTRY)
        if values.get("expires") is not None:
            values["expires"] = date.fromisoformat(values["expires"])
        return Entry(**values)

    def _values(self, fields: dict[str, _Field]) -> dict[str, Any]:  # Any: JSON, each value checked against its field
        values = self._object()
        if fields is _ENTRY and values.keys() & _HEADER.keys():
            raise self._error("salt", _SECOND_HEADER)
        for name in sorted(values.keys() - fields.keys()):
            raise self._error(name, f"is no field; there are {', '.join(fields)}")
        for name, field in fields.items():
            if name not in values and field.is_needed:
                raise self._error(name, f"is missing; {_MEND}")
            if name in values and not field.allows(values[name]):
                raise self._error(name, f"must be {field.meaning}; {_MEND}")
        return values

    def _object(self) -> dict[str, Any]:
        if self.text.startswith(_CONFLICT_MARKS):
            raise self._error("line", "is a mark of a merge conflict; keep the entries of both sides, drop the marks")
        try:
            value = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise self._error("line", f"is not JSON; {_MEND}") from error
        if not isinstance(value, dict):
            raise self._error("line", f"is not a JSON object; {_MEND}")
        return value

    def _error(self, field: str, problem: str) -> BaselineError:
        return BaselineError(f"{self.file}: line {self.number}: {field}: {problem}")


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and len(value) == 32 and not value.strip("0123456789abcdef")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_day(value: object) -> bool:
    """As `2027-01-31` alone: `fromisoformat` would take weeks, too."""
    try:
        return value is None or (isinstance(value, str) and date.fromisoformat(value).isoformat() == value)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Field:
    allows: Callable[[object], bool]
    meaning: str
    is_needed: bool = True


_HEADER = {
    "schema": _Field(_is_text, "text"),
    "salt": _Field(_is_hex, "32 hexadecimal digits in lower case"),
}
_ENTRY = {
    "fingerprint": _Field(_is_hex, "32 hexadecimal digits in lower case"),
    "path": _Field(_is_name, f"a path, or {ANYWHERE} for anywhere"),
    "rule": _Field(_is_name, "the id of a rule"),
    "reason": _Field(_is_text, "text", is_needed=False),
    "expires": _Field(_is_day, "a day such as 2027-01-31, or null", is_needed=False),
    "replaces": _Field(_is_hex, "32 hexadecimal digits in lower case", is_needed=False),
}

_MEND = "mend the line, or drop it and run `promptguard baseline update`"
_SECOND_HEADER = (
    "a second header: two baselines were joined; keep one of them, then accept what is reported "
    "with `promptguard baseline update`"
)
_CONFLICT_MARKS = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")
