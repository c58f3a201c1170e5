"""Where the shipped rule files are.

The one rule: the answer is a folder on disk, in a checkout as in an installed wheel, found without importing anything.
"""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """Where the `<vendor>.yaml` files are: inside the package once installed, at the repository's top in a checkout."""
    here = Path(__file__).parent
    installed = here.parent / "_rules"
    return installed if installed.is_dir() else here.parents[2] / "rules"


def extended() -> Path:
    """The folder of rules that name more vendors: what they know by a name beside it costs the native engine time, and
    most of it is found by the generic rules anyway, without the vendor's name."""
    return folder() / "extended"
