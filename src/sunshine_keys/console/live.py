"""The parts of a chat page as server-sent events: each part once, and then whenever it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sunshine_keys.console import sessions
from sunshine_keys.console.chat import chats_part, require_thread
from sunshine_keys.console.rendering import with_prefix
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.console.thread import Part, Thread
from sunshine_keys.errors import ServiceError, TooManyRequests

MOST_STREAMS = 50
"""The most streams of a process. Each of them reads its conversation all the time."""

_PERIOD_SECONDS = 0.25
_SLOW_PERIODS = 8
"""The session, the list of conversations, the switchboard and what may have been deleted are read once in so many periods."""

_PULSE_PERIODS = 8
"""A comment follows so many periods without a change: a client that has gone is noticed, and proxies keep the connection."""

_open_streams: set[Request] = set()


async def stream(visit: SignedInRequest) -> Response:
    """Return the stream of a conversation's parts. Raises TooManyRequests if there are too many streams."""
    visit.require()
    thread = await require_thread(visit)
    if len(_open_streams) >= MOST_STREAMS:
        raise TooManyRequests(60, "Too many chat pages are open. Reload this one to see what is new")
    return Events(_events(visit, thread))


class Events(Response):
    """An answer that lasts until its client goes, or the service stops. Its end is that of the connection."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        async with contextlib.aclosing(self._events):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            with contextlib.suppress(ConnectionResetError):
                async for event in self._events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                await send({"type": "http.response.body", "body": b""})


async def _events(visit: SignedInRequest, thread: Thread) -> AsyncGenerator[bytes]:
    request = visit.request
    is_ending: Callable[[], bool] = request.scope["is_ending"]
    sent: dict[str, str] = {}
    order: list[str] | None = None
    chats: Part | None = None
    silent = period = 0
    _open_streams.add(request)
    try:
        yield b"retry: 1000\n\n"
        while not is_ending():
            if period % _SLOW_PERIODS == 0:
                if await sessions.resume(visit.engine.store, request, visit.clock()) is None:
                    yield b"event: ended\ndata: {}\n\n"
                    return
                await thread.refresh()
                chats = await chats_part(visit, thread, chats)
            parts = await thread.parts()
            present = [part.id for part in parts]
            if order is None:  # the page may show messages that were deleted before the stream began
                events = [_event("present", {"ids": " ".join(present)})]
            else:
                events = [_event("drop", {"id": id}) for id in order if id not in present]
            for part in [*parts, *([chats] if chats else [])]:
                if sent.get(part.id) != part.version:
                    sent[part.id] = part.version
                    html = with_prefix(part.html.encode(), request.scope.get("prefix", "")).decode()
                    events.append(_event("put", {"id": part.id, "version": part.version, "html": html}))
            order = present
            silent = 0 if events else silent + 1
            if silent % _PULSE_PERIODS == _PULSE_PERIODS - 1:
                events.append(b": alive\n\n")
            if events:
                yield b"".join(events)
            period += 1
            await asyncio.sleep(_PERIOD_SECONDS)
    except (ServiceError, asyncio.CancelledError):  # the conversation, the app or the key has gone; or the server stops
        yield b"event: ended\ndata: {}\n\n"
    finally:
        _open_streams.discard(request)


def _event(name: str, values: dict[str, str]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(values))
