"""The leases of all nodes, as one node reads them from the table `nodes`. No I/O. docs/revocation.md explains why it is safe.

The table may be set back to an earlier moment, together with the database: rows may be missing then, or have old values. So
a node also counts the rows that it has seen before, and it reads the table at least every MOST_GAP seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sunshine_keys.store.postgres.remembered import CLOCK_MARGIN, LEASE_SECONDS

MOST_GAP = LEASE_SECONDS / 2
"""The most seconds between two reads of the table. After a longer gap, a node starts like a new one."""

PROBATION_SECONDS = MOST_GAP * CLOCK_MARGIN
"""Seconds for which a node's row has to be in the table before the node remembers anything: every other node sees it."""

SILENT_SECONDS = (2 * LEASE_SECONDS + MOST_GAP) * CLOCK_MARGIN
"""A row that stays unchanged for longer belongs to a node without a lease, even if its last renewals were set back."""


class _Row(msgspec.Struct):
    renewals: int
    first_seen: float
    last_seen: float


class Heartbeats:
    """The rows of the table as they were at one node's reads, in this process's clock. No other clock matters."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._series_began = 0.0
        self._last_read: float | None = None

    def read(self, rows: Iterable[tuple[str, int]], requested: float, received: float) -> list[tuple[str, int]]:
        """Record one read of the table, with the times before and after it. Return the rows of nodes without a lease."""
        if self._has_gap(received):
            self._series_began, self._rows = received, {}
        self._last_read = requested
        for node, renewals in rows:
            row = self._rows.get(node)
            if row is None or row.renewals != renewals:
                self._rows[node] = _Row(renewals, received, requested)
            else:
                row.last_seen = requested
        self._rows = {node: row for node, row in self._rows.items() if _end(row.last_seen) > received}
        return [
            (node, row.renewals)
            for node, row in self._rows.items()
            if row.last_seen == requested and received - row.first_seen > SILENT_SECONDS
        ]

    def remove(self, node: str) -> None:
        """Drop a node that has given up its lease. Its id is never used by another node or at another time."""
        self._rows.pop(node, None)

    def __contains__(self, node: str) -> bool:
        return node in self._rows

    def leases(self, nodes: Iterable[str], received: float) -> dict[str, float]:
        """Return the nodes that may hold a lease, and the latest end of each, if a read at `received` returned `nodes`.

        A node may have renewed its row a moment ago, so each end is a whole lease away. A row that is missing may have been
        removed after the last read that saw it. The node "" stands for all whose rows were removed before the first read.
        """
        began = received if self._has_gap(received) else self._series_began
        ends = {"": began + LEASE_SECONDS * CLOCK_MARGIN}
        ends |= {node: _end(row.last_seen) for node, row in self._rows.items()}
        ends |= dict.fromkeys(nodes, received + LEASE_SECONDS * CLOCK_MARGIN)
        return {node: end for node, end in ends.items() if end > received}

    def _has_gap(self, now: float) -> bool:
        return self._last_read is None or now - self._last_read > MOST_GAP


def _end(last_seen: float) -> float:
    """Return the end of the last lease of a node whose row is missing. It was renewed at most MOST_GAP after `last_seen`."""
    return last_seen + (MOST_GAP + LEASE_SECONDS) * CLOCK_MARGIN
