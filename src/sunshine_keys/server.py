"""Run the service in this process: on a listening socket, or in a thread. supervisor.py runs it in several processes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import msgspec
import uvicorn

from sunshine_keys.asgi import Service
from sunshine_keys.observing.log_writer import standard_error
from sunshine_keys.settings import Settings
from sunshine_keys.wire.hosts import PublicUrl
from sunshine_keys.wire.outcome import Observer
from sunshine_keys.wire.protocol import REFUSED_CONNECTIONS, Protocol
from sunshine_keys.wire.proxies import Proxies, unmapped
from sunshine_keys.wire.tls import Certificate, Handshake, context_of

GRACE_SECONDS = 5
"""Seconds in which requests in flight may finish after a signal to stop."""

KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer keeps an idle connection, so that it never sends a request on a closing connection."""

logger = logging.getLogger("sunshine_keys.server")

STOP_SECONDS = 5.6
"""Seconds after a signal to stop after which the process ends, even if its store does not answer."""

_FLUSH_SECONDS = 0.2
_CERTIFICATE_TICKS = 100
"""The server ticks ten times a second. So a certificate that has changed is loaded within ten seconds."""


class Connections(msgspec.Struct, frozen=True):
    """The connections of clients. They use TLS if there is a certificate (PEM, with its chain) and its key.

    `forwarded_allow_ips` lists, separated by commas, the addresses and networks of proxies whose X-Forwarded-For and
    X-Forwarded-Proto are trusted; `*` trusts every client. `public_url` is the URL at which clients reach the service, if a
    proxy does not pass on the Host that they send, or serves it below a path. `most` is the number of connections that each process accepts
    at once.
    """

    tls_cert: Path | None = None
    tls_key: Path | None = None
    forwarded_allow_ips: str = ""
    most: int = 10_000
    public_url: str = ""

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    def check(self) -> None:
        """Raise ValueError, with a message of one line, if these settings cannot be used."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TLS needs both --tls-cert and --tls-key")
        if self.tls_cert is not None and self.tls_key is not None:
            for file in (self.tls_cert, self.tls_key):
                try:
                    file.read_bytes()
                except OSError as error:
                    raise ValueError(f"cannot read {file}: {error.strerror}") from error
            try:
                context_of(self.tls_cert, self.tls_key)
            except ssl.SSLError as error:
                reason = error.reason or "not PEM, or the key has a password"
                raise ValueError(f"{self.tls_cert} and {self.tls_key} are no certificate and key: {reason}") from error
        try:
            Proxies(self.forwarded_allow_ips)
        except ValueError as error:
            raise ValueError(f"--forwarded-allow-ips: {error}") from None
        if self.public_url:
            try:
                PublicUrl.parse(self.public_url)
            except ValueError as error:
                raise ValueError(f"--public-url: {error}") from None

    def certificate(self) -> Certificate | None:
        """Load the certificate. Raises OSError, ssl.SSLError."""
        return Certificate(self.tls_cert, self.tls_key) if self.tls_cert and self.tls_key else None

    @property
    def trusted(self) -> Proxies:
        return Proxies(self.forwarded_allow_ips)

    @property
    def public(self) -> PublicUrl | None:
        return PublicUrl.parse(self.public_url) if self.public_url else None


PLAIN = Connections()
_OTHER_FILES = 200


def with_room(connections: Connections) -> Connections:
    """Raise the limit of open files for the connections. Return fewer connections if that is not possible."""
    import resource

    room = REFUSED_CONNECTIONS + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    allowed = connections.most + room if unlimited else min(hard, connections.most + room)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    most = min(connections.most, allowed - min(room, allowed // 4))
    if most < connections.most:
        logger.warning("%d connections at once, not %d: the limit of open files is %d", most, connections.most, hard)
    return msgspec.structs.replace(connections, most=most)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Port 0 takes a free port. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket, connections: Connections = PLAIN) -> str:
    host, port = listener.getsockname()[:2]
    return f"{connections.scheme}://[{host}]:{port}" if ":" in host else f"{connections.scheme}://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach a socket on `host`. Raises OSError."""
    address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    return ipaddress.ip_address(unmapped(str(address).partition("%")[0])).is_loopback


def exit_0_on_signals() -> None:
    """Make SIGTERM and SIGINT end the process with status 0, before the server installs its handlers and after it stops.

    After uvicorn has stopped because of a signal, it raises the signal once more. An exception such as SystemExit would be
    lost if the signal arrives while Python runs a finaliser. Nothing is left to finish: committed changes are on disk.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: _end())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server reads it


def _end() -> NoReturn:
    standard_error().flush(_FLUSH_SECONDS)
    os._exit(0)


class Server(uvicorn.Server):
    """Stops within STOP_SECONDS after a signal, whatever it waits for, and loads a certificate that has changed."""

    def __init__(self, application: Service, connections: Connections) -> None:
        self._certificate = connections.certificate()
        self._has_hung_up = False
        protocol = partial(_protocol, connections.trusted, connections.public, self._certificate, connections.most)
        super().__init__(
            uvicorn.Config(
                application,
                http=protocol,  # type: ignore[arg-type]  # uvicorn only calls it
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                limit_concurrency=connections.most,
                proxy_headers=False,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.started:
            _end()  # it waits for its store, and serves nobody
        if not self.should_exit:
            threading.Thread(target=_end_late, name="sunshine-keys-end", daemon=True).start()
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGHUP, self._hang_up)
        with super().capture_signals():
            yield

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._has_hung_up = True

    async def on_tick(self, counter: int) -> bool:
        if self._certificate is not None:
            if self._has_hung_up:
                self._certificate.reload()
            elif counter % _CERTIFICATE_TICKS == 0:
                self._certificate.reload_if_changed()
        elif self._has_hung_up:
            logger.info("SIGHUP: there is no certificate to load")
        self._has_hung_up = False
        return await super().on_tick(counter)


def _end_late() -> None:
    time.sleep(STOP_SECONDS)
    logger.warning("the service stops without waiting further: a store or a client does not answer")
    _end()


def _protocol(
    trusted: Proxies,
    public_url: PublicUrl | None,
    certificate: Certificate | None,
    most: int,
    **arguments: Any,
) -> asyncio.BaseProtocol:
    """Return the protocol of a new connection."""
    protocol = Protocol(trusted=trusted, public_url=public_url, **arguments)
    if certificate is None:
        return protocol
    return Handshake(certificate, protocol, arguments["server_state"], most, protocol.report)


def serve(settings: Settings, connections: Connections, listener: socket.socket) -> None:
    """Serve in this process until SIGTERM or SIGINT, and finish the requests in flight.

    `gc.freeze` hides everything that is loaded before serving from the garbage collector. The collector would scan all of
    it from time to time, which takes 10 ms, and find nothing.
    """
    gc.freeze()
    Server(Service(settings), connections).run([listener])


@contextlib.contextmanager
def running(
    settings: Settings,
    connections: Connections = PLAIN,
    *,
    listener: socket.socket | None = None,
    observers: Sequence[Observer] = (),
) -> Generator[str]:
    """Serve from a thread of this process, and stop afterwards. Yield the URL.

    Without a `listener`, it serves on a free loopback port. `observers` are called for each request.
    """
    server = Server(Service(settings, observers=observers), connections)
    with listener or listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="sunshine-keys-server", daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the service did not start; the log says why")
            time.sleep(0.002)
        try:
            yield url_of(listener, connections)
        finally:
            server.should_exit = True
            thread.join()
