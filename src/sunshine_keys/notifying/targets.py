"""Send one event to a target: an HTTP request, or a command with the event on its standard input."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import shlex
import signal
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from sunshine_keys.notifying.events import Event
from sunshine_keys.notifying.options import Body, Notifications

if TYPE_CHECKING:
    import aiohttp

SECONDS = 20.0
"""Seconds for a whole request, and for a command."""

CONNECT_SECONDS = 10.0

MOST_OUTPUT = 2048
"""The bytes of an answer, and of the end of a command's output, that messages contain."""


class NotSent(Exception):
    """The target did not accept the event. The text says why.

    `is_reached` is True if the target received it, or may have: it answered with an error, or did not answer in time.
    """

    def __init__(self, reason: str, *, is_reached: bool) -> None:
        super().__init__(reason)
        self.is_reached = is_reached


class Target(Protocol):
    """A receiver of events."""

    async def send(self, event: Event) -> str:
        """Send an event, and return in words how the target accepted it. Raises NotSent."""
        ...

    async def close(self) -> None: ...


def target_of(settings: Notifications) -> Target:
    if settings.command:
        return CommandTarget(shlex.split(settings.command), settings.body)
    return HttpTarget(settings.url, settings.body, settings.signing_keys)


def encoded(event: Event, body: Body) -> bytes:
    """Return the event, or only its text, as JSON."""
    return msgspec.json.encode({"text": event.text} if body is Body.TEXT else event)


def signature(keys: Sequence[bytes], id: str, timestamp: int, body: bytes) -> str:
    """Return the header `webhook-signature` of Standard Webhooks, with a signature by each key."""
    signed = b".".join((id.encode(), str(timestamp).encode(), body))
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


class HttpTarget:
    """A URL that receives each event as a POST, in the form of Standard Webhooks. It follows no redirects, uses no proxy."""

    def __init__(self, url: str, body: Body, keys: Sequence[bytes], *, seconds: float = SECONDS) -> None:
        self._url = url
        self._body = body
        self._keys = keys
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def send(self, event: Event) -> str:
        import aiohttp  # takes 10 MB, so it is imported at the first event

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._seconds, sock_connect=CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout, trust_env=False)
        body, timestamp = encoded(event, self._body), int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "sunshine-keys",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, event.id, timestamp, body)
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                answer = await response.content.read(MOST_OUTPUT)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(_reason(error) or "no connection", is_reached=False) from None
        except TimeoutError:
            raise NotSent(f"no answer within {self._seconds:g} seconds", is_reached=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotSent(_reason(error), is_reached=True) from None
        if 200 <= response.status < 300:
            return f"it answered {response.status}"
        raise NotSent(_described(f"it answered {response.status}", answer), is_reached=True)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class CommandTarget:
    """A program that receives each event on its standard input, and accepts it by exit status 0.

    It has the environment of this process without the variables SUNSHINE_KEYS_…, which may hold secrets.
    """

    def __init__(self, command: Sequence[str], body: Body, *, seconds: float = SECONDS) -> None:
        self._command = command
        self._body = body
        self._seconds = seconds

    async def send(self, event: Event) -> str:
        with _Output() as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output.writing,
                    stderr=output.writing,
                    env={name: value for name, value in os.environ.items() if not name.startswith("SUNSHINE_KEYS_")},
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise NotSent(f"{self._command[0]} cannot be started: {reason}", is_reached=False) from None
            try:
                async with asyncio.timeout(self._seconds):
                    await _feed(process, encoded(event, self._body) + b"\n")
                    status = await process.wait()
            except TimeoutError:
                raise NotSent(f"it did not end within {self._seconds:g} seconds", is_reached=True) from None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with what it has started
                await process.wait()
            output.read()
        if status == 0:
            return "it ended with status 0"
        raise NotSent(_described(f"it ended with status {status}", output.last), is_reached=True)

    async def close(self) -> None: ...


async def _feed(process: asyncio.subprocess.Process, body: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may end without reading
        process.stdin.write(body)
        await process.stdin.drain()
        process.stdin.close()


class _Output:
    """A pipe for the output of a process and its children. It is read while they write, and its end is kept."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self.last = b""

    def __enter__(self) -> _Output:
        asyncio.get_running_loop().add_reader(self._reading, self.read)
        return self

    def read(self) -> None:
        """Read what is there."""
        with contextlib.suppress(BlockingIOError):
            self.last = (self.last + os.read(self._reading, 65536))[-MOST_OUTPUT:]

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)
        os.close(self.writing)


def _described(what: str, output: bytes) -> str:
    """Return `what` with the text of an answer or an output, on one line."""
    text = " ".join(output.decode("utf-8", "replace").split())
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return f"{what}: {text}" if text else what


def _reason(error: BaseException) -> str:
    """Return why a connection failed, without the URL, which may be secret."""
    inner = getattr(error, "os_error", None) or error
    return getattr(inner, "strerror", None) or type(error).__name__
