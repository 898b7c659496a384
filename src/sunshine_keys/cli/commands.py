"""The commands, each registered by the import of its module, and the run of one of them."""

from __future__ import annotations

import importlib
import os
import sys

import typer

from sunshine_keys.cli.examples import add_examples
from sunshine_keys.cli.exits import Exit, stop
from sunshine_keys.cli.program import cli, fail, ignore_service_links
from sunshine_keys.cli.terminal import configure
from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.store import StoreError

__all__ = ["register", "run"]

MODULES = {
    "init": ("init",),
    "serve": ("serve", "demo"),
    "dev": ("dev",),
    "token": ("token",),
    "scan": ("scan",),
    "check": ("check",),
    "backup": ("backup", "restore"),
    "account_keys": ("account-keys",),
    "audit": ("audit",),
    "seal": ("seal",),
    "copy": ("copy",),
    "migrate": ("migrate",),
    "doctor": ("doctor",),
    "notifying": ("notify",),
    "remote.account": ("login", "logout", "whoami", "open", "profiles"),
    "remote.verbs": ("apps", "integrations", "keys", "webhooks"),
    "remote.rotation": ("keys",),
    "remote.deliveries": ("webhooks",),
    "remote.oauth_clients": ("oauth-clients",),
    "remote.chat": ("chat",),
}
"""The commands that each module registers or extends when it is imported."""


def register(word: str = "") -> typer.Typer:
    """Register the command `word`, or all commands if there is no such command, and return the program.

    Without the modules of the other commands, `serve` starts in two thirds of the time.
    """
    names = [name for name, words in MODULES.items() if word in words] or [*MODULES]
    for name in names:
        importlib.import_module(f"sunshine_keys.cli.{name}")
    add_examples(cli)
    return cli


def run() -> None:
    """Run the command that the arguments name. End the program with one line if the store cannot be opened."""
    configure()
    try:
        ignore_service_links()
        try:
            register(sys.argv[1] if len(sys.argv) > 1 else "")()
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
