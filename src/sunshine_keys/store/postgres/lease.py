"""The lease connection of a node: it renews the lease, follows the audit trail, and reads keys that are not in memory.

It does these one after the other on one connection, so that all of them reach the same database. A connection to a
deposed primary cannot renew a lease, and without a lease the node uses nothing that the connection reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.store.postgres.connections import CONTACT_LOST, summary
from sunshine_keys.store.postgres.remembered import (
    CLOCK_MARGIN,
    LEASE_SECONDS,
    Heartbeats,
    Lease,
    RememberedKeys,
    clock,
    harmless_actions,
)
from sunshine_keys.store.sealing import COPYING
from sunshine_keys.store.table import Table

_Answer: TypeAlias = "asyncio.Future[tuple[Any, int]]"

logger = logging.getLogger("sunshine_keys.store")

RENEWAL_SECONDS = LEASE_SECONDS / 4
ANSWER_SECONDS = LEASE_SECONDS
"""Seconds after which the connection is closed if it has not answered; also the seconds that a request waits for a key."""

CHANGED = "sunshine_keys_changed"
FOLLOWED = "sunshine_keys_followed"

_MOST_FOLLOWED = 1000
_NO_EPOCH = -1
_RETRY_SECONDS = 0.2

_FOLLOW = f"""
SELECT coalesce((SELECT max(sequence) FROM audit), 0), ARRAY(
    SELECT ARRAY[action, resource] FROM audit
    WHERE sequence > $1 AND outcome = 'done' AND action <> ALL($2::text[]) ORDER BY sequence LIMIT $3
), EXISTS (SELECT 1 FROM meta WHERE name = '{COPYING}')
"""  # noqa: S608 - a name of ours
_RENEW = """
INSERT INTO nodes (id, renewals) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET renewals = excluded.renewals
"""
_NODES = "SELECT id, renewals FROM nodes"
_BURY = "DELETE FROM nodes WHERE id = $1 AND renewals = $2"


class LeaseConnection:
    """The connection of one node.

    `connect` opens a connection to the primary; `table` is the table of keys. Call `start` on the event loop that uses this.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection[Any]]], table: Table[Any]) -> None:
        self._connect = connect
        self._table = table
        self._harmless = harmless_actions()
        self._node_id = secrets.token_hex(8)
        self._lease = Lease()
        self._keys = RememberedKeys()
        self._renewals = 0
        self._others = Heartbeats()
        self._epoch = 0
        self._wanted: dict[str, _Answer] = {}
        self._followers: dict[str, tuple[int, float]] = {}
        self._follower_moved = asyncio.Event()
        self._awake = asyncio.Event()
        self._is_behind = True
        self._is_doubtful = False
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task, unless it runs already.

        Without the task, no credential can be verified, and a DELETE waits until all leases have ended.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="sunshine-keys-lease")

    async def close(self) -> None:
        """Give up the lease and remove its row, so that no other node waits for the lease to end."""
        self._is_closing = True
        self._lease.given_up()
        self._awake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=ANSWER_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def key(self, key_id: str) -> Any:
        """Return a key as it is now, or was at some moment since the call; None if it does not exist.

        Raises StoreUnavailable if this node cannot find that out.
        """
        key = self._keys.get(key_id)
        if key is not None and self._lease.is_held():
            return key
        give_up = clock() + ANSWER_SECONDS
        while (remaining := give_up - clock()) > 0 and not self._is_closing:
            try:
                key, epoch = await asyncio.wait_for(asyncio.shield(self._request(key_id)), remaining)
            except TimeoutError:
                break
            # Check after the read: this process may have been stopped in between, or the primary deposed.
            if epoch == self._epoch and self._lease.is_held():
                return key
        raise StoreUnavailable

    def is_trusted(self) -> bool:
        """Return True if this node may use the keys in its memory."""
        return self._lease.is_held()

    @property
    def remembered(self) -> int:
        """The number of keys in memory."""
        return len(self._keys)

    def _request(self, key_id: str) -> _Answer:
        """Queue a read that has not begun yet. A read in progress may have seen the state from before this call."""
        future = self._wanted.get(key_id)
        if future is None:
            future = self._wanted[key_id] = asyncio.get_running_loop().create_future()
            self._awake.set()
        return future

    @staticmethod
    async def live_nodes(connection: asyncpg.Connection[Any]) -> dict[str, float]:
        """Return the nodes that may hold a lease, and the latest end of each lease by this process's clock.

        A node may have renewed its row a moment ago, and no other clock is used. So each end is a whole lease away.
        """
        requested = clock()
        try:
            nodes = [node for node, _ in await asyncio.wait_for(connection.fetch(_NODES), ANSWER_SECONDS)]
        except CONTACT_LOST:
            return {"any": requested + LEASE_SECONDS * CLOCK_MARGIN}
        return dict.fromkeys(nodes, clock() + LEASE_SECONDS * CLOCK_MARGIN)

    async def followed(self, sequence: int, nodes: dict[str, float], since: float) -> None:
        """Return once no node uses keys that it read before entry `sequence` of the trail.

        `nodes` are the nodes that may hold a lease after the entry was committed. This waits for each of them until it has
        reported, after `since` (when the commit began), that it followed the trail up to the entry; or until its lease has
        ended. An earlier report does not count: it may be about a history that was lost when the database was set back.
        """
        while True:
            late = [end for node, end in nodes.items() if not self._has_followed(node, sequence, since)]
            if not late or (remaining := max(late) - clock()) <= 0:
                return
            self._follower_moved.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._follower_moved.wait(), remaining)

    async def _run(self) -> None:
        while not self._is_closing:
            connection = None
            try:
                connection = await asyncio.wait_for(self._connect(), ANSWER_SECONDS)
                await self._serve(connection)
            except Exception as error:  # any failure: without contact this node cannot accept credentials
                logger.warning("no contact with the database: %s", summary(error))
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                self._epoch += 1
                if connection is not None:
                    connection.terminate()

    async def _serve(self, connection: asyncpg.Connection[Any]) -> None:
        connection.add_log_listener(self._warned)
        await connection.add_listener(CHANGED, self._changed)
        await connection.add_listener(FOLLOWED, self._followed)
        await asyncio.wait_for(self._renew(connection, forget=True), ANSWER_SECONDS)
        renewal = clock() + RENEWAL_SECONDS
        while not self._is_closing:
            if clock() >= renewal or not self._lease.is_held():
                renewal = clock() + RENEWAL_SECONDS
                await asyncio.wait_for(self._renew(connection), ANSWER_SECONDS)
            elif self._is_behind:
                await asyncio.wait_for(self._follow(connection), ANSWER_SECONDS)
            elif self._wanted:
                await asyncio.wait_for(self._read(connection), ANSWER_SECONDS)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), max(0.0, renewal - clock()))
                self._awake.clear()
        self._lease.given_up()
        await connection.execute("DELETE FROM nodes WHERE id = $1", self._node_id)

    async def _renew(self, connection: asyncpg.Connection[Any], *, forget: bool = False) -> None:
        """Write the heartbeat, and only then follow the trail.

        A deletion that this read of the trail does not see commits later, so the node that answers it sees the heartbeat
        and waits.
        """
        self._is_doubtful = False
        requested_at = clock()
        self._renewals += 1  # a number is never used twice, so that others see each renewal
        await connection.execute(_RENEW, self._node_id, self._renewals)
        if self._is_doubtful:
            # The row is committed on the primary, but perhaps not on the standby: after a failover no node would see this
            # lease.
            raise ConnectionError("the database warned as a lease was renewed")
        await self._follow(connection, forget=forget)
        self._lease.renewed(requested_at)
        for node, renewals in self._others.silent(await connection.fetch(_NODES), clock()):
            await connection.execute(_BURY, node, renewals)

    async def _follow(self, connection: asyncpg.Connection[Any], *, forget: bool = False) -> None:
        was_notified, self._is_behind = self._is_behind, False
        row = await connection.fetchrow(_FOLLOW, self._keys.sequence, self._harmless, _MOST_FOLLOWED + 1)
        assert row is not None
        head, revocations, copying = row
        if copying:
            raise ConnectionError("the store is an unfinished copy of another")
        if forget or len(revocations) > _MOST_FOLLOWED:
            self._keys.forget_all(head)
        else:
            self._keys.follow(head, revocations)
        if revocations or was_notified:
            await connection.execute("SELECT pg_notify($1, $2)", FOLLOWED, f"{self._node_id} {head}")

    async def _read(self, connection: asyncpg.Connection[Any]) -> None:
        """Read all requested keys in one statement."""
        wanted, self._wanted = self._wanted, {}
        as_of, epoch, keys = self._keys.sequence, _NO_EPOCH, dict[str, Any]()
        try:
            rows = await connection.fetch(self._table.select_sql + "WHERE id = ANY($1::text[])", list(wanted))
            keys, epoch = {row[0]: self._table.from_row(tuple(row)) for row in rows}, self._epoch
            self._keys.keep(keys.values(), as_of)
        finally:
            for key_id, future in wanted.items():
                if not future.done():
                    future.set_result((keys.get(key_id), epoch))

    def _has_followed(self, node: str, sequence: int, since: float) -> bool:
        reached, heard = self._followers.get(node, (0, 0.0))
        return reached >= sequence and heard >= since

    def _changed(self, connection: Any, process_id: int, channel: str, payload: Any) -> None:
        self._is_behind = True
        self._awake.set()

    def _followed(self, connection: Any, process_id: int, channel: str, payload: Any) -> None:
        node_id, _, sequence = str(payload).partition(" ")
        self._followers[node_id] = (int(sequence), clock())
        self._follower_moved.set()

    def _warned(self, connection: Any, message: Any) -> None:
        self._is_doubtful = True
