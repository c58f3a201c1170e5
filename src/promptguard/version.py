"""The version, written once: the package's metadata and the reports take it from here."""

VERSION = "0.1.0"
