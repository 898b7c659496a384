"""The store on one SQLite file, safe with several server processes on it."""

from sunshine_keys.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
