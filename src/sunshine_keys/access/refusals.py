"""Record refused requests in the audit trail.

An attacker must neither fill the trail nor hide in it. The first refusal of an address and a claimed key is recorded at
once. Further refusals of the same pair within a minute are counted, and one more entry at the end of the minute records
their number. If there are more than `MAX_PAIRS` such pairs in a minute, the others are counted together.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from sunshine_keys.access.causes import BATCH, Cause, RecordCauses
from sunshine_keys.errors import ServiceError, StoreUnavailable, TooManyRequests
from sunshine_keys.keys.model import CREDENTIAL_ID
from sunshine_keys.store import Origin, Store, audit
from sunshine_keys.store.change import Change, Refused

SECONDS = 60.0
MAX_PAIRS = 60
CAUSES_SECONDS = 1.0
MOST_LIMITED = BATCH // 10

_OTHERS = ("", "")

logger = logging.getLogger("sunshine_keys.audit")


class _Minute(msgspec.Struct):
    """The entry for an address and a key, and the number of further refusals. `end` is the end of the minute."""

    origin: Origin
    entry: Refused
    end: asyncio.TimerHandle
    more: int = 0


class Refusals:
    """Writes the entries in separate tasks, so that the time of a refusal shows a stranger nothing about the entries."""

    def __init__(self, store: Store, seconds: float = SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._minutes: dict[tuple[str, str], _Minute] = {}
        self._causes: list[Cause] = []
        self._flush: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def add(self, origin: Origin, claimed: str, error: ServiceError) -> None:
        """Record the refusal `error`, or count it if a refusal of the same address and key was recorded within the minute.

        `claimed` is the key id that the request sent; it is recorded only if it has the form of a key's id. The note
        is the error's cause or title; neither contains anything that the request sent.
        """
        self.explain(origin, claimed, error)
        if self._count((origin.source, claimed)):
            return
        claimed = claimed if CREDENTIAL_ID.fullmatch(claimed) else "unknown"
        pair = (origin.source, claimed)
        if pair not in self._minutes and len(self._minutes) >= MAX_PAIRS:
            pair, claimed = _OTHERS, "unknown"
            origin = Origin(None, "several", origin.request_id)
        if self._count(pair):
            return
        title = "" if error.titles == (error.title,) else error.titles[0]  # The default title repeats the code.
        entry = Refused(f"keys/{claimed}", error.code, error.cause or title)
        end = asyncio.get_running_loop().call_later(self._seconds, self._end, pair)
        self._minutes[pair] = _Minute(origin, entry, end)
        self._write(origin, entry)

    def explain(self, origin: Origin, claimed: str, error: ServiceError) -> None:
        """Store the cause of a refusal for `doctor`, within CAUSES_SECONDS.

        At most BATCH are stored in that time. An answer 429 is stored only among the first MOST_LIMITED of them, so that a
        flood that a rate limit stops leaves room for other causes, and costs few writes.
        """
        most = MOST_LIMITED if isinstance(error, TooManyRequests) else BATCH
        if len(self._causes) >= most or not origin.request_id:
            return
        key_id = claimed if CREDENTIAL_ID.fullmatch(claimed) else "unknown"
        reason = error.cause or error.titles[0]
        self._causes.append(Cause(origin.request_id, audit.now(), origin.source, key_id, error.code, reason))
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(CAUSES_SECONDS, self._write_causes)

    def _write_causes(self) -> None:
        causes, self._causes, self._flush = self._causes, [], None
        if causes:
            self._transact(Origin(), RecordCauses(causes), f"{len(causes)} causes of refused requests are lost")

    def _count(self, pair: tuple[str, str]) -> bool:
        """Count a refusal and return True if one of this pair was recorded within the minute."""
        minute = self._minutes.get(pair)
        if minute is not None:
            minute.more += 1
        return minute is not None

    def _end(self, pair: tuple[str, str]) -> None:
        minute = self._minutes.pop(pair)
        if minute.more:
            note = f"{minute.more} more within {self._seconds:g} seconds"
            self._write(minute.origin, msgspec.structs.replace(minute.entry, detail=note))

    def _write(self, origin: Origin, entry: Refused) -> None:
        self._transact(
            origin, entry, f"a refusal could not be recorded: {entry} by {origin.actor} from {origin.source}"
        )

    def _transact(self, origin: Origin, change: Change[None], warning: str) -> None:
        async def write() -> None:
            try:
                await self._store.transact(origin, change)
            except StoreUnavailable:
                logger.warning("%s", warning)

        task = asyncio.get_running_loop().create_task(write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Record the counts and causes, and wait until all entries are written."""
        if self._flush is not None:
            self._flush.cancel()
            self._write_causes()
        for pair, minute in list(self._minutes.items()):
            minute.end.cancel()
            self._end(pair)
        if self._writing:
            await asyncio.wait(self._writing)
