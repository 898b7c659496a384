"""`backup` and `restore`: complete copies of a store on SQLite."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sunshine_keys.atomic_files import draft, scratch
from sunshine_keys.cli.program import Data, Database, cli, fail, reporting_file_errors
from sunshine_keys.cli.progress import bar
from sunshine_keys.cli.terminal import counted, emit
from sunshine_keys.messaging import attachments_folder, messaging_catalog, messaging_file
from sunshine_keys.opening import create_file, make_store, require_sealing_keys, sqlite_file, store_path
from sunshine_keys.resources import CATALOG
from sunshine_keys.settings import Settings
from sunshine_keys.store.counts import phrase
from sunshine_keys.store.locations import SqliteFile
from sunshine_keys.store.sqlite import copies, restoring
from sunshine_keys.store_copies import copy_files


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(envvar="SUNSHINE_KEYS_FILE", metavar="FILE", help="The file to create.")],
    data: Data = None,
    database: Database = None,
    force: Annotated[
        bool, typer.Option("--force", envvar="SUNSHINE_KEYS_FORCE", help="Replace FILE if it exists.")
    ] = False,
) -> None:
    """Copy a store into one file while it is served, and check the copy. Its secrets stay sealed.

    Conversations go into a second file, FILE.messaging, and uploaded files into the folder FILE.attachments.
    """
    store = sqlite_file(Settings.of(data, database))
    if file.exists() and file.samefile(store):
        fail(f"{file} is the store itself")
    conversations, beside = messaging_file(store), companion(file)
    # Conversations are copied first: their apps are then in the copy of the keys, unless they have been deleted since.
    if conversations.is_file():
        with reporting_file_errors(beside), draft(beside, replace=force) as part:
            with bar("Copying conversations") as progress:
                copies.copy(conversations, part, progress)
            copy_files(part, uploads(store), uploads_of(file))
            counts = copies.examine(part, messaging_catalog()).counts
        typer.echo(
            f"{beside} has {counts['users']} users and {counts['conversations']} conversations. Keep it with {file.name}."
        )
    elif force:
        beside.unlink(missing_ok=True)
    with reporting_file_errors(file), draft(file, replace=force) as part:
        with bar("Copying") as progress:
            copies.copy(store, part, progress)
        with bar("Checking"):
            copied = copies.examine(part, CATALOG)
    _print_content(file, copied)
    emit(
        f"Its secrets need the sealing keys {', '.join(copied.sealed_under) or '(none)'}. "
        "The backup does not contain them: keep a copy of them elsewhere."
    )


def uploads(store: Path) -> Path:
    """Return the folder of the files uploaded to the service of a store."""
    folder = attachments_folder(SqliteFile(store))
    assert folder is not None
    return folder


def companion(file: Path) -> Path:
    """Return the path of the conversations of the backup `file`."""
    return file.with_name(f"{file.name}.messaging")


def uploads_of(file: Path) -> Path:
    """Return the folder of the uploaded files of the backup `file`."""
    return file.with_name(f"{file.name}.attachments")


@cli.command()
def restore(
    file: Annotated[
        Path, typer.Argument(envvar="SUNSHINE_KEYS_FILE", metavar="FILE", help="A file that `backup` wrote.")
    ],
    data: Data = None,
    database: Database = None,
    yes: Annotated[bool, typer.Option("--yes", envvar="SUNSHINE_KEYS_YES", help="Skip the confirmation.")] = False,
) -> None:
    """Replace a store by a backup while it is served, and keep the replaced store in another file.

    The command first shows how many keys this revives and loses, and asks for a confirmation.
    """
    settings = Settings.of(data, database)
    store = store_path(settings)
    if not file.is_file():
        fail(f"there is no file {file}")
    if store.exists() and file.samefile(store):
        fail(f"{file} is the store itself")
    with bar("Checking"):
        content = copies.examine(file, CATALOG)
        if companion(file).is_file():
            copies.examine(companion(file), messaging_catalog())
    require_sealing_keys(settings, content.sealed_under)
    _print_content(file, content)
    make_store(settings)
    with reporting_file_errors(store), scratch(store.with_name(f"{store.name}.restore")) as part:
        for leftover in store.parent.glob(f".{store.name}.replaced-*.part"):  # A killed restore leaves these behind.
            leftover.unlink()
        with bar("Copying") as progress:
            copies.copy(file, part, progress)
        with restoring.opened(store, part, CATALOG) as restore:
            _restore(restore, store, yes=yes)
    _restore_conversations(file, store)


def _restore_conversations(backup: Path, keys: Path) -> None:
    """Replace the conversations beside the store `keys` by those of a backup. Without one, they stay as they are."""
    file, store = companion(backup), messaging_file(keys)
    if not file.is_file():
        if store.is_file():
            typer.echo(f"The backup has no {file.name}: conversations of apps that exist stay as they are.")
        return
    had_any = store.is_file()
    create_file(store)
    with reporting_file_errors(store), scratch(store.with_name(f"{store.name}.restore")) as part:
        with bar("Copying conversations") as progress:
            copies.copy(file, part, progress)
        _, missing = copy_files(part, uploads_of(backup), uploads(keys))
        aside = store.with_name(f"{store.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        if had_any:
            with draft(aside) as replaced:
                copies.copy(store, replaced, lambda done, total: None)
        restoring.replace_rows(store, part, messaging_catalog())
    typer.echo(f"Restored the conversations into {store.absolute()}.")
    if missing:
        typer.echo(
            f"{counted(missing, 'attachment', 'attachments')} had no file in {uploads_of(backup)} and were left out."
        )
    if had_any:
        typer.echo(f"The replaced conversations are {aside.name} in the same folder.")


def _print_content(file: Path, content: copies.Description) -> None:
    head = content.head
    emit(
        f"{file} has {phrase(content.counts)}, and an audit trail of {counted(head.sequence, 'entry', 'entries')} up to {content.head_time}."
    )


def _restore(restore: restoring.Restore, store: Path, *, yes: bool) -> None:
    expected = restore.compare()
    if not expected.empty:
        _print_comparison(expected)
        if not yes:
            _require_confirmation()
    aside = store.with_name(f"{store.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")

    @contextlib.contextmanager
    def approve(comparison: restoring.Comparison) -> Generator[None]:
        if not yes and comparison.revived > expected.revived:
            fail("nothing was changed: keys were deleted before you confirmed, and would be revived. Run it again")
        if comparison.empty:
            yield
            return
        with draft(aside) as replaced:
            copies.copy(store, replaced, lambda done, total: None)
            yield

    try:
        restore.carry_out(approve)
    except BaseException:
        aside.unlink(missing_ok=True)  # Even the commit may fail, for example if the disk is full.
        raise
    emit(f"Restored into {store.absolute()}; its audit trail has an entry of this.")
    if not expected.empty:
        emit(f"The replaced store is {aside.name} in the same folder.")


def _print_comparison(comparison: restoring.Comparison) -> None:
    emit("This replaces the existing store. " + _age(comparison))
    emit(
        f"Keys that it revives: {_key_list(comparison.revived, comparison.revived_ids)}"
        + (f"; the audit trail has a deletion of {comparison.revoked} of them." if comparison.revoked else "")
    )
    emit(f"Newer keys that it loses: {_key_list(comparison.lost, comparison.lost_ids)}")


def _age(comparison: restoring.Comparison) -> str:
    if comparison.entries is None:
        return "The backup is of ANOTHER store."
    if comparison.entries < 0:
        return f"The backup is more recent: its audit trail has {counted(-comparison.entries, 'more entry', 'more entries')}."
    return f"Its audit trail has {counted(comparison.entries, 'more entry', 'more entries')} than the backup's."


def _key_list(count: int, ids: list[str]) -> str:
    more = ", …" if count > len(ids) else ""
    return f"{count}" + (f" ({', '.join(ids)}{more})" if ids else "")


def _require_confirmation() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        fail("nothing was changed: there is no terminal for the confirmation. Add --yes to restore without it")
    if not typer.confirm("Restore it?"):
        fail("nothing was changed")
