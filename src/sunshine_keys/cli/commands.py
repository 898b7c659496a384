"""All commands: importing this module registers them."""

from __future__ import annotations

import importlib
import sys

from sunshine_keys.cli.program import cli, fail
from sunshine_keys.store import StoreError

__all__ = ["cli", "run"]

for name in (
    "init",
    "serving",
    "token",
    "scan",
    "backup",
    "audit",
    "seal",
    "copying",
    "migrate",
    "doctor",
    "remote.account",
    "remote.verbs",
):
    importlib.import_module(f"sunshine_keys.cli.{name}")


def run() -> None:
    try:
        try:
            cli()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except StoreError as error:
        fail(str(error))
    except OSError as error:
        if error.filename is not None:  # else it is of printing
            raise
        sys.stdout = None  # else Python tries once more at its end
        fail(f"cannot print: {error.strerror}")
