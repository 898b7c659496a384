"""Connections to PostgreSQL: how they are opened, and the faults they have in common."""

from __future__ import annotations

import logging
from typing import Any

import asyncpg

from sunshine_keys.store import StoreError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""How long the database may take to answer a statement before its connection is given up."""

CONTACT_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What a statement raises when there is no telling what became of it, or none when it will be possible again."""

logger = logging.getLogger("sunshine_keys.store")


async def connect(url: str) -> asyncpg.Connection[Any]:
    """A connection that commits durably, whatever the server's default is. Raises CONTACT_LOST."""
    connection = await asyncpg.connect(
        url, timeout=CONNECT_SECONDS, command_timeout=ANSWER_SECONDS, server_settings=_SETTINGS
    )
    try:
        await use_schema(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


_SETTINGS = {"application_name": "sunshine-keys"}


async def use_schema(connection: asyncpg.Connection[Any]) -> None:
    """What is set for a connection; a stricter `synchronous_commit` than `on` is left as it is."""
    if await connection.fetchval("SHOW synchronous_commit") not in ("on", "remote_apply"):
        await connection.execute("SET synchronous_commit = on")


def told(error: BaseException) -> str:
    """An error in one line, without the URL's password."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def cannot_open(error: BaseException) -> StoreError:
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return StoreError(f"the database refuses the user or the password ({error})")
        case asyncpg.InvalidCatalogNameError():
            return StoreError(f"the server has no such database ({error}): create it first")
        case asyncpg.InsufficientPrivilegeError():
            return StoreError(f"the database's user may not make or use the tables ({error})")
        case asyncpg.ClientConfigurationError():
            return StoreError("--database should be a URL such as postgresql://user@host/database")
        case TimeoutError():
            return StoreError(f"the database did not answer within {CONNECT_SECONDS:g} seconds")
        case _:
            return StoreError(f"cannot reach the database ({told(error)})")
