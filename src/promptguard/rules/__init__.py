"""Rules: what a credential looks like, as data. YAML → Rule → Ruleset; nothing here looks at text to scan."""
