"""A progress bar for long commands."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator

from sunshine_keys.cli.terminal import is_plain


@contextlib.contextmanager
def bar(title: str) -> Generator[Callable[[int, int], None]]:
    """Yield a callback `(done, total)` that draws a progress bar on stderr; a no-op if stderr is not a terminal, or a plain one.

    The bar disappears at the end of the block.
    """
    if sys.stderr is None or not sys.stderr.isatty() or is_plain():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
