"""What a node knows of keys, on whose authority: one connection that holds its lease, follows the audit trail and reads
the keys that it does not remember.

All three go over the same connection, one after the other, so that they speak of the same database: a connection to a
primary that has been deposed cannot renew a lease, and without one nothing that it reads is believed.
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
from sunshine_keys.keys.model import Key
from sunshine_keys.store.postgres.connections import CONTACT_LOST, told
from sunshine_keys.store.postgres.remembered import (
    CLOCK_MARGIN,
    HARMLESS,
    LEASE_SECONDS,
    Lease,
    Pulses,
    RememberedKeys,
    clock,
)
from sunshine_keys.store.sql import rows
from sunshine_keys.store.sql.sealing import COPYING

_Answer: TypeAlias = "asyncio.Future[tuple[Key | None, int]]"

logger = logging.getLogger("sunshine_keys.store")

RENEWAL_SECONDS = LEASE_SECONDS / 4
ANSWER_SECONDS = LEASE_SECONDS
"""How long the connection may take for an answer before it is given up, and a request may wait for a key."""

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


class Authority:
    """`connect` opens a connection to the primary. Started by `start`, on the loop that uses it."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection[Any]]]) -> None:
        self._connect = connect
        self._node_id = secrets.token_hex(8)
        self._lease = Lease()
        self._keys = RememberedKeys()
        self._renewals = 0
        self._others = Pulses()
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
        """Where it has not been started; without it nothing is known, and a DELETE waits for leases to end."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="sunshine-keys-authority")

    async def close(self) -> None:
        """Give the lease up, and say so, that nobody waits for it to end."""
        self._is_closing = True
        self._lease.given_up()
        self._awake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=ANSWER_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def key(self, key_id: str) -> Key | None:
        """A key as it is, or was at some moment since the call. Raises StoreUnavailable where that cannot be known."""
        key = self._keys.get(key_id)
        if key is not None and self._lease.is_held():
            return key
        give_up = clock() + ANSWER_SECONDS
        while (remaining := give_up - clock()) > 0 and not self._is_closing:
            try:
                key, epoch = await asyncio.wait_for(asyncio.shield(self._ask(key_id)), remaining)
            except TimeoutError:
                break
            # Looked at after the read: this process may have been stopped in between, or the primary deposed.
            if epoch == self._epoch and self._lease.is_held():
                return key
        raise StoreUnavailable

    def is_trusted(self) -> bool:
        """Whether this node may go by what it remembers."""
        return self._lease.is_held()

    @property
    def remembered(self) -> int:
        """How many keys."""
        return len(self._keys)

    def _ask(self, key_id: str) -> _Answer:
        """A read that has not begun yet: one under way may have seen what was before the caller asked."""
        future = self._wanted.get(key_id)
        if future is None:
            future = self._wanted[key_id] = asyncio.get_running_loop().create_future()
            self._awake.set()
        return future

    @staticmethod
    async def live_nodes(connection: asyncpg.Connection[Any]) -> dict[str, float]:
        """The nodes that may hold a lease, and when at the latest it ends, by this process's clock.

        A row may have been renewed a moment ago, whatever any other clock says; so a whole lease is waited for.
        """
        asked = clock()
        try:
            nodes = [node for node, _ in await asyncio.wait_for(connection.fetch(_NODES), ANSWER_SECONDS)]
        except CONTACT_LOST:
            return {"any": asked + LEASE_SECONDS * CLOCK_MARGIN}
        return dict.fromkeys(nodes, clock() + LEASE_SECONDS * CLOCK_MARGIN)

    async def followed(self, sequence: int, nodes: dict[str, float], since: float) -> None:
        """Return once no node goes by a memory from before entry `sequence` of the trail.

        `nodes` are those that held a lease after the entry was committed: each has said `since` the commit began that
        it followed the trail so far, or its lease is over. What was said before may be of a history that has been
        lost, where the database was set back to an earlier moment.
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
            except Exception as error:  # whatever it was, without contact this node can accept nothing
                logger.warning("no contact with the database: %s", told(error))
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                self._epoch += 1
                if connection is not None:
                    connection.terminate()

    async def _serve(self, connection: asyncpg.Connection[Any]) -> None:
        connection.add_log_listener(self._warned)
        await connection.add_listener(CHANGED, self._changed)
        await connection.add_listener(FOLLOWED, self._followed)
        await asyncio.wait_for(self._renew(connection, anew=True), ANSWER_SECONDS)
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

    async def _renew(self, connection: asyncpg.Connection[Any], *, anew: bool = False) -> None:
        """Have the lease known, and only then follow the trail: who deletes what that does not show knows of the lease."""
        self._is_doubtful = False
        asked_at = clock()
        self._renewals += 1  # never told twice, so that others see a renewal in it
        await connection.execute(_RENEW, self._node_id, self._renewals)
        if self._is_doubtful:
            # Committed here, but perhaps not on the standby: after a failover nobody would know of this lease.
            raise ConnectionError("the database warned as a lease was renewed")
        await self._follow(connection, anew=anew)
        self._lease.renewed(asked_at)
        for node, renewals in self._others.silent(await connection.fetch(_NODES), clock()):
            await connection.execute(_BURY, node, renewals)

    async def _follow(self, connection: asyncpg.Connection[Any], *, anew: bool = False) -> None:
        is_asked, self._is_behind = self._is_behind, False
        found = await connection.fetchrow(_FOLLOW, self._keys.sequence, HARMLESS, _MOST_FOLLOWED + 1)
        assert found is not None
        head, revocations, copying = found
        if copying:
            raise ConnectionError("the store is an unfinished copy of another")
        if anew or len(revocations) > _MOST_FOLLOWED:
            self._keys.forget_all(head)
        else:
            self._keys.follow(head, revocations)
        if revocations or is_asked:
            await connection.execute("SELECT pg_notify($1, $2)", FOLLOWED, f"{self._node_id} {head}")

    async def _read(self, connection: asyncpg.Connection[Any]) -> None:
        """Read the keys that are waited for, all at once."""
        wanted, self._wanted = self._wanted, {}
        as_of, epoch, keys = self._keys.sequence, _NO_EPOCH, dict[str, Key]()
        try:
            found = await connection.fetch(rows.KEY + "WHERE id = ANY($1::text[])", list(wanted))
            keys, epoch = {row[0]: rows.key(row) for row in found}, self._epoch
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
