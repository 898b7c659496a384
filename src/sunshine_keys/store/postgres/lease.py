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
from sunshine_keys.store.audit import Head
from sunshine_keys.store.postgres.connections import CONTACT_LOST, summary
from sunshine_keys.store.postgres.heartbeats import PROBATION_SECONDS, Heartbeats
from sunshine_keys.store.postgres.remembered import LEASE_SECONDS, Lease, RememberedKeys, clock, harmless_actions
from sunshine_keys.store.sealing import COPYING
from sunshine_keys.store.statements import Row
from sunshine_keys.store.table import Table

_Rows: TypeAlias = Callable[..., Awaitable[list[Row]]]
_Answer: TypeAlias = "asyncio.Future[tuple[Any, int]]"

logger = logging.getLogger("sunshine_keys.store")

RENEWAL_SECONDS = LEASE_SECONDS / 4
ANSWER_SECONDS = LEASE_SECONDS
"""Seconds after which the connection is closed if it has not answered; also the seconds that a request waits for a key."""

CHANGED = "sunshine_keys_changed"
FOLLOWED = "sunshine_keys_followed"

_MOST_FOLLOWED = 5000
_NO_EPOCH = -1
_UNKNOWN = "unknown"
_RETRY_SECONDS = 0.2

_TRAIL = """
coalesce((SELECT max(sequence) FROM audit), 0), (SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1),
$1::bigint = 0 OR EXISTS (SELECT 1 FROM audit WHERE sequence = $1::bigint AND hash = $2::bytea)
"""
"""The head of the trail, and whether the trail contains the entry with number $1 and hash $2."""
_FOLLOW = f"""
SELECT {_TRAIL}, ARRAY(
    SELECT ARRAY[action, resource] FROM audit
    WHERE sequence > $3 AND action <> ALL($4::text[]) ORDER BY sequence LIMIT $5
), EXISTS (SELECT 1 FROM meta WHERE name = '{COPYING}')
"""  # noqa: S608 - a name of ours
_READ = "SELECT {trail}, {columns} FROM (SELECT 1) AS once LEFT JOIN {table} ON id = ANY($3::text[])"
DATABASE_TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"
_LEAVE = f"DELETE FROM nodes WHERE id = $1 RETURNING pg_notify('{FOLLOWED}', id || ' gone')"  # noqa: S608 - a name of ours
_REGISTER = "INSERT INTO nodes (id, renewals) VALUES ($1, $2)"
_RENEW = "UPDATE nodes SET renewals = renewals + 1 WHERE id = $1 AND renewals = $2 RETURNING id"
_NODES = "SELECT id, renewals FROM nodes"
_BURY = _LEAVE.replace("$1", "$1 AND renewals = $2")
_CONTAINED = "SELECT sequence, hash FROM audit WHERE sequence = ANY($1::bigint[])"


class LeaseConnection:
    """The connection of one node.

    `connect` opens a connection to the primary; `table` is the table of keys; `rows` reads over other connections. Call
    `start` on the event loop that uses this.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection[Any]]], table: Table[Any], rows: _Rows
    ) -> None:
        self._connect = connect
        self._table = table
        self._rows = rows
        self._read_sql = _READ.format(trail=_TRAIL, columns=", ".join(table.names), table=table.name)
        self._harmless = harmless_actions()
        self._node_id = ""
        self._registered = 0.0
        self._lease = Lease()
        self._keys = RememberedKeys()
        self._renewals = 0
        self._others = Heartbeats()
        self._epoch = 0
        self._ahead: float | None = None
        self._wanted: dict[str, _Answer] = {}
        self._reports: dict[str, Head] = {}
        self._reported = asyncio.Event()
        self._awake = asyncio.Event()
        self._is_behind = True
        self._is_doubtful = False
        self._may_remember = False
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

        An id that was used before the key existed may be missing for half a second after the key was created. Raises
        StoreUnavailable if this node cannot find out.
        """
        key = self._keys.get(key_id)
        if (key is not None or self._keys.is_missing(key_id)) and self._lease.is_held():
            return key
        return await self.read(key_id)

    async def read(self, key_id: str) -> Any:
        """Return a key as `key` does, but read it from the database even if it is remembered."""
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

    def now(self) -> float | None:
        """Return the time of the database's clock, in seconds since 1970; None before the first renewal.

        Each renewal reads that clock, after it has read `clock`. So this is never behind the database's clock, and ahead of
        it by at most the duration of that read.
        """
        return None if self._ahead is None else self._ahead + clock()

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

    async def live_nodes(self, connection: asyncpg.Connection[Any]) -> dict[str, float]:
        """Return the nodes that may hold a lease, and the latest end of each lease by this process's clock.

        Call this after the commit of a change that revokes keys.
        """
        nodes: list[str] = []
        try:
            nodes = [node for node, _ in await asyncio.wait_for(connection.fetch(_NODES), ANSWER_SECONDS)]
        except CONTACT_LOST:
            nodes = [_UNKNOWN]
        return self._others.leases(nodes, clock())

    async def followed(self, entry: Head, nodes: dict[str, float]) -> None:
        """Return once no node uses keys that it read before `entry` of the trail.

        `nodes` are the nodes that may hold a lease after the entry was committed. This waits for each of them until it has
        reported a head of a trail that contains the entry, or until its lease has ended. A head is a number and a hash, so
        reports about a history that was lost when the database was set back do not count.
        """
        waiting = dict(nodes)
        foreign: set[Head] = set()
        while waiting and (remaining := max(waiting.values()) - clock()) > 0:
            self._reported.clear()
            heads = {node: self._reports[node] for node in waiting if node in self._reports}
            later = {head for head in heads.values() if head.sequence > entry.sequence} - foreign
            try:
                async with asyncio.timeout(remaining):
                    following = {entry} | (await self._with_entry(entry, later) if later else set())
                    foreign |= later - following
                    waiting = {node: end for node, end in waiting.items() if heads.get(node) not in following}
                    if waiting:
                        await self._reported.wait()
            except TimeoutError:
                return

    async def _with_entry(self, entry: Head, heads: set[Head]) -> set[Head]:
        """Return those of `heads` that are in one trail with `entry`: the hash of each covers all entries before it."""
        try:
            rows = await self._rows(_CONTAINED, [head.sequence for head in (entry, *heads)])
        except StoreUnavailable:
            return set()
        contained = {Head(sequence, bytes(digest)) for sequence, digest in rows}
        return heads & contained if entry in contained else set()

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
        await asyncio.wait_for(self._renew(connection, is_new=True), ANSWER_SECONDS)
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
        await connection.execute(_LEAVE, self._node_id)

    async def _renew(self, connection: asyncpg.Connection[Any], *, is_new: bool = False) -> None:
        """Write the heartbeat, and only then follow the trail.

        A deletion that this read of the trail does not see commits later, so the node that answers it sees the heartbeat
        and waits.
        """
        self._is_doubtful = False
        requested = clock()
        if is_new or not await self._extend(connection):
            requested = await self._register(connection)
        if self._is_doubtful:
            # The row is committed on the primary, but perhaps not on the standby: after a failover no node would see this
            # lease.
            raise ConnectionError("the database warned as a lease was renewed")
        await self._follow(connection)
        before = clock()
        self._ahead = await connection.fetchval(DATABASE_TIME) - before
        self._lease.renewed(requested)
        self._may_remember = requested - self._registered > PROBATION_SECONDS
        before = clock()
        rows = [(node, renewals) for node, renewals in await connection.fetch(_NODES)]
        for node, renewals in self._others.read(rows, before, clock()):
            await connection.execute(_BURY, node, renewals)
        self._reports = {node: head for node, head in self._reports.items() if node in self._others}

    async def _extend(self, connection: asyncpg.Connection[Any]) -> bool:
        """Write the next number into this node's row. Return False if the row was changed, or if the lease ended before.

        Nobody else changes the row, unless the database is set back or an operator wants all nodes to forget their keys.
        """
        is_there = await connection.fetchval(_RENEW, self._node_id, self._renewals)
        self._renewals += 1
        return is_there is not None and self._lease.is_held()

    async def _register(self, connection: asyncpg.Connection[Any]) -> float:
        """Forget everything, and begin a row with a new id instead of the former one. Return the time before the write."""
        self._lease.given_up()
        self._keys.forget_all()
        self._may_remember = False
        await connection.execute(_LEAVE, self._node_id)
        self._node_id, self._renewals = secrets.token_hex(8), 1
        requested = clock()
        await connection.execute(_REGISTER, self._node_id, self._renewals)
        self._registered = clock()
        return requested

    async def _follow(self, connection: asyncpg.Connection[Any]) -> None:
        was_notified, self._is_behind = self._is_behind, False
        keys = self._keys
        row = await connection.fetchrow(
            _FOLLOW, keys.head.sequence, keys.head.hash, keys.sequence, self._harmless, _MOST_FOLLOWED + 1
        )
        assert row is not None
        *trail, changes, copying = row
        if copying:
            raise ConnectionError("the store is an unfinished copy of another")
        self._advance(*trail)
        if len(changes) > _MOST_FOLLOWED:
            keys.forget_all()
        keys.follow(changes)
        if changes or was_notified:
            report = f"{self._node_id} {keys.head.sequence} {keys.head.hash.hex()}"
            await connection.execute("SELECT pg_notify($1, $2)", FOLLOWED, report)

    def _advance(self, sequence: int, digest: bytes | None, continues: bool) -> None:
        if not continues:
            logger.warning("the database was set back to an earlier moment: all remembered keys are read again")
        self._keys.advance(Head() if digest is None else Head(sequence, digest), continues=continues)

    async def _read(self, connection: asyncpg.Connection[Any]) -> None:
        """Read all requested keys, and the head of the trail, in one statement: so both are of one moment."""
        wanted, self._wanted = self._wanted, {}
        epoch, keys = _NO_EPOCH, dict[str, Any]()
        try:
            head = self._keys.head
            rows = await connection.fetch(self._read_sql, head.sequence, head.hash, list(wanted))
            self._advance(*rows[0][:3])
            keys = {row[3]: self._table.from_row(tuple(row)[3:]) for row in rows if row[3] is not None}
            epoch = self._epoch
            if self._may_remember:
                self._keys.keep(keys.values(), wanted.keys() - keys.keys())
        finally:
            for key_id, future in wanted.items():
                if not future.done():
                    future.set_result((keys.get(key_id), epoch))

    def _changed(self, connection: Any, process_id: int, channel: str, payload: Any) -> None:
        self._is_behind = True
        self._awake.set()

    def _followed(self, connection: Any, process_id: int, channel: str, payload: Any) -> None:
        match str(payload).split():
            case [node_id, "gone"]:
                self._others.remove(node_id)
            case [node_id, sequence, digest]:
                self._reports[node_id] = Head(int(sequence), bytes.fromhex(digest))
            case _:
                pass  # a node of another version has sent it
        self._reported.set()

    def _warned(self, connection: Any, message: Any) -> None:
        self._is_doubtful = True
