"""Token efficiency: words need few tokens for many characters, random text needs many.

The vocabulary is cl100k_base. It is parsed on first need, because most texts hold no candidate that asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from promptguard.engine.matches import Candidate
from promptguard.model import Evidence

if TYPE_CHECKING:
    import tiktoken

SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
"""Of the vocabulary's file, as tiktoken itself states it."""

_SPLIT = (
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
    r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s"""
)
"""How cl100k_base cuts text before its pairs are merged, as tiktoken defines it."""

_LONGEST = 400
"""Characters of a value that are tokenised: the ratio of a longer one is settled by then."""


class TokenCounter:
    """Counts tokens; `read` returns the vocabulary's file, as bytes."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._encoding: tiktoken.Encoding | None = None

    def ratio(self, value: str) -> float:
        """Characters per token."""
        value = value[:_LONGEST]
        return len(value) / max(1, len(self._loaded().encode_ordinary(value)))

    def _loaded(self) -> tiktoken.Encoding:
        with self._lock:
            if self._encoding is None:
                self._encoding = _encoding(self._read())
            return self._encoding


def _encoding(data: bytes) -> tiktoken.Encoding:
    import hashlib
    from binascii import a2b_base64

    import tiktoken

    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError("the vocabulary file cl100k_base.tiktoken is damaged; install promptguard-secrets again")
    fields = data.split()
    ranks = dict(zip(map(a2b_base64, fields[::2]), map(int, fields[1::2]), strict=True))
    # promptguard:allow-next-line[generic-secret] the name of a vocabulary
    return tiktoken.Encoding("cl100k_base", pat_str=_SPLIT, mergeable_ranks=ranks, special_tokens={})


def token_ratio(candidate: Candidate, tokens: TokenCounter) -> Evidence | None:
    """What the rule's own limit says."""
    limit = candidate.rule.max_token_ratio
    if limit is None:
        return None
    ratio = tokens.ratio(candidate.value[len(candidate.rule.prefix) :])
    if ratio <= limit:
        return None
    return Evidence("tokens", -2.0, f"{ratio:.1f} characters per token, as words have")
