"""Errors of a store that cannot be opened or copied.

StoreError
├── StoreTooNew       a newer version of this program wrote the store
└── UnfinishedCopy    another store is being copied into it
"""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot be used. The message says why and what to do, in one line."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of this program."""


class UnfinishedCopy(StoreError):
    """Another store is being copied into this one, or such a copy was interrupted."""
