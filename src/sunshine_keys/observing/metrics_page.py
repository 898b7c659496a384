"""The page /metrics, and the token that it is read with."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sunshine_keys.engine import Engine
from sunshine_keys.errors import StoreUnavailable, Unauthorized
from sunshine_keys.keys.table import key_counts
from sunshine_keys.observing.metrics import Metrics
from sunshine_keys.observing.process_metrics import SECONDS, KeyCounts, Processes
from sunshine_keys.observing.prometheus import Samples, labels, text

if TYPE_CHECKING:
    from sunshine_keys.notifying.notifier import Notifier, Unsent

KEYS_SECONDS = 600.0
"""How old a count of the keys may be: at ten million keys a count takes seconds."""

_TOKEN = "SUNSHINE_KEYS_METRICS_TOKEN"  # noqa: S105 - the variable's name
_FORM = re.compile(r"[!-~]{16,1000}", re.ASCII)

logger = logging.getLogger("sunshine_keys.metrics")


class MetricsAccess(msgspec.Struct, frozen=True):
    """The token of /metrics, and the file that it came from."""

    token: str
    file: Path | None = None

    def __repr__(self) -> str:
        return "MetricsAccess()"

    @classmethod
    def from_environment(cls, variables: Mapping[str, str], file: Path | None = None) -> MetricsAccess | None:
        """Read `file`, or SUNSHINE_KEYS_METRICS_TOKEN_FILE or …_TOKEN; return None if all are unset. Raises ValueError."""
        name = variables.get(f"{_TOKEN}_FILE")
        if file is None and name:
            file = Path(name)
        token = variables.get(_TOKEN, "")
        if file is not None:
            try:
                token = file.read_text("utf-8-sig").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not text"
                raise ValueError(f"cannot read the metrics token in {file}: {reason}") from None
        elif not token:
            return None
        if not _FORM.fullmatch(token):
            raise ValueError("the metrics token should be 16 to 1000 visible ASCII characters")
        return cls(token, file)

    def environment(self) -> dict[str, str]:
        """Return the variables that workers need besides those that are set already."""
        return {f"{_TOKEN}_FILE": str(self.file.absolute())} if self.file else {}

    def require(self, authorization: str) -> None:
        """Raises Unauthorized unless the Authorization header holds the token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self.token.encode()):
            raise Unauthorized("The metrics token is required")


class MetricsPage:
    """Create it on the event loop that serves. Until it is closed, it counts keys and writes figures for other processes."""

    def __init__(
        self, access: MetricsAccess, engine: Engine, processes: Processes, notifier: Notifier | None = None
    ) -> None:
        self.metrics = Metrics()
        self._access = access
        self._store = engine.store
        self._messaging = engine.messaging
        self._notifier = notifier
        self._processes = processes
        self._keys: KeyCounts | None = None
        self._counting: asyncio.Task[None] | None = None
        self._writing = asyncio.create_task(self._write()) if processes.are_several else None

    async def __call__(self, authorization: str) -> bytes:
        """Return the page. Raises Unauthorized."""
        self._access.require(authorization)
        own = self._samples()
        self._processes.write(own, self._keys)
        samples, keys = self._processes.read(own, self._keys)
        if keys is None or time.time() - keys.counted_at > KEYS_SECONDS:
            self._count_keys()
        pending = None if self._messaging is None else await self._messaging.pending()
        if pending is not None:
            samples["sunshine_keys_webhook_pending"] = {"": pending.events}
            samples["sunshine_keys_webhook_oldest_seconds"] = {"": pending.oldest_seconds}
        unsent = None if self._notifier is None else await self._unsent(self._notifier)
        if unsent is not None:
            samples["sunshine_keys_notification_unsent"] = {"": unsent.events}
            samples["sunshine_keys_notification_oldest_seconds"] = {"": unsent.oldest_seconds}
        if keys is not None:
            samples["sunshine_keys_keys"] = {labels(scope=scope): n for scope, n in keys.by_scope.items()}
        return text(samples)

    def _samples(self) -> Samples:
        attempts = {} if self._messaging is None else self._messaging.attempts()
        return self.metrics.samples(self._store, attempts, self._notifier)

    async def _unsent(self, notifier: Notifier) -> Unsent | None:
        with suppress(StoreUnavailable):
            return await notifier.unsent()
        return None

    async def close(self) -> None:
        tasks = [task for task in (self._writing, self._counting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._processes.write(self._samples(), self._keys)

    def _count_keys(self) -> None:
        """Start a count. The page does not wait for it: a later page has the result."""
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count())

    async def _count(self) -> None:
        try:
            counts = await self._store.read_aside(key_counts())
        except StoreUnavailable:
            logger.warning("the keys could not be counted")
        else:
            self._keys = KeyCounts(time.time(), {scope.value: count for scope, count in counts.items()})

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(SECONDS)
            self._processes.write(self._samples(), self._keys)
