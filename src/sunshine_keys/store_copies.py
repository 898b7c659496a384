"""Copies of a store, with its conversations and their uploaded files, from one location to another."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sunshine_keys.messaging import (
    attachments_folder,
    messaging_catalog,
    messaging_place,
    messaging_version,
    prepare_messaging,
)
from sunshine_keys.opening import prepare, schema_version
from sunshine_keys.resources import CATALOG
from sunshine_keys.settings import Settings
from sunshine_keys.store import StoreError, UnfinishedCopy, copying
from sunshine_keys.store.locations import Location, PostgresUrl, SqliteFile
from sunshine_keys.store.sqlite import copy_side as sqlite_copy_side
from sunshine_keys.store.table import Catalog

if TYPE_CHECKING:
    from sunshine_messaging.plane import copies


async def copy_store(source: Location, target: Location, progress: copying.Progress) -> copying.Copied:
    """Make `target` a copy of `source`, with its conversations. Raises StoreError.

    If it is an earlier copy, write only what has changed since.
    """
    if await schema_version(source) == 0:
        raise StoreError(f"there is no store {source}")
    await prepare(Settings(None, source))
    with suppress(UnfinishedCopy):
        await prepare(Settings(None, target))
    async with AsyncExitStack() as stack:
        # The moment of the conversations is before that of the keys: so their apps are in the copy, unless deleted since.
        conversations = None
        if await messaging_version(source) or await messaging_version(target):
            catalog = messaging_catalog()
            sides = await _messaging_sides(stack, source, target)
            copy_bytes = partial(_copy_bytes, *sides, attachments_folder(source), attachments_folder(target))
            conversations = copying.Part(*sides, catalog.copied, f"{catalog.schema}.", copy_bytes)
        keys = copying.Part(
            await stack.enter_async_context(copy_side(source, snapshot=True)),
            await stack.enter_async_context(copy_side(target, snapshot=False)),
            CATALOG.copied,
        )
        return await copying.copy(keys, conversations, progress)


def copy_files(conversations: Path, source: Path, target: Path) -> copies.Outcome:
    """Copy the uploaded files that a store of conversations has rows of from folder to folder. Raises StoreError.

    The store is a copy that nobody serves. Rows whose files `source` does not have are deleted from it.
    """

    async def copy() -> copies.Outcome:
        async with sqlite_copy_side.opened(conversations, snapshot=False) as tables:
            return await _copy_bytes(tables, tables, source, target)

    return asyncio.run(copy())


def copy_side(place: Location, catalog: Catalog = CATALOG, *, snapshot: bool) -> AbstractAsyncContextManager[Any]:
    """Open one side of a copy.

    With `snapshot`, this is the source, as it is now. Without it, this is the target, locked against other copies.
    """
    match place:
        case SqliteFile(path):
            return sqlite_copy_side.opened(path, snapshot=snapshot)
        case PostgresUrl(url):
            from sunshine_keys.store.postgres import copy_side as postgres_copy_side

            return postgres_copy_side.opened(url, catalog, snapshot=snapshot)


async def _messaging_sides(stack: AsyncExitStack, source: Location, target: Location) -> tuple[Any, Any]:
    for place in (source, target):
        await prepare_messaging(place)
    return (
        await stack.enter_async_context(copy_side(messaging_place(source), messaging_catalog(), snapshot=True)),
        await stack.enter_async_context(copy_side(messaging_place(target), messaging_catalog(), snapshot=False)),
    )


async def _copy_bytes(
    source: copying.Source, target: copying.Target, source_folder: Path | None, target_folder: Path | None
) -> copies.Outcome:
    from sunshine_messaging.plane import copies

    try:
        return await copies.copy_bytes(copies.Original(source, source_folder), copies.Copy(target, target_folder))
    except OSError as error:
        raise StoreError(f"cannot copy uploaded files: {error.strerror}") from error
