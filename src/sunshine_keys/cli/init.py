"""`init`: create a store, or another account key for one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sunshine_keys.cli.program import Data, Database, cli, create_file, fail, key_lines, print_flushed, require_output
from sunshine_keys.compose import create_first_objects
from sunshine_keys.opening import require_store
from sunshine_keys.settings import Settings
from sunshine_keys.store.locations import PostgresUrl


@cli.command()
def init(
    data: Data = None,
    database: Database = None,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample",
            envvar="SUNSHINE_KEYS_SAMPLE",
            help="Also create the app, the integrations and the keys of the published samples.",
        ),
    ] = False,
    new_account_key: Annotated[
        bool,
        typer.Option(
            "--new-account-key",
            envvar="SUNSHINE_KEYS_NEW_ACCOUNT_KEY",
            help="Create another account key in an existing store.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print everything created as one JSON object.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(envvar="SUNSHINE_KEYS_OUTPUT", help="Write that JSON to a new file that only its owner can read."),
    ] = None,
) -> None:
    """Create a store and its account key, and print the key. Its secret is not shown again."""
    if sample and new_account_key:
        fail("--new-account-key is for an existing store, --sample for a new one. Use only one of them")
    settings = Settings.of(data, database)
    if new_account_key:
        asyncio.run(require_store(settings))
    if output is None:
        require_output()
    file = None if output is None else create_file(output)
    created = None
    try:
        created = create_first_objects(settings, sample=sample, new_account_key=new_account_key)
    finally:
        if created is None and output is not None:
            output.unlink(missing_ok=True)
    if created is None:
        fail("this store exists, and its account key was shown when it was created. Add --new-account-key for another")
    if file is not None:
        with file:
            file.write(json.dumps(created, indent=2, ensure_ascii=False) + "\n")
        print_flushed(f"The keys of the store {settings.location} are in {output}.")
    elif as_json:
        print_flushed(json.dumps(created, indent=2))
    else:
        print_flushed(f"The store is {settings.location}.\n")
        _print_keys(created)
        print_flushed(
            "\nStore the secrets in a safe place now: the account key's is not shown again.\n"
            f"Next: {_serve_command(settings)}"
        )


def _print_keys(created: dict[str, Any]) -> None:
    print_flushed(key_lines("Account key", created["account_key"]))
    if "app" in created:
        print_flushed(f"\nApp                 {created['app']['id']}")
        print_flushed(f"Custom integration  {created['integration']['id']}")
        print_flushed(f"Web integration     {created['other_integration']['id']}\n")
        print_flushed(key_lines("App key", created["app_key"]) + "\n")
        print_flushed(key_lines("Integration key", created["key"]))


def _serve_command(settings: Settings) -> str:
    """Return the command that serves this store, without a URL that may contain a password."""
    if isinstance(settings.database, PostgresUrl):
        return "sunshine-keys serve, with the same settings"
    folder = [] if settings.data is None else ["--data", str(settings.data)]
    file = [] if settings.database is None else ["--database", settings.database.url]
    return " ".join(["sunshine-keys serve", *folder, *file])
