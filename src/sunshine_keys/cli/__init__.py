"""The command `sunshine-keys`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Print an error that an operator can fix as one line, and exit with code 1."""
    try:
        from sunshine_keys.cli.commands import run
    except ModuleNotFoundError as error:
        sys.exit(f"sunshine-keys: {error.name} is missing; the command needs: pip install 'sunshine-keys[server]'")
    run()
