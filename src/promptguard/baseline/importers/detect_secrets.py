"""`.secrets.baseline` of detect-secrets: the SHA-1 of each value, by path.

The one rule: the hash decides. Only a private key, of which that tool hashes no more than the words of its first line,
must be on the same line as well.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from promptguard.baseline.importers import Record, named, sha1
from promptguard.model import Finding

ACCEPTS = "a .secrets.baseline of detect-secrets"


def records(text: str) -> list[Record] | None:
    try:
        file = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(file, dict) or not isinstance(file.get("results"), dict) or "plugins_used" not in file:
        return None
    return [_record(path, found) for path, listed in file["results"].items() for found in _objects(listed)]


def _objects(listed: object) -> list[dict[str, Any]]:  # Any: another tool's JSON
    return [found for found in listed if isinstance(found, dict)] if isinstance(listed, list) else []


def _record(path: str, found: dict[str, Any]) -> Record:
    digest, line = str(found.get("hashed_secret")), found.get("line_number")
    return Record(
        label=f"{path}: {found.get('type')} on line {line}",
        keys=((named(path), digest), (named(path), line if isinstance(line, int) else 0)),
        agrees=partial(_is_hash_of, digest),
    )


def _is_hash_of(digest: str, finding: Finding) -> bool:
    value = finding.secret.reveal()
    key = _PRIVATE_KEY.search(value)
    return digest == sha1(value) or (key is not None and digest == sha1(key[0]))


_PRIVATE_KEY = re.compile(r"BEGIN [A-Z ]{0,20}PRIVATE KEY( BLOCK)?")
