"""Requests that were refused before they could become a change, for the audit trail.

An attacker must neither fill the trail nor hide in it. The first refusal of a source and a claimed key is an entry at
once; those that follow within a minute are counted, and at its end one more entry tells how many they were. More than
`MOST` such pairs in a minute are counted together.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from sunshine_keys.errors import ServiceError, StoreUnavailable
from sunshine_keys.keys.model import KEY_ID
from sunshine_keys.store import Origin, Store
from sunshine_keys.store.changes import Refused

SECONDS = 60.0
MOST = 60

_OTHERS = ("", "")

logger = logging.getLogger("sunshine_keys.audit")


class _Minute(msgspec.Struct):
    """What is told of a source and a key at the minute's end, and how many refusals came after the first."""

    origin: Origin
    entry: Refused
    end: asyncio.TimerHandle
    more: int = 0


class Refusals:
    """Nobody waits for the entries to be written, so how long a refusal takes tells a stranger nothing of them."""

    def __init__(self, store: Store, seconds: float = SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._minutes: dict[tuple[str, str], _Minute] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def add(self, origin: Origin, claimed: str, error: ServiceError) -> None:
        """`claimed` is whatever was given for a key's id; it is told only if it has the form of one.

        Titles hold nothing that was sent, and tell a stranger no more than the trail may: both go into its note.
        """
        if self._is_told((origin.source, claimed)):
            return
        claimed = claimed if KEY_ID.fullmatch(claimed) else "unknown"
        pair = (origin.source, claimed)
        if pair not in self._minutes and len(self._minutes) >= MOST:
            pair, claimed = _OTHERS, "unknown"
            origin = Origin(None, "several", origin.request_id)
        if self._is_told(pair):
            return
        told = "" if error.titles == (error.title,) else error.titles[0]  # the code says as much
        entry = Refused(f"keys/{claimed}", error.code, error.cause or told)
        end = asyncio.get_running_loop().call_later(self._seconds, self._end, pair)
        self._minutes[pair] = _Minute(origin, entry, end)
        self._write(origin, entry)

    def _is_told(self, pair: tuple[str, str]) -> bool:
        """Whether there has been one within the minute; then this one is counted."""
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
        async def write() -> None:
            try:
                await self._store.transact(origin, entry)
            except StoreUnavailable:
                logger.warning("a refusal could not be recorded: %s by %s from %s", entry, origin.actor, origin.source)

        task = asyncio.get_running_loop().create_task(write())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Tell what has been counted, and wait until it is written."""
        for pair, minute in list(self._minutes.items()):
            minute.end.cancel()
            self._end(pair)
        if self._writing:
            await asyncio.wait(self._writing)
