"""A progress bar on a terminal, for work that takes over a second.

The one rule: it is drawn on standard error, by a thread of its own that only reads two numbers, and leaves nothing
behind. Where standard error is no terminal, nothing happens at all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 1.0
"""Seconds before a bar appears."""

REFRESH = 0.2
"""Seconds between two looks."""


@contextmanager
def progress(looked_at: Callable[[], tuple[int, int]], *, wanted: bool) -> Iterator[None]:
    """Shows documents and bytes while the block runs; `looked_at` tells them."""
    if not (wanted and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
        yield
        return
    import threading

    is_over = threading.Event()
    thread = threading.Thread(target=_draw, args=(looked_at, is_over), name="promptguard-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _draw(looked_at: Callable[[], tuple[int, int]], is_over: object) -> None:
    import threading

    assert isinstance(is_over, threading.Event)
    if is_over.wait(PATIENCE):
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("scanning")
        while not is_over.wait(REFRESH):
            documents, size = looked_at()
            bar.update(task, description=f"{documents:,} documents, {size / 1e6:,.0f} MB", refresh=True)
