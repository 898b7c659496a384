"""Run the service: on a listening socket, in one process or several, or in a thread of this process."""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import logging
import os
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from sunshine_keys.asgi import Service
from sunshine_keys.observing.log_writer import standard_error
from sunshine_keys.settings import Settings
from sunshine_keys.wire.hosts import PublicUrl
from sunshine_keys.wire.protocol import REFUSED_CONNECTIONS, Protocol
from sunshine_keys.wire.proxies import Proxies, unmapped

GRACE_SECONDS = 5
"""Seconds in which requests in flight may finish after a signal to stop."""

KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer keeps an idle connection, so that it never sends a request on a closing connection."""

logger = logging.getLogger("sunshine_keys.server")

_SUPERVISOR = "SUNSHINE_KEYS_SUPERVISOR"  # the process id that workers watch; it may have ended before they start


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
                # The key must have no password: nobody could be prompted for it.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key, password="")
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

    @property
    def protocol(self) -> Callable[..., Protocol]:
        """The protocol of each connection."""
        public_url = PublicUrl.parse(self.public_url) if self.public_url else None
        return partial(Protocol, trusted=Proxies(self.forwarded_allow_ips), public_url=public_url)


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
    """Make SIGTERM and SIGINT end the process with status 0, before uvicorn installs its handlers and after it stops.

    After uvicorn has stopped because of a signal, it raises the signal once more. An exception such as SystemExit would be
    lost if the signal arrives while Python runs a finaliser. Nothing is left to finish: committed changes are on disk.
    """

    def end(number: int, frame: FrameType | None) -> None:
        standard_error().flush()
        os._exit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def serve(settings: Settings, connections: Connections, listener: socket.socket, workers: int) -> None:
    """Serve until SIGTERM or SIGINT, and finish the requests in flight.

    `gc.freeze`, here and in `worker`, hides everything that is loaded before serving from the garbage collector. The
    collector would scan all of it from time to time, which takes 10 ms, and find nothing.
    """
    connections = with_room(connections)
    if workers == 1:
        gc.freeze()
        uvicorn.Server(_config(Service(settings), connections)).run([listener])
    else:
        os.environ.update(settings.environment() | {_SUPERVISOR: str(os.getpid())})
        config = _config("sunshine_keys.server:worker", connections, factory=True, workers=workers)
        with tempfile.TemporaryDirectory(prefix="sunshine-keys-") as folder:
            if settings.metrics is not None:
                os.environ.update(settings.metrics.environment(folder))
            supervisor = Multiprocess(config, [listener])
            supervisor.run()
        if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
            sys.exit(1)


def worker() -> Service:
    """Return the application of a worker process. The process stops when its supervisor has ended."""
    settings = Settings.from_environment()
    if settings.log is not None:
        settings.log.configure()
    supervisor = int(os.environ[_SUPERVISOR])

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="sunshine-keys-watch", daemon=True).start()
    gc.freeze()
    return Service(settings)


@contextlib.contextmanager
def running(settings: Settings, connections: Connections = PLAIN) -> Generator[str]:
    """Serve from a thread of this process on a free loopback port. Yield the URL, and stop afterwards."""
    server = uvicorn.Server(_config(Service(settings), connections))
    with listen("127.0.0.1", 0) as listener:
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


def _config(application: Service | str, connections: Connections, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=connections.protocol,  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=connections.most,
        ssl_certfile=connections.tls_cert,
        ssl_keyfile=connections.tls_key,
        proxy_headers=False,
        **options,
    )
