"""The location of a store: an SQLite file or a PostgreSQL database, as the URL of --database names it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs

import msgspec

from sunshine_keys.store.errors import StoreError

_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[\w.%-]*)(?::[0-9]{1,5})?"
_POSTGRES = re.compile(
    r"(?P<scheme>postgres(?:ql)?)://(?:(?P<user>[^:@/?#\[\]]*)(?P<password>:[^:@/?#\[\]]*)?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?P<database>/[^/@?#]*)?(?:\?(?P<query>[^#]*))?"
)


class SqliteFile(msgspec.Struct, frozen=True):
    path: Path

    def __str__(self) -> str:
        return str(self.path.absolute())

    @property
    def url(self) -> str:
        """A URL for `location` that names this file from any working directory."""
        return f"sqlite:{self.path.absolute()}"


class PostgresUrl(msgspec.Struct, frozen=True):
    """`url` may hold a password; str() and repr() leave it out."""

    url: str

    def __str__(self) -> str:
        parts = _POSTGRES.fullmatch(self.url)
        if parts is None:
            return "postgresql://…"
        user = f"{parts['user']}@" if parts["user"] else ""
        return f"postgresql://{user}{parts['hosts']}{parts['database'] or ''}"

    def __repr__(self) -> str:
        return f"PostgresUrl({str(self)!r})"


Location: TypeAlias = SqliteFile | PostgresUrl


def location(url: str, option: str = "--database") -> Location:
    """Parse a URL: sqlite:///absolute/path, sqlite:relative/path or postgresql://…, as libpq reads it.

    Raises StoreError, which names the option and does not repeat the URL.
    """
    scheme, colon, rest = url.partition(":")
    if colon and scheme in ("postgresql", "postgres"):
        return _postgres(url, option)
    path = "/" + rest.lstrip("/") if rest.startswith("//") else rest
    if not colon or scheme != "sqlite" or not path.strip("/") or path.rpartition("/")[2].startswith(":"):
        raise StoreError(
            f"{option} should be a URL such as sqlite:///path/to/file (by an absolute path) "
            "or postgresql://user@host/database"
        )
    return SqliteFile(Path(path))


def _postgres(url: str, option: str) -> PostgresUrl:
    parts = _POSTGRES.fullmatch(url)
    try:
        if parts is not None and all(int(port) < 1 << 16 for port in re.findall(r":(\d+)(?=,|$)", parts["hosts"])):
            parse_qs(parts["query"] or "x=", strict_parsing=True)
            return PostgresUrl(url)
    except ValueError:
        pass
    raise StoreError(
        f"{option} cannot be read: it should be a URL such as postgresql://user:password@host:5432/database, "
        "in which special characters of the password are written as %40 for @"
    )


def urls_by_host(url: str) -> list[str]:
    """Return one URL for each host that a PostgreSQL URL lists."""
    parts = _POSTGRES.fullmatch(url)
    if parts is None or "," not in parts["hosts"]:
        return [url]
    before, after = url[: parts.start("hosts")], url[parts.end("hosts") :]
    return [f"{before}{host}{after}" for host in parts["hosts"].split(",")]
