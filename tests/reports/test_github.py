"""GitHub workflow commands, read back the way GitHub's runner reads them."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from promptguard.model import Finding, Severity

Make = Callable[..., Finding]
Write = Callable[..., str]

any_text = st.text(st.characters(exclude_categories=()))


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """The command's name, its parameters and its message."""
    assert line.startswith("::")
    head, message = line[2:].split("::", 1)
    name, _, listed = head.partition(" ")
    parameters = dict(parameter.split("=", 1) for parameter in listed.split(","))
    return name, {key: unescaped(value) for key, value in parameters.items()}, unescaped(message)


def unescaped(text: str) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def test_a_finding_annotates_its_line(finding: Make, written: Write) -> None:
    """The reviewer sees it in the diff, beside the line that brings the credential in."""
    assert parsed(written("github", [finding()]).rstrip("\n")) == (
        "error",
        {
            "file": "src/settings.py",
            "line": "12",
            "col": "15",
            "endLine": "12",
            "endColumn": "52",
            "title": "Acme API key (acme-api-key)",
        },
        "critical severity, high confidence: acme_****\n"
        "Why it matters: calls every model of the account and spends its credit.\n"
        "Rotate it: https://acme.example/settings/keys",
    )


def test_severity_chooses_the_command(finding: Make, written: Write) -> None:
    """Only what is grave should look like a failure."""
    lines = written("github", [finding(severity=severity) for severity in reversed(Severity)]).splitlines()
    assert [parsed(line)[0] for line in lines] == ["error", "error", "warning", "notice"]


def test_a_value_of_several_lines_has_no_columns(finding: Make, written: Write) -> None:
    """GitHub drops an annotation whose columns belong to different lines."""
    _, parameters, _ = parsed(written("github", [finding(end_line=20)]).rstrip("\n"))
    assert (parameters["line"], parameters["endLine"]) == ("12", "20")
    assert not {"col", "endColumn"} & parameters.keys()


@given(path=st.text(st.characters(categories=["L", "N", "P", "S"])), name=st.text("%,:=\\25A ab"))
def test_escapes_are_read_back(finding: Make, written: Write, path: str, name: str) -> None:
    """A comma or a per cent sign in a name must not move the annotation to another file."""
    _, parameters, _ = parsed(written("github", [finding(path=path, rule_name=name)]).rstrip("\n"))
    assert "".join(char for char in path if char.isprintable()) == path
    assert parameters["file"] == path
    assert parameters["title"] == f"{name} (acme-api-key)"


@given(path=any_text, name=any_text, redacted=any_text, why=any_text, commit=any_text)
def test_no_text_ends_a_command_or_begins_one(
    finding: Make, written: Write, path: str, name: str, redacted: str, why: str, commit: str
) -> None:
    """A file's name could else set masks, end groups or stop all further commands of the job."""
    given_text = finding(path=f"{path}\n::stop-commands::x", rule_name=name, redacted=redacted, why=why, commit=commit)
    told = written("github", [given_text])
    assert told.endswith("\n")
    assert told.count("\n") == 1
    assert told[:-1].isprintable()
    assert parsed(told[:-1])[0] == "error"


def test_what_github_hides_is_counted(finding: Make, written: Write) -> None:
    """GitHub shows ten annotations of a kind for a step and drops the rest without a word."""
    ten = [finding(line=line) for line in range(1, 11)]
    assert len(written("github", ten).splitlines()) == 10
    more = [*ten, finding(), finding(), finding(severity=Severity.MEDIUM)]
    *_, last = written("github", more).splitlines()
    name, parameters, message = parsed(last)
    assert (name, parameters) == ("notice", {"title": "promptguard"})
    assert "10 errors, warnings and notices each" in message
    assert "2 more" in message
