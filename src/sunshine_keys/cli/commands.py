"""All commands. Importing this module registers them."""

from __future__ import annotations

import importlib
import sys

from sunshine_keys.cli.exits import Exit, stop
from sunshine_keys.cli.program import cli, fail, ignore_service_links
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.store import StoreError

__all__ = ["cli", "run"]

for name in (
    "init",
    "serve",
    "token",
    "scan",
    "backup",
    "account_keys",
    "audit",
    "seal",
    "copy",
    "migrate",
    "doctor",
    "remote.account",
    "remote.verbs",
):
    importlib.import_module(f"sunshine_keys.cli.{name}")


def run() -> None:
    """Run the command that the arguments name. End the program with one line if the store cannot be opened."""
    try:
        ignore_service_links()
        try:
            cli()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except StoreError as error:
        fail(str(error))
    except StoreUnavailable as error:
        stop(Exit.TRY_AGAIN, error.titles[0])
    except OSError as error:
        if error.filename is not None:  # An error of standard output has no file name.
            raise
        sys.stdout = None  # Otherwise Python flushes it once more when it exits, and fails again.
        fail(f"cannot print: {error.strerror}")
