"""The store on PostgreSQL, safe with any number of nodes on it."""

from sunshine_keys.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
