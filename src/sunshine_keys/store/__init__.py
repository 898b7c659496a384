"""The store: tables described once, changes as data, one durable transaction; `sqlite` and `postgres` are drivers.

Read in this order: `statements` (work without I/O), `table` (a table's one description), `change` (a write as data), `store`
(the interface), `transaction` (what happens between BEGIN and COMMIT), then a driver.
"""

from sunshine_keys.store.change import OPERATOR, Change, Origin
from sunshine_keys.store.errors import StoreError, StoreTooNew, UnfinishedCopy
from sunshine_keys.store.store import Reader, Store

__all__ = ["OPERATOR", "Change", "Origin", "Reader", "Store", "StoreError", "StoreTooNew", "UnfinishedCopy"]
