"""The store on PostgreSQL. Any number of nodes can serve one database safely."""

from sunshine_keys.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
