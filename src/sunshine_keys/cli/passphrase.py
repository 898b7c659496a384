"""A passphrase: from a file, the environment or a prompt; never an option's value, which other users could see."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sunshine_keys.cli.program import fail, read_text

PassphraseFile = Annotated[
    Path | None,
    typer.Option(envvar="SUNSHINE_KEYS_PASSPHRASE_FILE", help="The file that holds the passphrase on its first line."),
]


def given_passphrase(file: Path | None, *, new: bool = False) -> str:
    """Asks twice for a new one."""
    if file is not None:
        passphrase = read_text(file, "passphrase").partition("\n")[0].rstrip("\r")
    elif (given := os.environ.get("SUNSHINE_KEYS_PASSPHRASE")) is not None:
        passphrase = given
    elif sys.stdin is not None and sys.stdin.isatty():
        passphrase = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    else:
        fail("the secrets need a passphrase: give it in --passphrase-file or SUNSHINE_KEYS_PASSPHRASE")
    try:
        passphrase.encode()
    except UnicodeError:
        fail("the passphrase should be UTF-8 text")
    if not passphrase:
        fail("the passphrase is empty")
    return passphrase
