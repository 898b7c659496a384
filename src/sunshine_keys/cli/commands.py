"""All commands. Importing this module registers them."""

from __future__ import annotations

import importlib
import os
import sys

from sunshine_keys.cli.examples import add_examples
from sunshine_keys.cli.exits import Exit, stop
from sunshine_keys.cli.program import cli, fail, ignore_service_links
from sunshine_keys.cli.terminal import configure
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.store import StoreError

__all__ = ["cli", "run"]

for name in (
    "init",
    "serve",
    "dev",
    "token",
    "scan",
    "check",
    "backup",
    "account_keys",
    "audit",
    "seal",
    "copy",
    "migrate",
    "doctor",
    "notifying",
    "remote.account",
    "remote.verbs",
    "remote.rotation",
    "remote.deliveries",
    "remote.oauth_clients",
    "remote.chat",
):
    importlib.import_module(f"sunshine_keys.cli.{name}")


add_examples(cli)


def run() -> None:
    """Run the command that the arguments name. End the program with one line if the store cannot be opened."""
    configure()
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
            fail(f"cannot use {os.fsdecode(error.filename)}: {error.strerror}")
        sys.stdout = None  # Otherwise Python flushes it once more when it exits, and fails again.
        fail(f"cannot print: {error.strerror}")
    except RuntimeError as error:
        if "home directory" not in str(error):  # Path.home() raises it.
            raise
        fail("there is no home directory for this user. Set HOME")
