"""Whether rules keep the promises of their examples.

The one rule: what a rule file says is found is found, by that rule, and what it says is left alone is left alone. The
engine is handed in as a function, because rules know nothing of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from promptguard.errors import RuleError
from promptguard.rules.generate import TemplateError, example
from promptguard.rules.load import Entry
from promptguard.rules.schema import Rule

ROUNDS = 3
"""Times that each template is filled: one credential may be found by luck."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule, on its own, makes of a text."""

    is_reported: bool
    is_redacted: bool


Looker = Callable[[Rule, str], Look]


def check(entries: Iterable[Entry], rules: Mapping[str, Rule], look: Looker) -> Iterator[RuleError]:
    """Everything that is wrong with the examples of these entries; `rules` answers `{{rule:id}}`."""
    for entry in entries:
        try:
            for field, problem in _problems(entry.rule, rules, look):
                yield RuleError(entry.file, entry.rule.id, field, problem)
        except TemplateError as error:
            yield RuleError(entry.file, entry.rule.id, "examples", str(error))


def _problems(rule: Rule, rules: Mapping[str, Rule], look: Looker) -> Iterator[tuple[str, str]]:
    for number, template in enumerate(rule.examples, 1):
        if not all(_is_found(rule, look(rule, text)) for text in _filled(rule, template, rules)):
            yield "examples", f"example {number} is not reported; widen the rule or mend the example"
    for number, counter in enumerate(rule.counter_examples, 1):
        looks = [look(rule, text) for text in _filled(rule, counter.text, rules)]
        if any(seen.is_reported for seen in looks):
            yield "counter_examples", f"counter-example {number} is reported; tighten the rule or drop the example"
        elif counter.at == "redact" and any(seen.is_redacted for seen in looks):
            yield "counter_examples", f"counter-example {number} is redacted; tighten the rule or drop `at: redact`"


def _is_found(rule: Rule, look: Look) -> bool:
    """A rule of low confidence is made for sanitizing: without further evidence nothing of it is reported."""
    return look.is_redacted if rule.confidence == "low" else look.is_reported


def _filled(rule: Rule, template: str, rules: Mapping[str, Rule]) -> Iterator[str]:
    for turn in range(ROUNDS):
        yield example(rule, template, random.Random(f"{rule.id}/{turn}"), rules)
