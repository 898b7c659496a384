"""The store on one SQLite file. Several server processes can use one file safely."""

from sunshine_keys.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
