"""A proxy in front of PostgreSQL that can cut a node's connections, or drop notifications."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

_NOTIFICATION = b"A"  # the type of NotificationResponse in PostgreSQL's protocol


class Proxy:
    """Listens on `port`. While `is_cut` nothing passes, in either direction, and no connection is closed;
    while `is_silent` everything passes but notifications. A message that ends in `last` passes, and then it is cut."""

    def __init__(self, target_port: int) -> None:
        self.is_cut = False
        self.is_silent = False
        self.last: bytes | None = None
        self.port = 0
        self._target_port = target_port

    def cut(self) -> None:
        self.is_cut = True
        self._loop.call_soon_threadsafe(self._healed.clear)

    def heal(self) -> None:
        self.is_cut = False
        self._loop.call_soon_threadsafe(self._healed.set)

    @contextlib.contextmanager
    def running(self) -> Iterator[Proxy]:
        started = threading.Event()

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._ended = asyncio.Event()
            self._healed = asyncio.Event()
            self._healed.set()
            async with await asyncio.start_server(self._connected, "127.0.0.1", 0) as server:
                self.port = server.sockets[0].getsockname()[1]
                started.set()
                await self._ended.wait()
                server.close()
                # A task that is cancelled before its first step would never close its connection.
                while others := asyncio.all_tasks() - {asyncio.current_task()}:
                    await asyncio.wait(others)
                await asyncio.sleep(0.01)  # so that the aborted connections end before the loop does

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        assert started.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(self._forward(reader, there[1])),
            asyncio.create_task(self._answer(there[0], writer)),
            asyncio.create_task(self._ended.wait()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, there[1]):
                end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            await self._healed.wait()
            if self.last is not None and content.endswith(self.last):
                self.last, self.is_cut = None, True
                self._healed.clear()
            writer.write(content)
            await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward the server's messages. Each has a type, a length and a content."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                rest = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                await self._healed.wait()
                if not (self.is_silent and head[:1] == _NOTIFICATION):
                    writer.write(head + rest)
                    await writer.drain()
