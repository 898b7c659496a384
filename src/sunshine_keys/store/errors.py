"""Errors of a store that cannot be opened or copied.

StoreError
├── StoreTooNew       a newer version of this program wrote the store
├── StoreUnreachable  the database does not answer, or is starting up
└── UnfinishedCopy    another store is being copied into it
"""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot be used. The message says why and what to do, in one line."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of this program."""


class StoreUnreachable(StoreError):
    """The database does not answer, is starting up, or accepts no more connections: a later attempt may succeed."""


class UnfinishedCopy(StoreError):
    """Another store is being copied into this one, or such a copy was interrupted."""
