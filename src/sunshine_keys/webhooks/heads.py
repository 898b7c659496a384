"""The HEAD that a new target gets, as from the vendor (documented). Its outcome changes nothing: the log has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sunshine_keys.webhooks.courier import Courier

_AT_ONCE = 20
"""The most HEADs at the same time; further ones are not sent, so that nobody uses this service to flood a target."""

logger = logging.getLogger("sunshine_keys.webhooks")


class Heads:
    """Sends HEADs in the background. `courier` opens a courier at the first one."""

    def __init__(self, courier: Callable[[], Courier]) -> None:
        self._open = courier
        self._courier: Courier | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, webhook_id: str, target: str) -> None:
        if len(self._tasks) >= _AT_ONCE:
            logger.warning("no HEAD was sent to the target of webhook %s: too many are under way", webhook_id)
            return
        task = asyncio.get_running_loop().create_task(self._send(webhook_id, target), name="sunshine-head")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, webhook_id: str, target: str) -> None:
        from sunshine_keys.webhooks.courier import NoReply

        if self._courier is None:
            self._courier = self._open()
        try:
            reply = await self._courier.head(target)
        except NoReply as error:
            logger.warning("the target of webhook %s does not answer a HEAD: %s", webhook_id, error)
        else:
            logger.info("the target of webhook %s answered a HEAD with %d", webhook_id, reply.status)

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._courier is not None:
            await self._courier.close()
