"""`login`, `logout`, `profiles`, `whoami` and `open`: the service and the key that commands use."""

from __future__ import annotations

import sys
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._repetition import is_vendors
from sunshine_conversations_client.configuration import DEFAULT_HOST, HOST_VARIABLE
from sunshine_keys.access.scopes import APP
from sunshine_keys.cli.exits import Exit, complain, printable, stop
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import cli
from sunshine_keys.cli.remote import output, profiles
from sunshine_keys.cli.remote.options import AsJson, Browser, OutputFormat, ProfileName, Quiet
from sunshine_keys.cli.remote.session import Session, contact, session
from sunshine_keys.cli.remote.sign_in_links import open_in_browser, sign_in_link
from sunshine_keys.cli.terminal import emit, emit_json

_SECRET_LENGTH = 1000

program = typer.Typer(cls=Group, help="Show the saved profiles, or select one.", invoke_without_command=True)
cli.add_typer(program, name="profiles")


@cli.command()
def login(
    key_id: Annotated[
        str | None,
        typer.Argument(
            envvar="SUNSHINE_CONVERSATIONS_KEY_ID", metavar="KEY_ID", help="The key's id. Default: prompt for it."
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(envvar=HOST_VARIABLE, metavar="URL", help="The service's URL. Default: prompt for it."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", envvar="SUNSHINE_KEYS_YES", help="Replace a profile without a confirmation.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            envvar=profiles.PROFILE_VARIABLE,
            metavar="NAME",
            help="The profile to save and to make the current one. Default: `default`.",
        ),
    ] = None,
) -> None:
    """Save a key for a service in a profile, after the service has accepted the key.

    A profile of another service or key is replaced after a confirmation. The command prompts for the secret, or reads it from standard input. There is no option for it, because other users of
    the machine could see it.
    """
    name = profile or profiles.DEFAULT
    before = profiles.load().profiles.get(name)
    terminal = sys.stdin is not None and sys.stdin.isatty()
    host = _checked_host(host or _host(before, terminal=terminal))
    if terminal:
        complain(f"the key is sent to {host}, and saved in profile {name}")
    if key_id is None and terminal:
        key_id = typer.prompt("Key id", err=True)
    if not key_id or not key_id.strip().isprintable() or ":" in key_id:
        stop(Exit.USAGE, "the key's id is missing or invalid. Example: sunshine-keys login --host URL act_…")
    key_id = key_id.strip()
    if before is not None and (before.host, before.key_id) != (host, key_id) and not yes:
        _confirm_replacement(name, before)
    secret = _secret(terminal=terminal)
    with contact({"host": host, "key_id": key_id, "secret": secret}, f"profile {name}") as opened:
        facts = _facts(opened)
    saved = profiles.add(name, host, key_id, secret)
    where = "the system keyring" if saved.is_in_keyring else profiles.profiles_file()
    emit(f"Logged in to {host} as {facts['keyId']}. Profile {name} is saved; its secret is in {where}.")


def _host(before: profiles.Profile | None, *, terminal: bool) -> str:
    """Prompt for the URL of the service; the default is that of the profile. End the program without a terminal."""
    if not terminal:
        stop(
            Exit.USAGE,
            "the service is missing: add --host URL or set SUNSHINE_CONVERSATIONS_HOST",
            f"The vendor's is {DEFAULT_HOST}.",
        )
    host: str = typer.prompt("URL of the service", default=None if before is None else before.host, err=True)
    return host.strip()


def _confirm_replacement(name: str, before: profiles.Profile) -> None:
    """Ask on the terminal. End the program if the answer is no or there is no terminal."""
    advice = "To save another profile, use --profile NAME. To replace this one, add --yes."
    if sys.stdin is None or not sys.stdin.isatty():
        stop(Exit.USAGE, f"profile {name} holds {before.key_id} at {before.host}, and was not replaced", advice)
    if not typer.confirm(f"Profile {name} holds {before.key_id} at {before.host}. Replace it?", err=True):
        stop(Exit.FAILED, "nothing was changed", advice)


def _checked_host(host: str) -> str:
    try:
        parts = urlsplit(host)
        is_valid = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and not (parts.query or parts.fragment or "@" in parts.netloc)
        )
    except ValueError:
        is_valid = False
    if not is_valid or not host.isprintable():
        stop(Exit.USAGE, "--host is not the URL of a service, such as https://keys.example.com")
    return host.rstrip("/")


def _secret(*, terminal: bool) -> str:
    if terminal:
        secret: str = typer.prompt("Secret", hide_input=True, err=True)
    else:
        secret = "" if sys.stdin is None else sys.stdin.read(_SECRET_LENGTH + 2).removeprefix("\ufeff")
    secret = secret.strip()
    if not secret:
        stop(Exit.USAGE, "the secret is empty: type it at the prompt, or pass it on standard input")
    if len(secret.split()) != 1 or len(secret) > _SECRET_LENGTH:
        stop(Exit.USAGE, "the secret is invalid: it is one word, the key's `secret`")
    return secret


@cli.command()
def logout(profile: ProfileName = None) -> None:
    """Remove a profile and its secret. The key stays valid until you delete it with `keys delete`."""
    emit(f"Removed profile {profiles.remove(profile)}.")


@program.callback()
def show_profiles(context: typer.Context, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the saved profiles, or select one."""
    if context.invoked_subcommand is not None:
        return
    output_format = OutputFormat(as_json, quiet)
    saved = profiles.load()
    rows = [
        {
            "profile": name,
            "current": name == saved.current,
            "host": profile.host,
            "keyId": profile.key_id,
            "secretIn": "keyring" if profile.is_in_keyring else "file",
        }
        for name, profile in sorted(saved.profiles.items())
    ]
    if output_format.quiet:
        for row in rows:
            output.emit_id(row["profile"])
    elif output_format.as_json:
        emit_json(rows)
    else:
        headings = ["", "profile", "host", "keyId", "secret in"]
        columns = ("profile", "host", "keyId", "secretIn")
        cells = [["*" if row["current"] else "", *(str(row[column]) for column in columns)] for row in rows]
        output.print_table(headings, cells)


@program.command("use")
def use_profile(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Make a profile the current one."""
    profiles.use(name)
    emit(f"The current profile is {name}.")


@cli.command()
def whoami(context: typer.Context, profile: ProfileName = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Check that the service accepts the key, and show the key's id, scope and app."""
    output_format = OutputFormat(as_json, quiet)
    with session(context, profile) as opened:
        facts = _facts(opened)
    if output_format.as_json:
        emit_json(facts)
    elif output_format.quiet:
        output.emit_id(facts["keyId"] or "")
    else:
        for name, value in facts.items():
            if value is not None:
                emit(f"{name:11}  {printable(str(value))}")


def _facts(opened: Session) -> dict[str, Any]:
    """Return what `whoami` prints. Raises ApiException if the service refuses the key."""
    facts: dict[str, Any] = {"host": opened.host, "from": opened.source, "keyId": opened.key_id, "scope": opened.scope}
    try:
        app = opened.own_app()
    except sunshine.ForbiddenException:  # It accepts the key, which is an account key and has no app.
        return facts | {"scope": facts["scope"] or "account", "appId": None, "appName": None}
    return facts | {"appId": app.id, "appName": app.display_name}


@cli.command("open")
def open_console(context: typer.Context, browser: Browser = True, profile: ProfileName = None) -> None:
    """Open the service's console in a browser, signed in with the key of the profile, and print the link.

    The link works for 45 seconds. Keys of integrations cannot sign in; with one, or with a token, the page asks for a key.
    """
    with session(context, profile) as opened:
        host, scope, configuration = opened.host, opened.scope, opened.client.configuration
    if is_vendors(host):
        stop(Exit.FAILED, f"{host} belongs to the vendor. Manage its keys in the vendor's admin pages")
    key_id, secret = configuration.key_id, configuration.secret
    url = f"{host}/console"
    if scope is not None and scope in APP and key_id and secret:
        url = sign_in_link(host, key_id, secret, scope)
    emit(url)
    if browser:
        open_in_browser(url)
