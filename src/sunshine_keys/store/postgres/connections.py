"""Open connections to PostgreSQL, and describe their errors."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

from sunshine_keys.store.errors import StoreError, StoreUnreachable
from sunshine_keys.store.locations import urls_by_host

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""Seconds after which a connection is closed if the database has not answered a statement."""

CONTACT_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)
"""Exceptions after which it is unknown whether the statement ran, or whether the database will come back."""

logger = logging.getLogger("sunshine_keys.store")


async def connect(url: str, schema: str = "") -> asyncpg.Connection[Any]:
    """Return a connection that commits durably, whatever the server's default is. Raises CONTACT_LOST.

    `schema` is that of a catalog; see `select_schema`.
    """
    connection = await open_any(url)
    try:
        await use_schema(connection)
        await select_schema(connection, schema)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def open_any(url: str, **options: Any) -> asyncpg.Connection[Any]:
    """Return a connection to the first host of `url` that answers as its target_session_attrs requires.

    It tries all hosts at once. asyncpg would try them one after the other within one time limit, and a machine that has
    vanished from the network would use up that limit. `options` are those of asyncpg.connect. Raises CONTACT_LOST.
    """
    pending = attempts = {
        asyncio.ensure_future(asyncpg.connect(**(_OPTIONS | connect_arguments(host_url)), **options))
        for host_url in urls_by_host(url)
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
    # Prefer the error of a server over that of an unreachable host: it is more precise.
    raise next((reason for reason in reasons if isinstance(reason, asyncpg.PostgresError)), reasons[0])


_IGNORED = frozenset(
    [
        "application_name",
        "channel_binding",
        "client_encoding",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "replication",
        "require_auth",
        "requiressl",
        "requirepeer",
        "scram_client_key",
        "scram_server_key",
        "sslcertmode",
        "sslcompression",
        "sslcrldir",
        "sslkeylogfile",
        "sslsni",
        "tcp_user_timeout",
    ]
)
"""Parameters that libpq reads and asyncpg would send to the server, which refuses them."""


def connect_arguments(url: str) -> dict[str, Any]:
    """Return the arguments of asyncpg.connect for a URL of one host as libpq reads it. Raises ValueError.

    Parameters that are neither libpq's nor asyncpg's are the server's own settings.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    arguments: dict[str, Any] = {}
    if (seconds := query.pop("connect_timeout", "")).isdecimal() and int(seconds) > 0:
        arguments["timeout"] = min(float(seconds), CONNECT_SECONDS)
    address = query.pop("hostaddr", "")
    if address and not parts.hostname and "host" not in query:
        query["host"] = address
    if query.get("sslrootcert") == "system":  # libpq then verifies the certificate and its name
        del query["sslrootcert"]
        query.pop("sslmode", None)
        arguments["ssl"] = ssl.create_default_context()
    query = {name: value for name, value in query.items() if name not in _IGNORED}
    return arguments | {"dsn": url.partition("?")[0] + (f"?{urlencode(query)}" if query else "")}


def _discard(attempt: asyncio.Future[asyncpg.Connection[Any]]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()


_OPTIONS: dict[str, Any] = {
    "timeout": CONNECT_SECONDS,
    "command_timeout": ANSWER_SECONDS,
    "server_settings": {"application_name": "sunshine-keys"},
}


async def use_schema(connection: asyncpg.Connection[Any]) -> None:
    """Set the connection's parameters. Leave `synchronous_commit` as it is if it is stricter than `on`."""
    if await connection.fetchval("SHOW synchronous_commit") not in ("on", "remote_apply"):
        await connection.execute("SET synchronous_commit = on")


_STORE_SCHEMA = """
SELECT nspname::text, current_schema()::text FROM pg_namespace JOIN pg_class ON relnamespace = pg_namespace.oid
WHERE nspname = ANY(current_schemas(false)) AND relkind IN ('r', 'p') AND relname IN ('meta', 'apps', 'keys')
GROUP BY nspname HAVING count(*) = 3 ORDER BY array_position(current_schemas(false), nspname) LIMIT 1
"""
"""The first schema in the search path that holds a store of keys, and the one that a new store would be made in."""

_noted: set[tuple[str, str]] = set()


async def select_schema(connection: asyncpg.Connection[Any], schema: str) -> None:
    """Use the first schema in the search path that holds a store. If none does, leave the path as it is.

    With a `schema`, use that beside the schema `public`, or `x_schema` beside a schema x.
    """
    schemas = await connection.fetchrow(_STORE_SCHEMA)
    if schemas is not None and schemas[0] != schemas[1]:
        if tuple(schemas) not in _noted:
            _noted.add((schemas[0], schemas[1]))
            logger.warning(
                "the store is in the schema %s; the schema %s, earlier in the search path, holds none", *schemas
            )
        await connection.execute("SELECT set_config('search_path', quote_ident($1), false)", schemas[0])
    if schema:
        await connection.execute(
            "SELECT set_config('search_path', quote_ident(CASE current_schema() WHEN 'public' THEN $1"
            " ELSE current_schema() || '_' || $1 END), false)",
            schema,
        )


def summary(error: BaseException) -> str:
    """Return an error as one line, without the URL's password."""
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
            return StoreUnreachable("no host of the database's URL is what its target_session_attrs asks for")
        case TimeoutError():
            return StoreUnreachable("the database did not answer in time")
        case OSError():
            return StoreUnreachable(f"cannot reach the database ({summary(error)})")
        case (
            asyncpg.CannotConnectNowError()
            | asyncpg.PostgresConnectionError()
            | asyncpg.TooManyConnectionsError()
            | asyncpg.OperatorInterventionError()
        ):
            return StoreUnreachable(f"cannot use the database ({summary(error)})")
        case _:
            return StoreError(f"cannot use the database ({summary(error)})")
