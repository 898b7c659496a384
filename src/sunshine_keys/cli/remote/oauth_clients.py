"""`oauth-clients`: the OAuth clients of partners, and the partners that an app is connected to.

The vendor's service has no such operations.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sunshine_keys.cli.confirm import require_confirmation
from sunshine_keys.cli.exits import Exit, printable, stop
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import cli
from sunshine_keys.cli.remote import output
from sunshine_keys.cli.remote.options import App, AsJson, OutputFormat, ProfileName, Quiet, Yes
from sunshine_keys.cli.remote.session import session
from sunshine_keys.cli.terminal import emit, emit_json

_CLIENTS = "/oauthClients"
_CLIENT = "/oauthClients/{oauthClientId}"
_COLUMNS = ("id", "displayName", "redirectUris", "decision", "appId")

Id = Annotated[str, typer.Argument(metavar="ID", help="The client's id.")]
RedirectUris = Annotated[
    list[str] | None,
    typer.Option(
        "--redirect-uri", metavar="URL", help="A URL that browsers may be sent back to; repeat the option for several."
    ),
]

program = typer.Typer(
    cls=Group, help="Manage the OAuth clients of partners. This needs an account key.", no_args_is_help=True
)
cli.add_typer(program, name="oauth-clients")


def _row(client: dict[str, Any]) -> list[str]:
    texts = {name: client.get(name, "") for name in _COLUMNS}
    return [", ".join(text) if isinstance(text, list) else text for text in texts.values()]


def _print(client: dict[str, Any], output_format: OutputFormat) -> None:
    if output_format.quiet:
        output.emit_id(client.get("secret", client["id"]))
    elif output_format.as_json:
        emit_json(client)
    else:
        output.print_table(list(_COLUMNS), [_row(client)])
        if "secret" in client:
            emit(f"Its secret, which is not shown again: {printable(client['secret'])}")


@program.command("list")
def list_clients(
    context: typer.Context, profile: ProfileName = None, as_json: AsJson = False, quiet: Quiet = False
) -> None:
    """List the clients, without their secrets."""
    output_format = OutputFormat(as_json, quiet)
    with session(context, profile) as opened:
        clients = opened.own("GET", _CLIENTS, {})["oauthClients"]
    if output_format.quiet:
        for client in clients:
            output.emit_id(client["id"])
    elif output_format.as_json:
        emit_json(clients)
    else:
        output.print_table(list(_COLUMNS), [_row(client) for client in clients])


@program.command("create")
def create_client(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The partner's name, 1 to 100 characters.")],
    redirect_uris: RedirectUris = None,
    decision: Annotated[
        str | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_DECISION",
            metavar="allow|deny",
            help="For tests: give this answer at once instead of asking a person. `allow` needs --app.",
        ),
    ] = None,
    app: Annotated[
        str | None, typer.Option("--app", envvar="SUNSHINE_KEYS_APP", metavar="APP_ID", help="The app that is allowed.")
    ] = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Create a client, and show its secret. The secret is not shown again."""
    output_format = OutputFormat(as_json, quiet)
    if not redirect_uris:
        stop(Exit.USAGE, "the redirect URI is missing: add --redirect-uri URL")
    body: dict[str, Any] = {"displayName": name, "redirectUris": redirect_uris}
    if decision is not None:
        body["decision"] = decision
    if app is not None and decision == "allow":
        body["appId"] = app
    with session(context, profile) as opened:
        _print(opened.own("POST", _CLIENTS, {}, body)["oauthClient"], output_format)


@program.command("show")
def show_client(context: typer.Context, id: Id, profile: ProfileName = None, as_json: AsJson = False) -> None:
    """Show a client, without its secret."""
    with session(context, profile) as opened:
        _print(opened.own("GET", _CLIENT, {"oauthClientId": id})["oauthClient"], OutputFormat(as_json, quiet=False))


@program.command("update")
def update_client(
    context: typer.Context,
    id: Id,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="The new name, 1 to 100 characters.")
    ] = None,
    redirect_uris: RedirectUris = None,
    profile: ProfileName = None,
    as_json: AsJson = False,
) -> None:
    """Change the name of a client, or replace its redirect URIs."""
    body: dict[str, Any] = {} if name is None else {"displayName": name}
    if redirect_uris:
        body["redirectUris"] = redirect_uris
    if not body:
        stop(Exit.USAGE, "nothing to change: add --name or --redirect-uri")
    with session(context, profile) as opened:
        client = opened.own("PATCH", _CLIENT, {"oauthClientId": id}, body)["oauthClient"]
        _print(client, OutputFormat(as_json, quiet=False))


@program.command("delete")
def delete_client(
    context: typer.Context,
    id: Id,
    yes: Yes = False,
    profile: ProfileName = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Delete a client. Its access tokens, and its integrations with their webhooks in all apps, are deleted with it."""
    output_format = OutputFormat(as_json, quiet)
    with session(context, profile) as opened:
        client = opened.own("GET", _CLIENT, {"oauthClientId": id})["oauthClient"]
        if not yes:
            name = printable(client["displayName"])
            require_confirmation(
                f"Delete the OAuth client {name} ({printable(id)})? The partner loses its access to all apps."
            )
        opened.own("DELETE", _CLIENT, {"oauthClientId": id})
    output.print_deleted("OAuth client", id, as_json=output_format.as_json, quiet=output_format.quiet)


@program.command()
def connections(context: typer.Context, app: App = None, profile: ProfileName = None, as_json: AsJson = False) -> None:
    """List the partners that an app is connected to. To end the access of one, delete its integration.

    A key of the app is enough for this command.
    """
    with session(context, profile) as opened:
        path = "/apps/{appId}/oauthConnections"
        listed = opened.own("GET", path, {"appId": opened.app_id(app)})["oauthConnections"]
    if as_json:
        emit_json(listed)
    else:
        columns = ("integrationId", "clientId", "displayName", "tokens")
        output.print_table(list(columns), [[str(entry[name]) for name in columns] for entry in listed])
