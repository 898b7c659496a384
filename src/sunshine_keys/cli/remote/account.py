"""`login`, `logout`, `profiles`, `whoami` and `open`: which service by which key."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._repetition import is_vendors
from sunshine_conversations_client.configuration import HOST_VARIABLE
from sunshine_keys.cli.exits import Exit, printable, stop
from sunshine_keys.cli.listing import Group
from sunshine_keys.cli.program import cli
from sunshine_keys.cli.remote import output, profiles
from sunshine_keys.cli.remote.options import AsJson, Common, ProfileName, Quiet
from sunshine_keys.cli.remote.session import Session, contact, default_host, session

_SECRET_LENGTH = 1000

program = typer.Typer(cls=Group, help="Show the profiles that are kept, or choose one.", invoke_without_command=True)
cli.add_typer(program, name="profiles")


@cli.command()
def login(
    key_id: Annotated[
        str | None,
        typer.Argument(envvar="SUNSHINE_CONVERSATIONS_KEY_ID", metavar="KEY_ID", help="Asked for if not given."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(envvar=HOST_VARIABLE, metavar="URL", help="The service's URL; the vendor's if not given."),
    ] = None,
    profile: ProfileName = None,
) -> None:
    """Keep a key for a service under a name, once the service has accepted it.

    The secret is asked for, or read from standard input; never from an option, which other users could see.
    """
    host = _checked_host(host or default_host())
    name = profile or profiles.DEFAULT
    terminal = sys.stdin is not None and sys.stdin.isatty()
    if key_id is None and terminal:
        key_id = typer.prompt("Key id", err=True)
    if not key_id or not key_id.strip().isprintable() or ":" in key_id:
        stop(Exit.USAGE, "give the key's id, as in: sunshine-keys login --host URL act_…")
    secret = _secret(terminal=terminal)
    with contact({"host": host, "key_id": key_id.strip(), "secret": secret}, f"profile {name}") as opened:
        facts = _facts(opened)
    before = profiles.load().profiles.get(name)
    kept = profiles.add(name, host, key_id.strip(), secret)
    where = "the system keyring" if kept.where == "keyring" else profiles.place()
    output.emit(f"Logged in to {host} as {facts['keyId']}: profile {name}, its secret in {where}.")
    if before is not None and (before.host, before.key_id) != (kept.host, kept.key_id):
        output.emit(f"It takes the place of {before.key_id} at {before.host}; --profile NAME would have kept both.")


def _checked_host(host: str) -> str:
    try:
        parts = urlsplit(host)
        good = (
            parts.scheme in ("http", "https")
            and parts.hostname
            and not (parts.query or parts.fragment or "@" in parts.netloc)
        )
    except ValueError:
        good = False
    if not good or not host.isprintable():
        stop(Exit.USAGE, "--host should be the service's URL, such as https://keys.example.com")
    return host.rstrip("/")


def _secret(*, terminal: bool) -> str:
    if terminal:
        secret: str = typer.prompt("Secret", hide_input=True, err=True)
    else:
        secret = "" if sys.stdin is None else sys.stdin.read(_SECRET_LENGTH + 1)
    secret = secret.strip()
    if not secret:
        stop(Exit.USAGE, "the secret is empty: type it when asked, or give it on standard input")
    if len(secret.split()) != 1 or len(secret) > _SECRET_LENGTH:
        stop(Exit.USAGE, "that is no secret: it should be one word, as the key's `secret` shows it")
    return secret


@cli.command()
def logout(profile: ProfileName = None) -> None:
    """Forget a profile and its secret. The key itself goes on: delete it by `keys delete`."""
    output.emit(f"Forgot profile {profiles.remove(profile)}.")


@program.callback()
def show_profiles(context: typer.Context, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the profiles that are kept, or choose one."""
    if context.invoked_subcommand is not None:
        return
    common = Common(as_json, quiet)
    kept = profiles.load()
    rows = [
        {
            "profile": name,
            "current": name == kept.current,
            "host": each.host,
            "keyId": each.key_id,
            "secretIn": each.where,
        }
        for name, each in sorted(kept.profiles.items())
    ]
    if common.quiet:
        for row in rows:
            output.emit_id(row["profile"])
    elif common.as_json:
        output.print_json(rows)
    else:
        headings = ["", "profile", "host", "keyId", "secret in"]
        told = (["*" if row["current"] else "", *(str(row[each]) for each in ("profile", "host", "keyId", "secretIn"))]
                for row in rows)  # fmt: skip
        output.print_table(headings, list(told))


@program.command("use")
def use_profile(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Make a profile the current one."""
    profiles.use(name)
    output.emit(f"The current profile is {name}.")


@cli.command()
def whoami(context: typer.Context, profile: ProfileName = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Ask the service whether it accepts the key, and tell which key that is, and of what."""
    common = Common(as_json, quiet)
    with session(context, profile) as opened:
        facts = _facts(opened)
    if common.as_json:
        output.print_json(facts)
    elif common.quiet:
        output.emit_id(facts["keyId"] or "")
    else:
        for name, value in facts.items():
            if value is not None:
                output.emit(f"{name:11}  {printable(str(value))}")


def _facts(opened: Session) -> dict[str, Any]:
    """Raises ApiException where the service does not accept the key."""
    facts: dict[str, Any] = {"host": opened.host, "from": opened.source, "keyId": opened.key_id, "scope": opened.scope}
    try:
        app = opened.own_app()
    except sunshine.ForbiddenException:  # it accepts the key, which is the account's: for no one app
        return facts | {"scope": facts["scope"] or "account", "appId": None, "appName": None}
    return facts | {"appId": app.id, "appName": app.display_name}


@cli.command("open")
def open_console(context: typer.Context, profile: ProfileName = None) -> None:
    """Open the service's console in a browser, and print its URL."""
    with session(context, profile) as opened:
        host = opened.host
    if is_vendors(host):
        stop(Exit.FAILED, f"{host} is the vendor's: its keys are managed in the vendor's own admin pages")
    url = f"{host}/console"
    output.emit(url)
    try:
        browser = webbrowser.get()
    except webbrowser.Error:  # none here: the URL is printed
        return
    browser.open(url)
