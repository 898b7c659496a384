"""`init`: a new store, or another account key for one."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sunshine_keys.cli.program import Data, Database, cli, fail, key_lines, new_file, print_flushed
from sunshine_keys.compose import Settings, first_run, require_store
from sunshine_keys.store.locations import PostgresUrl


@cli.command()
def init(
    data: Data = None,
    database: Database = None,
    sample: Annotated[
        bool,
        typer.Option(
            "--sample", envvar="SUNSHINE_KEYS_SAMPLE", help="Also make the app, integrations and keys of the samples."
        ),
    ] = False,
    new_account_key: Annotated[
        bool,
        typer.Option(
            "--new-account-key",
            envvar="SUNSHINE_KEYS_NEW_ACCOUNT_KEY",
            help="Make another account key for an existing store.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print what was made as one JSON object.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(envvar="SUNSHINE_KEYS_OUTPUT", help="Write that JSON to a new file that only its owner can read."),
    ] = None,
) -> None:
    """Make a store and its account key, and print the key: its secret is shown only now."""
    if sample and new_account_key:
        fail("--new-account-key is for an existing store, and --sample for a new one: give one of them")
    settings = Settings.of(data, database)
    if new_account_key:
        asyncio.run(require_store(settings))
    if output is None and sys.stdout is None:
        fail("standard output is closed, and the account key's secret could not be shown")
    file = None if output is None else new_file(output)
    made = None
    try:
        made = first_run(settings, sample=sample, new_account_key=new_account_key)
    finally:
        if made is None and output is not None:
            output.unlink(missing_ok=True)
    if made is None:
        fail("this store has been made before; its account key was printed then (--new-account-key makes another)")
    if file is not None:
        with file:
            file.write(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
        print_flushed(f"The keys of the store {settings.location} are in {output}.")
    elif as_json:
        print_flushed(json.dumps(made, indent=2, ensure_ascii=False))
    else:
        print_flushed(f"The store is {settings.location}.\n")
        _print_made(made)
        print_flushed(
            f"\nKeep the secrets safe; the account key's is not shown again.\nNext: {_serve_command(settings)}"
        )


def _print_made(made: dict[str, Any]) -> None:
    print_flushed(key_lines("Account key", made["account_key"]))
    if "app" in made:
        print_flushed(f"\nApp                 {made['app']['id']}")
        print_flushed(f"Custom integration  {made['integration']['id']}")
        print_flushed(f"Web integration     {made['other_integration']['id']}\n")
        print_flushed(key_lines("App key", made["app_key"]) + "\n")
        print_flushed(key_lines("Integration key", made["key"]))


def _serve_command(settings: Settings) -> str:
    """Without a URL that may hold a password."""
    if isinstance(settings.database, PostgresUrl):
        return "sunshine-keys serve, with the same settings"
    folder = [] if settings.data is None else ["--data", str(settings.data)]
    file = [] if settings.database is None else ["--database", settings.database.url]
    return " ".join(["sunshine-keys serve", *folder, *file])
