"""Every error that promptguard raises on purpose, as one tree.

    PromptguardError
    ├── RuleError           a rule file says something that cannot be used
    ├── ConfigurationError  a configuration file or option cannot be used
    ├── BaselineError       a baseline cannot be read or written
    ├── GitError            git could not answer
    ├── UnreadableError     one document could not be read; the others go on
    └── MissingExtra        an optional dependency is not installed

The one rule: a message says what happened, where, and what to do next, and never holds text from a scanned document.
"""

from __future__ import annotations


class PromptguardError(Exception):
    """Base of all errors that promptguard raises on purpose."""


class RuleError(PromptguardError):
    """A rule file cannot be used; the message reads `file: rule: field: problem`."""

    def __init__(self, file: str, rule: str | None, field: str | None, problem: str) -> None:
        self.file, self.rule, self.field, self.problem = file, rule, field, problem
        super().__init__(": ".join(part for part in (file, rule, field, problem) if part))


class ConfigurationError(PromptguardError):
    """A configuration file or an option cannot be used."""


class BaselineError(PromptguardError):
    """A baseline cannot be read or written."""


class GitError(PromptguardError):
    """git could not answer; the message holds the command's own complaint."""


class UnreadableError(PromptguardError):
    """One document could not be read. `reason` is short and fit for a report: `permission denied`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class MissingExtra(PromptguardError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs more packages: pip install 'promptguard-secrets[{extra}]'")
