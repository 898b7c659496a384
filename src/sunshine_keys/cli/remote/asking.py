"""Asking before something is destroyed."""

from __future__ import annotations

import sys

import typer

from sunshine_keys.cli.exits import Exit, stop


def require_yes(question: str) -> None:
    """Ask on a terminal; without one, or at a no, end having changed nothing more."""
    if sys.stdin is None or not sys.stdin.isatty():
        stop(Exit.USAGE, "nothing was deleted: there is no terminal to ask on", "Add --yes to delete without asking.")
    if not typer.confirm(question, err=True):
        stop(Exit.FAILED, "nothing was deleted")
