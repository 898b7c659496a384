"""`export` and `import`: what a store keeps, as lines of JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer

from sunshine_keys.atomic_files import draft
from sunshine_keys.cli.passphrase import PassphraseFile, given_passphrase
from sunshine_keys.cli.program import Data, Database, cli, fail, naming_new_file, new_file
from sunshine_keys.cli.progress import bar
from sunshine_keys.compose import Settings, opened_engine, require_store
from sunshine_keys.errors import Conflict, StoreUnavailable
from sunshine_keys.exports import loading, reading, writing
from sunshine_keys.exports.passphrase import PassphraseKeys
from sunshine_keys.exports.records import ExportError
from sunshine_keys.models import Counts, Key, Webhook
from sunshine_keys.sealing.sealer import Sealer
from sunshine_keys.store.sqlite.staging import Staging


class OnConflict(StrEnum):
    """What happens to rows whose id the store has already."""

    FAIL = "fail"
    SKIP = "skip"


@cli.command()
def export(
    file: Annotated[str, typer.Argument(envvar="SUNSHINE_KEYS_FILE", metavar="FILE|-", help="What is to be made.")],
    data: Data = None,
    database: Database = None,
    passphrase_file: PassphraseFile = None,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", envvar="SUNSHINE_KEYS_WITHOUT_SECRETS", help="Leave secrets out.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", envvar="SUNSHINE_KEYS_FORCE", help="Replace FILE where it is there already.")
    ] = False,
) -> None:
    """Write apps, integrations, webhooks and keys as lines of JSON, secrets sealed under a passphrase."""
    settings = Settings.of(data, database)
    asyncio.run(require_store(settings))
    if without_secrets and passphrase_file:
        fail("--without-secrets leaves out what --passphrase-file would seal: give one of them")
    keys = None if without_secrets else PassphraseKeys(given_passphrase(passphrase_file, new=True))

    async def run(output: IO[bytes]) -> Counts:
        async with opened_engine(settings) as engine:
            with bar("Exporting") as progress:
                return await writing.write(engine, output, keys, progress)

    if file == "-" and sys.stdout is None:
        fail("standard output is closed: name a file")
    try:
        if file == "-":
            counts = asyncio.run(run(sys.stdout.buffer))
            sys.stdout.buffer.flush()
        else:
            with naming_new_file(Path(file)), draft(Path(file), replace=force) as part, part.open("wb") as output:
                counts = asyncio.run(run(output))
    except StoreUnavailable:
        fail("the store cannot be read now")
    sealed = "left out" if keys is None else "sealed under the passphrase"
    typer.echo(f"Exported {counts}; secrets are {sealed}.", err=file == "-")


@cli.command("import")
def import_(
    file: Annotated[str, typer.Argument(envvar="SUNSHINE_KEYS_FILE", metavar="FILE|-", help="What `export` made.")],
    data: Data = None,
    database: Database = None,
    passphrase_file: PassphraseFile = None,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            envvar="SUNSHINE_KEYS_ON_CONFLICT", help="What to do where the store has rows of the same ids already."
        ),
    ] = OnConflict.FAIL,
    new_secrets: Annotated[
        Path | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_NEW_SECRETS",
            metavar="OUTPUT",
            help="For a file without secrets: make new ones, and write them to this new file.",
        ),
    ] = None,
) -> None:
    """Read what `export` made into a store, which may be new and may be served meanwhile."""
    settings = Settings.of(data, database)
    sealer = reading.new_sealer()
    try:
        with _input(file) as source, _staging() as staging:
            reader = reading.Reader(source)
            _require_sense(reader, new_secrets)
            passphrase = given_passphrase(passphrase_file) if reader.has_secrets else None
            with bar("Checking") as progress:
                reader.stage(passphrase, staging, sealer, progress)
            imported = asyncio.run(
                _load(settings, staging, sealer, on_conflict, new_secrets, f"an export of {reader.header.time}")
            )
    except ExportError as error:
        fail(f"cannot import {file}: {error}")
    except sqlite3.Error as error:
        fail(f"cannot import {file}: {error} (in {tempfile.gettempdir()})")
    typer.echo(f"Imported {imported.written} rows; {imported.present} were there already.")


async def _load(
    settings: Settings,
    staging: Staging,
    sealer: Sealer,
    on_conflict: OnConflict,
    new_secrets: Path | None,
    told: str,
) -> loading.Imported:
    async with opened_engine(settings) as engine, staging.rows() as staged:
        if on_conflict is OnConflict.FAIL:
            try:
                await loading.require_new(engine.store, staged)
            except Conflict as error:
                raise ExportError(
                    f"{error.titles[0]}: nothing was imported; --on-conflict skip leaves those as they are"
                ) from None
        with _issued(new_secrets) as issued, bar("Importing") as progress:
            return await loading.load(
                engine,
                staged,
                sealer,
                skip=on_conflict is OnConflict.SKIP,
                told=told,
                issued=issued,
                progress=progress,
            )


def _require_sense(reader: reading.Reader, new_secrets: Path | None) -> None:
    if reader.has_secrets and new_secrets is not None:
        raise ExportError("it holds its secrets; --new-secrets is for an export without them")
    if not reader.has_secrets and new_secrets is None:
        raise ExportError("it holds no secrets: --new-secrets OUTPUT makes new ones, and writes them to a new file")


@contextlib.contextmanager
def _input(file: str) -> Generator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as opened:
            yield opened
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")


@contextlib.contextmanager
def _staging() -> Generator[Staging]:
    with tempfile.TemporaryDirectory(prefix="sunshine-keys-import-") as folder:
        staging = Staging(Path(folder) / "staged")
        with contextlib.closing(staging):
            yield staging


@contextlib.contextmanager
def _issued(path: Path | None) -> Generator[loading.Issued | None]:
    """Writes each secret to a new file that only its owner can read."""
    if path is None:
        yield None
        return
    with new_file(path) as file:
        told = False

        def issued(row: Webhook | Key, secret: str) -> None:
            nonlocal told
            told = True
            kind = "key" if isinstance(row, Key) else "webhook"
            file.write(json.dumps({kind: {"id": row.id, "secret": secret}}) + "\n")

        try:
            yield issued
        finally:
            file.flush()
            os.fsync(file.fileno())
            if not told:
                path.unlink()
