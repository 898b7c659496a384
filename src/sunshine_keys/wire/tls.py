"""TLS: the certificate, which may change while the service runs, and the handshakes.

A connection counts from the moment it is accepted, not only after its handshake.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import get_remote_addr

from sunshine_keys.wire.exchange import step
from sunshine_keys.wire.protocol import REFUSED_CONNECTIONS, Protocol
from sunshine_keys.wire.proxies import unmapped
from sunshine_keys.wire.rejections import DROPPED, TLS_HANDSHAKE, Rejected, Rejection

if TYPE_CHECKING:
    from uvicorn.server import ServerState

HANDSHAKE_SECONDS = 30.0
"""Seconds for which a handshake may take."""

logger = logging.getLogger("sunshine_keys.tls")


def context_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context with a certificate and its chain. Raises OSError, or ssl.SSLError if they are no pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The key must have no password: nobody could be prompted for it.
    context.load_cert_chain(certificate, key, password="")
    context.set_alpn_protocols(["http/1.1"])
    return context


class Certificate:
    """A certificate and its key in files. Connections that exist keep the one that they began with."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises what `context_of` raises."""
        self._files = certificate, key
        self._identity = self._identities()
        self.context = context_of(certificate, key)

    def reload_if_changed(self) -> None:
        """Load the files if they are not those of the last attempt."""
        if self._identities() != self._identity:
            self.reload()

    def reload(self) -> None:
        """Load the files. If they are missing or no pair, log it, and keep the certificate."""
        self._identity = self._identities()
        try:
            self.context = context_of(*self._files)
        except OSError as error:  # ssl.SSLError is one, too
            logger.error("the certificate stays as it is, %s cannot be loaded: %s", self._files[0], error)
        else:
            logger.info("loaded the certificate %s", self._files[0])

    def _identities(self) -> list[tuple[int, int, int]]:
        try:
            return [(stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in map(os.stat, self._files)]
        except OSError:
            return []


class Handshake(asyncio.Protocol):
    """A connection until its handshake is done. Then the connection belongs to `protocol`."""

    def __init__(
        self,
        certificate: Certificate,
        protocol: Protocol,
        state: ServerState,
        most: int | None,
        report: Callable[[Rejected], None],
    ) -> None:
        self._certificate = certificate
        self._protocol = protocol
        self._state = state
        self._most = most
        self._report = report
        self._early = b""
        self._is_lost = self._has_ended = False
        self._task: asyncio.Task[None] | None = None

    # Called by asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams always have this transport
        self._transport = transport
        connections: set[Any] = self._state.connections
        if self._most is not None and len(connections) >= self._most + REFUSED_CONNECTIONS:
            self._reject(DROPPED)
            transport.abort()
            return
        connections.add(self)
        # Start before the first read: otherwise the client's first bytes would arrive here.
        rest = step(self._shake_hands())
        if rest is not None:
            self._task = asyncio.get_running_loop().create_task(rest)

    def data_received(self, data: bytes) -> None:
        self._early += data  # a request in the same segment as the end of the handshake

    def eof_received(self) -> None:
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True

    # Called by uvicorn

    def shutdown(self) -> None:
        self._transport.abort()

    async def _shake_hands(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self._transport,
                self,
                self._certificate.context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except (OSError, asyncio.CancelledError):
            self._reject(TLS_HANDSHAKE)
            self._transport.abort()
            return
        finally:
            self._state.connections.discard(self)
        if transport is None or self._is_lost:
            return
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        if self._early:
            self._protocol.data_received(self._early)
        if self._has_ended:
            self._protocol.eof_received()

    def _reject(self, rejection: Rejection) -> None:
        peer = get_remote_addr(self._transport)
        self._report(Rejected(rejection, unmapped(peer[0]) if peer else "", "", time.time()))
