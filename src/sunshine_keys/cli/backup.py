"""`backup` and `restore`: whole copies of a store on SQLite."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sunshine_keys.atomic_files import draft, scratch
from sunshine_keys.cli.program import Data, Database, cli, fail, naming_new_file
from sunshine_keys.cli.progress import bar
from sunshine_keys.compose import Settings, make_store, require_sealing_keys, sqlite_file, store_path
from sunshine_keys.store.sqlite import copies, restoring


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(envvar="SUNSHINE_KEYS_FILE", metavar="FILE", help="The copy to be made.")],
    data: Data = None,
    database: Database = None,
    force: Annotated[
        bool, typer.Option("--force", envvar="SUNSHINE_KEYS_FORCE", help="Replace FILE where it is there already.")
    ] = False,
) -> None:
    """Copy a store, while it is served, into one file, and check the copy. Secrets in it stay sealed."""
    store = sqlite_file(Settings.of(data, database))
    if file.exists() and file.samefile(store):
        fail(f"{file} is the store itself")
    with naming_new_file(file), draft(file, replace=force) as part:
        with bar("Copying") as progress:
            copies.copy(store, part, progress)
        with bar("Checking"):
            made = copies.examine(part)
    typer.echo(f"{file} holds {made.counts}, and an audit trail of {made.head.sequence} entries to {made.head_time}.")
    typer.echo(
        f"Its secrets are sealed under {', '.join(made.sealed_under) or 'no key'}. "
        "The sealing key is not in it: keep a copy of that elsewhere."
    )


@cli.command()
def restore(
    file: Annotated[Path, typer.Argument(envvar="SUNSHINE_KEYS_FILE", metavar="FILE", help="What `backup` made.")],
    data: Data = None,
    database: Database = None,
    yes: Annotated[bool, typer.Option("--yes", envvar="SUNSHINE_KEYS_YES", help="Do it without asking.")] = False,
) -> None:
    """Put a backup in the place of a store, which may be served meanwhile; keep the replaced one aside.

    Says how many keys that brings back to life and how many it loses, and asks first.
    """
    settings = Settings.of(data, database)
    store = store_path(settings)
    if not file.is_file():
        fail(f"there is no file {file}")
    if store.exists() and file.samefile(store):
        fail(f"{file} is the store itself")
    with bar("Checking"):
        held = copies.examine(file)
    require_sealing_keys(settings, held.sealed_under)
    typer.echo(f"{file} holds {held.counts}, and an audit trail of {held.head.sequence} entries to {held.head_time}.")
    make_store(settings)
    with naming_new_file(store), scratch(store.with_name(f"{store.name}.restore")) as part:
        for left in store.parent.glob(f".{store.name}.replaced-*.part"):  # by a restore that was killed
            left.unlink()
        with bar("Copying") as progress:
            copies.copy(file, part, progress)
        with restoring.opened(store, part) as restore:
            _restore(restore, store, yes=yes)


def _restore(restore: restoring.Restore, store: Path, *, yes: bool) -> None:
    expected = restore.compare()
    if not expected.empty:
        _tell(expected)
        if not yes:
            _ask()
    aside = store.with_name(f"{store.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")

    @contextlib.contextmanager
    def approve(found: restoring.Comparison) -> Generator[None]:
        if not yes and found.revived > expected.revived:
            fail("keys were deleted while you were asked, and would be revived: nothing was changed; look again")
        if found.empty:
            yield
            return
        with draft(aside) as kept:
            copies.copy(store, kept, lambda done, total: None)
            yield

    try:
        restore.carry_out(approve)
    except BaseException:
        aside.unlink(missing_ok=True)  # even the commit may fail, for want of room
        raise
    typer.echo(f"Restored into {store.absolute()}; its audit trail tells of it.")
    if not expected.empty:
        typer.echo(f"The replaced store is {aside.name}, beside it.")


def _tell(found: restoring.Comparison) -> None:
    typer.echo("It would replace the store that is there. " + _since(found))
    typer.echo(
        f"Keys brought back to life: {_named(found.revived, found.revived_ids)}"
        + (f"; for {found.revoked} of them, the audit trail tells of their deletion." if found.revoked else "")
    )
    typer.echo(f"Keys made since, and lost:  {_named(found.lost, found.lost_ids)}")


def _since(found: restoring.Comparison) -> str:
    if found.entries is None:
        return "The backup is of ANOTHER store."
    if found.entries < 0:
        return f"The backup is more recent: its audit trail has {-found.entries} entries more."
    return f"Its audit trail has {found.entries} entries more than the backup's."


def _named(count: int, ids: list[str]) -> str:
    more = ", …" if count > len(ids) else ""
    return f"{count}" + (f" ({', '.join(ids)}{more})" if ids else "")


def _ask() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        fail("nothing was changed: add --yes to restore it")
    if not typer.confirm("Restore it?"):
        fail("nothing was changed")
