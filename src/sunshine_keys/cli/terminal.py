"""Standard output and standard error: what they can encode, whether they show colours, and how wide they are."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from rich.console import Console


def configure() -> None:
    """Escape what the encoding of standard output or standard error cannot hold, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def emit(text: str) -> None:
    """Print text and a line end immediately. Raises OSError."""
    print(text, flush=True)


def emit_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON in ASCII, which is JSON in every encoding. Raises OSError."""
    emit(json.dumps(value, indent=indent))


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: "1 key", "2 keys"."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"


def is_plain() -> bool:
    """Return True if the environment rules out colours, and bars that move: NO_COLOR is set, or TERM is dumb."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def styled(text: str, **style: Any) -> str:
    """Return `text` in the style of `typer.style`; unchanged if standard output should not have colours."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return typer.style(text, **style) if is_terminal and not is_plain() else text


def rich_console(**options: Any) -> Console:
    """Return rich's console for standard output, without any escape sequence if `is_plain`."""
    from rich.console import Console

    return Console(highlight=False, color_system=None if is_plain() else "auto", **options)


def width_of(stream: TextIO | None) -> int | None:
    """Return the width of a terminal in characters; None if the stream is not one."""
    with contextlib.suppress(ValueError):  # The stream is closed.
        if stream is not None and stream.isatty():
            return shutil.get_terminal_size().columns
    return None


def wrapped(line: str, indent: str = "") -> str:
    """Return a line for standard error, wrapped between words at the width of the terminal."""
    width = width_of(sys.stderr)
    if width is None or len(line) + len(indent) <= width:
        return indent + line
    return textwrap.fill(
        line,
        max(width, 20),
        initial_indent=indent,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
