"""The command `sunshine-keys`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the errors an operator can mend are one line and exit code 1."""
    try:
        from sunshine_keys.cli.commands import run
    except ModuleNotFoundError as error:
        sys.exit(f"sunshine-keys: {error.name} is missing; the command needs: pip install 'sunshine-keys[server]'")
    run()
