"""Where documents come from: each module turns one place into `Document | Skipped`; nothing here looks at text."""
