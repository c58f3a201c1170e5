"""Completes Harbour, the invented project of this folder, into a folder of your choice.

The one rule: credentials exist only in what is written there, and every run writes the same ones.

    python seeds/complete.py FOLDER
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from promptguard.errors import PromptguardError
from promptguard.rules.generate import TemplateError, fill
from promptguard.rules.load import load, read
from promptguard.rules.shipped import folder

HARBOUR = Path(__file__).parent / "harbour"


def complete(target: Path) -> Iterator[Path]:
    """Writes the project's files below `target` and names them. Raises `TemplateError`."""
    rules = load(read(folder())).by_id
    for template in sorted(path for path in HARBOUR.rglob("*") if path.is_file()):
        name = template.relative_to(HARBOUR)
        file = target / name
        try:
            text = fill(template.read_text("utf-8"), random.Random(name.as_posix()), rules)
        except TemplateError as error:
            raise TemplateError(f"{template}: {error}") from error
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", newline="\n")
        yield file


def main(arguments: list[str]) -> int | str:
    """What to leave with."""
    if len(arguments) != 1:
        return "usage: python seeds/complete.py FOLDER"
    try:
        for file in complete(Path(arguments[0])):
            print(f"   {file.as_posix()}")
    except (OSError, PromptguardError, TemplateError) as error:
        return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
