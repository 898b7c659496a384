"""`token`: print a JSON Web Token signed by a key."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sunshine_keys.access.scopes import ID_PREFIX, Scope
from sunshine_keys.cli.exits import Exit, stop
from sunshine_keys.cli.program import cli, read_text
from sunshine_keys.cli.remote.options import ProfileName
from sunshine_keys.cli.remote.session import is_typed, own_key
from sunshine_keys.cli.terminal import emit

_SECRET_LENGTH = 1000


@cli.command()
def token(
    context: typer.Context,
    key_id: Annotated[
        str | None,
        typer.Argument(
            envvar="SUNSHINE_KEYS_KEY_ID",
            metavar="KEY_ID",
            help="The key. Default: that of the profile, with its secret.",
            show_default=False,
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(envvar="SUNSHINE_KEYS_SECRET_FILE", help="The file that contains the key's secret."),
    ] = None,
    scope: Annotated[
        Scope | None,
        typer.Option(envvar="SUNSHINE_KEYS_SCOPE", help="The key's scope, if its id has no published prefix."),
    ] = None,
    expires_in: Annotated[
        int, typer.Option(envvar="SUNSHINE_KEYS_EXPIRES_IN", min=1, max=2**31, help="Seconds until the token expires.")
    ] = 300,
    profile: ProfileName = None,
) -> None:
    """Print a JSON Web Token signed by a key.

    With KEY_ID, the command reads the key's secret from --secret-file, SUNSHINE_KEYS_SECRET or standard input. There is no option for
    the secret itself, because other users of the machine could see it.
    """
    from sunshine_keys.access import tokens

    if key_id is None or is_typed(context, "profile"):
        if key_id is not None:
            raise typer.BadParameter("name a KEY_ID or a profile, not both")
        key_id, secret = own_key(context, profile)
    else:
        secret = _read_secret(secret_file)
    scopes = {prefix: own_scope for own_scope, prefix in ID_PREFIX.items()}
    scope = scope or scopes.get(key_id[:4])
    if scope is None:
        stop(Exit.USAGE, "the key id does not begin with act_, app_ or int_", "Name its scope with --scope.")
    if (own := scopes.get(key_id[:4], scope)) is not scope:
        stop(
            Exit.USAGE,
            f"the scope of {key_id[:4]}… is {own.value}",
            "The service would refuse a token of another scope.",
        )
    if len(secret.split()) != 1 or len(secret) > _SECRET_LENGTH:
        stop(Exit.USAGE, "the secret is invalid: it is one word, the key's `secret`")
    try:
        emit(tokens.mint(key_id, secret, scope, expires_in=expires_in))
    except UnicodeError:
        stop(Exit.USAGE, "the key id and the secret have to be UTF-8 text")


def _read_secret(file: Path | None) -> str:
    if file is not None:
        secret = read_text(file, "secret")
    elif (variable := os.environ.get("SUNSHINE_KEYS_SECRET")) is not None:
        secret = variable
    elif sys.stdin is None:
        secret = ""
    elif sys.stdin.isatty():
        secret = typer.prompt("Secret", hide_input=True, err=True)
    else:
        secret = sys.stdin.read().removeprefix("\ufeff")
    if not secret.strip():
        stop(Exit.USAGE, "the secret is empty", "Use --secret-file, SUNSHINE_KEYS_SECRET or standard input.")
    return secret.strip()
