"""Connections to PostgreSQL: how they are opened, and the faults they have in common."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from sunshine_keys.store import StoreError
from sunshine_keys.store.locations import each_host

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""How long the database may take to answer a statement before its connection is given up."""

CONTACT_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)
"""What a statement raises when there is no telling what became of it, or none when it will be possible again."""

logger = logging.getLogger("sunshine_keys.store")


async def connect(url: str) -> asyncpg.Connection[Any]:
    """A connection that commits durably, whatever the server's default is. Raises CONTACT_LOST."""
    connection = await open_any(url)
    try:
        await use_schema(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def open_any(url: str, **options: Any) -> asyncpg.Connection[Any]:
    """A connection to whichever host of `url` is the first to be what its target_session_attrs asks for.

    All are asked at once: asyncpg asks them one after the other within one limit, which a machine that has vanished from
    the network uses up before the next is asked. `options` are asyncpg.connect's. Raises CONTACT_LOST.
    """
    pending = attempts = {
        asyncio.ensure_future(asyncpg.connect(each, **_OPTIONS, **options)) for each in each_host(url)
    }
    reasons: list[BaseException] = []
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                if (reason := attempt.exception()) is None:
                    attempts = attempts - {attempt}
                    connection: asyncpg.Connection[Any] = attempt.result()
                    return connection
                reasons.append(reason)
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_discard)
    # What a server said tells more than that another could not be reached.
    raise next((each for each in reasons if isinstance(each, asyncpg.PostgresError)), reasons[0])


def _discard(attempt: asyncio.Future[asyncpg.Connection[Any]]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()


_OPTIONS: dict[str, Any] = {
    "timeout": CONNECT_SECONDS,
    "command_timeout": ANSWER_SECONDS,
    "server_settings": {"application_name": "sunshine-keys"},
}


async def use_schema(connection: asyncpg.Connection[Any]) -> None:
    """What is set for a connection; a stricter `synchronous_commit` than `on` is left as it is."""
    if await connection.fetchval("SHOW synchronous_commit") not in ("on", "remote_apply"):
        await connection.execute("SET synchronous_commit = on")


def told(error: BaseException) -> str:
    """An error in one line; none holds the URL's password."""
    return f"{type(error).__name__}: {_line(error)}"


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def cannot_open(error: BaseException) -> StoreError:
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return StoreError(f"the database refuses the user or the password ({_line(error)})")
        case asyncpg.InvalidCatalogNameError():
            return StoreError(f"the server has no such database ({_line(error)}): create it first")
        case asyncpg.InsufficientPrivilegeError() | asyncpg.InvalidSchemaNameError():
            return StoreError(f"the database's user may not make or use the tables ({_line(error)})")
        case asyncpg.ClientConfigurationError():
            return StoreError(f"the database's URL cannot be used ({_line(error)})")
        case asyncpg.TargetServerAttributeNotMatched():
            return StoreError("no host of the database's URL is what its target_session_attrs asks for")
        case TimeoutError():
            return StoreError("the database did not answer in time")
        case OSError():
            return StoreError(f"cannot reach the database ({told(error)})")
        case _:
            return StoreError(f"cannot use the database ({told(error)})")
