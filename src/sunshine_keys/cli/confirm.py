"""The confirmation before a command deletes something."""

from __future__ import annotations

import sys

import typer

from sunshine_keys.cli.exits import Exit, stop


def require_confirmation(question: str) -> None:
    """Ask on the terminal. End the program if the answer is no or there is no terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        stop(
            Exit.USAGE,
            "nothing was deleted: there is no terminal for the confirmation",
            "Add --yes to delete without a confirmation.",
        )
    if not typer.confirm(question, err=True):
        stop(Exit.FAILED, "nothing was deleted")
