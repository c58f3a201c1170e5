"""Where a document lies: folders of tests and examples speak a little against a finding."""

from __future__ import annotations

import re

from promptguard.engine.matches import Candidate
from promptguard.model import Evidence

_FIXTURES = re.compile(
    r"(?i)(?:^|[/\\._-])(?:tests?|testdata|testing|fixtures?|specs?|mocks?|examples?|samples?|demos?|docs?|__tests__|snapshots?)(?=[/\\._-])"
)


def judge(candidate: Candidate, path: str | None) -> Evidence | None:
    if path and _FIXTURES.search(path):
        return Evidence("path", -0.3, "among tests or examples")
    return None
