"""One HTTP call to a webhook, with aiohttp."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol

import aiohttp
import msgspec

from sunshine_keys.webhooks.model import REQUEST_HEADERS, SECRET_HEADER
from sunshine_keys.webhooks.targets import RefusedTarget, Targets, check_address, check_url

ANSWER_SECONDS = 20.0
"""Seconds for a whole call (documented)."""

MOST_ANSWER = 64 * 1024
"""The most bytes of an answer that are read."""

LOGGED_ANSWER = 2048
"""The bytes of an answer that the log contains."""


class Reply(msgspec.Struct, frozen=True):
    """The answer of a target: its status, and the beginning of its body."""

    status: int
    body: str = ""


class NoReply(Exception):
    """The target did not answer. The text says why."""


class Courier(Protocol):
    """What carries events to a target."""

    async def post(self, url: str, secret: str, body: bytes) -> Reply:
        """Send a POST, and return the answer. Raises NoReply."""
        ...

    async def head(self, url: str) -> Reply:
        """Send a HEAD, and return the answer. Raises NoReply."""
        ...

    async def close(self) -> None: ...


class HttpCourier:
    """A courier over sockets. It follows no redirects, uses no proxy, and stores no cookies."""

    def __init__(self, targets: Targets = Targets.ANY) -> None:
        self._targets = targets
        connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False, socket_factory=self._socket)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            headers={name: REQUEST_HEADERS[name] for name in ("User-Agent", "Accept")},
            auto_decompress=False,
            trust_env=False,
        )

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        check_address(address[0], self._targets)
        return socket.socket(family, kind, protocol)

    async def post(self, url: str, secret: str, body: bytes) -> Reply:
        return await self._call("POST", url, REQUEST_HEADERS | {SECRET_HEADER: secret}, body)

    async def head(self, url: str) -> Reply:
        return await self._call("HEAD", url, {}, None)

    async def _call(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Reply:
        try:
            check_url(url, self._targets)
            async with self._session.request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                content = await response.content.read(LOGGED_ANSWER)
                rest = MOST_ANSWER - len(content)
                while rest > 0 and (chunk := await response.content.read(rest)):
                    rest -= len(chunk)
                if rest <= 0:
                    response.close()  # what is left is not read
                return Reply(response.status, content.decode("utf-8", "replace"))
        except RefusedTarget as error:
            raise NoReply(str(error)) from None
        except TimeoutError:
            raise NoReply(f"no answer within {ANSWER_SECONDS:.0f} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            refused = _refusal(error)
            raise NoReply(str(refused or error) or type(error).__name__) from error

    async def close(self) -> None:
        await self._session.close()


def _refusal(error: BaseException | None) -> RefusedTarget | None:
    while error is not None:
        if isinstance(error, RefusedTarget):
            return error
        error = error.__cause__ or error.__context__
    return None
