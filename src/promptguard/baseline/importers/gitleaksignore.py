"""`.gitleaksignore`: fingerprints `file:rule:line` or `commit:file:rule:line`, one a line.

The one rule: it knows no values, so whatever is found on the line is taken to be meant. A fingerprint with a commit
accepts what was found in that commit, or in files as they are now.
"""

from __future__ import annotations

import re
from functools import partial

from promptguard.baseline.importers import Record, named
from promptguard.model import Finding

ACCEPTS = "a .gitleaksignore"


def records(text: str) -> list[Record] | None:
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    written = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if written and not any(_FINGERPRINT.fullmatch(line) for _, line in written):
        return None
    return [_record(number, line) for number, line in written]


_FINGERPRINT = re.compile(
    r"""(?xa)
    (?: (?P<commit> [0-9a-f]{7,64} ) : )?
    (?P<path> .+ ) : (?P<rule> [\w.-]+ ) : (?P<line> \d{1,9} )
    """
)


def _record(number: int, line: str) -> Record:
    fingerprint = _FINGERPRINT.fullmatch(line)
    if not fingerprint:
        return Record(label=f"line {number} is no fingerprint", keys=())
    return Record(
        label=line,
        keys=((named(fingerprint["path"]), int(fingerprint["line"])),),
        agrees=partial(is_of_commit, fingerprint["commit"] or ""),
    )


def is_of_commit(commit: str, finding: Finding) -> bool:
    """Whether a finding may be of a commit, whose name may be cut short; one in a file as it is now may be of any."""
    return finding.origin.commit is None or finding.origin.commit.startswith(commit)
