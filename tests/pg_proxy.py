"""A proxy before PostgreSQL that can cut a node's link, or the notifications alone."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

_NOTIFICATION = b"A"  # the type of NotificationResponse in PostgreSQL's protocol


class Proxy:
    """Listens on `port`. While `is_cut` nothing passes, in either direction, and no connection is closed;
    while `is_silent` everything passes but notifications."""

    def __init__(self, target_port: int) -> None:
        self.is_cut = False
        self.is_silent = False
        self.port = 0
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._healed = asyncio.Event()
        self._healed.set()

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
            server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            async with server:
                await server.serve_forever()

        def run() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(main)
            pending = asyncio.all_tasks(self._loop)
            for task in pending:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            self._loop.close()

        main = self._loop.create_task(serve())
        thread = threading.Thread(target=run)
        thread.start()
        assert started.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(main.cancel)
            thread.join()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        ways = [
            asyncio.create_task(self._forward(reader, there[1])),
            asyncio.create_task(self._answer(there[0], writer)),
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
            writer.write(content)
            await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The server's messages: a type, a length, the rest."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(5)
                rest = await reader.readexactly(int.from_bytes(head[1:], "big") - 4)
                await self._healed.wait()
                if not (self.is_silent and head[:1] == _NOTIFICATION):
                    writer.write(head + rest)
                    await writer.drain()
