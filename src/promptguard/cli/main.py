"""The entry point: finds the command's module, runs it, turns errors into one line and an exit code.

The one rule: 0 clean, 1 found, 2 could not look. A command is a module of this folder with a click command `command`;
only the one that is called is imported.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from promptguard.errors import PromptguardError
from promptguard.version import VERSION

COULD_NOT_LOOK = 2

CLOSED_PIPE = 128 + 13
"""As shells name an end by SIGPIPE."""

_NO_COMMANDS = ("__init__", "main", "options", "progress")


class Commands(click.Group):
    """Lists the folder's modules as commands and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        files = Path(__file__).parent.glob("*.py")
        return sorted(file.stem for file in files if file.stem not in _NO_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"promptguard.cli.{cmd_name}").command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="promptguard")
def promptguard() -> None:
    """Keeps credentials away from language models: finds them wherever text lives."""


def main() -> NoReturn:
    """Runs the command line and exits."""
    try:
        code = promptguard.main(standalone_mode=False)
        sys.stdout.flush()  # while a closed pipe can still be answered for
    except SystemExit as exit_:  # click's own answer to a reader that has left is 1, which means found
        code = CLOSED_PIPE if type(sys.stdout).__name__.endswith("PacifyFlushWrapper") else exit_.code
    except click.Abort:
        code = _complain("interrupted")
    except click.ClickException as error:
        error.show()
        code = COULD_NOT_LOOK
    except PromptguardError as error:
        code = _complain(str(error))
    except KeyboardInterrupt:
        code = _complain("interrupted")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has left; nothing more to say
        code = CLOSED_PIPE
    except OSError as error:
        code = _complain(f"cannot go on: {error.strerror or error}")
    except Exception:  # noqa: BLE001 - a fault of ours must not leave with 1, which means found
        import traceback

        traceback.print_exc()
        code = COULD_NOT_LOOK
    _leave(code)


def _leave(code: str | int | None) -> NoReturn:
    """Exits without a second complaint about a stream that cannot be written to."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _complain(text: str) -> int:
    click.echo(f"promptguard: {text}", err=True)
    return COULD_NOT_LOOK
