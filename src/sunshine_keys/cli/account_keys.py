"""`account-keys`: list, create and delete the account's own keys in a store. The API has no operation for them."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, NoReturn

import typer

from sunshine_keys.access.scopes import Scope
from sunshine_keys.cli.confirm import require_confirmation
from sunshine_keys.cli.diagnosis.findings import utc_time
from sunshine_keys.cli.durations import duration
from sunshine_keys.cli.exits import Exit, complain, printable, stop
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import Data, Database, cli, key_lines, print_flushed, require_output
from sunshine_keys.cli.remote import output
from sunshine_keys.cli.remote.options import AsJson, OutputFormat, Quiet, Yes
from sunshine_keys.cli.terminal import emit_json
from sunshine_keys.compose import opened_engine
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.ids import DISPLAY_NAME_LENGTH
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.lifetime import Lifetime
from sunshine_keys.keys.model import Key, moment_text
from sunshine_keys.keys.table import account_keys
from sunshine_keys.keys.usage import Usage, usage_of
from sunshine_keys.opening import opened_store, require_store
from sunshine_keys.settings import Settings
from sunshine_keys.store import OPERATOR, Store

program = typer.Typer(
    cls=Group,
    help="List, create and delete the account's own keys in a store, while it is served.",
    no_args_is_help=True,
)
cli.add_typer(program, name="account-keys")


@program.command("list")
def list_keys(data: Data = None, database: Database = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the account keys, with the time and the address of their last use. Secrets are not shown."""
    output_format = OutputFormat(as_json, quiet)

    async def run() -> tuple[list[Key], dict[str, Usage]]:
        async with opened_store(Settings.of(data, database), read_only=True) as store:
            listed = await store.read(account_keys())
            return listed, await store.read(usage_of([key.id for key in listed], time.time()))

    listed, usage = asyncio.run(run())
    rows = [_row(key, usage.get(key.id)) for key in listed]
    if output_format.quiet:
        for key in listed:
            output.emit_id(key.id)
    elif output_format.as_json:
        emit_json(rows)
    else:
        output.print_table(
            ["id", "displayName", "ends", "last use", "from"], [[cell or "" for cell in row.values()] for row in rows]
        )


def _row(key: Key, use: Usage | None) -> dict[str, str | None]:
    last_used = None if use is None or use.last_used is None else utc_time(use.last_used)
    return {
        "id": key.id,
        "displayName": key.display_name,
        "expiresAt": moment_text(key.expires_at),
        "lastUsed": last_used,
        "lastSource": use.last_source if use is not None else None,
    }


@program.command()
def create(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="The name, 1 to 100 characters.", show_default=False)
    ] = "Account key",
    expires_in: Annotated[
        str | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_EXPIRES_IN",
            metavar="DURATION",
            help="How long the key works: 12h, 30d, 26w. Without it, the key has no end.",
        ),
    ] = None,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Create an account key, and print it with its secret, which is not shown again."""
    output_format = OutputFormat(as_json, quiet)
    name = name.strip()
    if not 0 < len(name) <= DISPLAY_NAME_LENGTH:
        raise typer.BadParameter(f"the name should have 1 to {DISPLAY_NAME_LENGTH} characters")
    lifetime_seconds = duration(expires_in)
    if lifetime_seconds == 0:
        raise typer.BadParameter("--expires-in should be longer than nothing")
    require_output()
    settings = Settings.of(data, database)

    async def run() -> Any:
        await require_store(settings)
        async with opened_engine(settings) as engine:
            now = engine.store.now()
            lifetime = Lifetime(now, None if lifetime_seconds is None else now + lifetime_seconds)
            return await engine.create(
                OPERATOR, lambda sealer: keys.creation(sealer, Scope.ACCOUNT, None, None, name, lifetime)
            )

    view = asyncio.run(run())
    if output_format.as_json:
        end = {"expiresAt": view.expires_at} if view.expires_at else {}
        emit_json({"id": view.id, "displayName": view.display_name, "secret": view.secret} | end)
    elif output_format.quiet:
        print_flushed(view.secret)
        complain(f"created {view.id}; standard output contains only its secret")
    else:
        print_flushed(key_lines(f"Account key {printable(view.display_name)}", {"id": view.id, "secret": view.secret}))
        if view.expires_at:
            print_flushed(f"It ends {view.expires_at}.")
        print_flushed("Store the secret in a safe place now: it is not shown again.")


@program.command()
def delete(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The ids.")],
    data: Data = None,
    database: Database = None,
    yes: Yes = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Delete account keys after a confirmation. Every node refuses them from then on.

    The last one is deleted only with --yes: without an account key, nobody can create apps.
    """
    OutputFormat(as_json, quiet)

    async def run() -> None:
        async with opened_store(Settings.of(data, database)) as store:
            for key_id in ids:
                await _delete(store, key_id, yes=yes)
                output.print_deleted("account key", key_id, as_json=as_json, quiet=quiet)

    asyncio.run(run())


async def _delete(store: Store, key_id: str, *, yes: bool) -> None:
    """Delete a key. End the program if it is missing, if it is the last one, or if the answer is no."""
    existing = {key.id: key for key in await store.read(account_keys())}
    if key_id not in existing:
        _stop_missing(key_id)
    now = store.now()
    if not yes:
        if [key.id for key in existing.values() if not key.has_ended(now)] == [key_id]:
            _stop_last(key_id)
        require_confirmation(
            f'Delete account key {key_id} "{printable(existing[key_id].display_name)}"? '
            "The service then refuses it and every token that it signed."
        )
    try:
        await store.transact(OPERATOR, DeleteKey(None, None, key_id, even_last=yes, now=store.now()))
    except NotFound:
        _stop_missing(key_id)
    except BadRequest:  # somebody else has deleted the others meanwhile
        _stop_last(key_id)


def _stop_missing(key_id: str) -> NoReturn:
    stop(
        Exit.NOT_FOUND,
        f"the store has no account key {key_id}",
        "`sunshine-keys account-keys list` shows those that exist. `sunshine-keys keys` manages those of apps and integrations.",
    )


def _stop_last(key_id: str) -> NoReturn:
    stop(
        Exit.FAILED,
        f"nothing was deleted: {key_id} is the last account key, and without one nobody can create apps",
        "Create another first with `sunshine-keys account-keys create`, or add --yes.",
    )
