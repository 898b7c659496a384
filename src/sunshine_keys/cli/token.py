"""`token`: a JSON Web Token signed by a key."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.cli.program import cli, fail, read_text

_SECRET_LENGTH = 1000


@cli.command()
def token(
    key_id: Annotated[str, typer.Argument(envvar="SUNSHINE_KEYS_KEY_ID", metavar="KEY_ID")],
    secret_file: Annotated[
        Path | None,
        typer.Option(envvar="SUNSHINE_KEYS_SECRET_FILE", help="The file that holds the key's secret."),
    ] = None,
    scope: Annotated[
        Scope | None, typer.Option(envvar="SUNSHINE_KEYS_SCOPE", help="The key's scope, if its id does not tell.")
    ] = None,
    expires_in: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_EXPIRES_IN", min=1, max=2**31, help="Seconds until the token ends.")
    ] = 300,
) -> None:
    """Print a JSON Web Token signed by a key.

    The key's secret is read from --secret-file, SUNSHINE_KEYS_SECRET, or standard input; never from an option,
    which other users of the machine could see.
    """
    from sunshine_keys.access import tokens

    scopes = {prefix: each for each, prefix in ID_PREFIX.items()}
    scope = scope or scopes.get(key_id[:4])
    if scope is None:
        fail("the key id should begin with act_, app_ or int_; else name its --scope")
    if (own := scopes.get(key_id[:4], scope)) is not scope:
        fail(f"the scope of {key_id[:4]}… is {own.value}: a token of another would be refused")
    secret = _read_secret(secret_file)
    if len(secret.split()) != 1 or len(secret) > _SECRET_LENGTH:
        fail("that is no secret: it should be one word, as the key's `secret` shows it")
    try:
        typer.echo(tokens.mint(key_id, secret, scope, expires_in=expires_in))
    except UnicodeError:
        fail("the key id and the secret should be UTF-8 text")


def _read_secret(file: Path | None) -> str:
    if file is not None:
        secret = read_text(file, "secret")
    elif (given := os.environ.get("SUNSHINE_KEYS_SECRET")) is not None:
        secret = given
    elif sys.stdin is None:
        secret = ""
    elif sys.stdin.isatty():
        secret = typer.prompt("Secret", hide_input=True, err=True)
    else:
        secret = sys.stdin.read()
    if not secret.strip():
        fail("the secret is empty; give it in --secret-file, SUNSHINE_KEYS_SECRET or on standard input")
    return secret.strip()
