"""The confirmation before a command deletes something."""

from __future__ import annotations

import os
import sys

import typer

from sunshine_keys.cli.exits import Exit, stop

_TERMINAL = "/dev/tty"
"""The terminal that the process belongs to. It can answer while standard input is a pipe that the command reads."""


def require_confirmation(question: str, verb: str = "delete", participle: str = "deleted") -> None:
    """Ask on the terminal. End the program if the answer is no or there is no terminal."""
    require_terminal(verb, participle)
    if not is_confirmed(question):
        stop(Exit.FAILED, f"nothing was {participle}")


def require_terminal(verb: str = "delete", participle: str = "deleted", *, reads_input: bool = False) -> None:
    """End the program if there is no terminal to ask on. `reads_input` is True if the command reads standard input."""
    if not (_is_interactive() or (reads_input and _has_terminal())):
        stop(
            Exit.USAGE,
            f"nothing was {participle}: there is no terminal for the confirmation",
            f"Add --yes to {verb} without a confirmation.",
        )


def is_confirmed(question: str, *, reads_input: bool = False) -> bool:
    """Ask on the terminal that `require_terminal` has checked, and return True if the answer is yes."""
    typer.echo(f"{question} [y/N]: ", nl=False, err=True)
    if _is_interactive():
        return _is_yes(sys.stdin.readline())
    assert reads_input
    with open(_TERMINAL, encoding="utf-8", errors="replace") as terminal:  # noqa: PTH123 - a device, not a path of files
        return _is_yes(terminal.readline())


def _is_yes(line: str) -> bool:
    return line.strip().lower() in ("y", "yes")


def _is_interactive() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _has_terminal() -> bool:
    try:
        os.close(os.open(_TERMINAL, os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
