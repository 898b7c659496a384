"""Serving: a listening socket, one process or several, or a thread of this process."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from sunshine_keys.app import Service, Settings
from sunshine_keys.http.protocol import Protocol

GRACE_SECONDS = 5
"""How long requests in flight may take to finish once the service has been told to stop."""

KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep an idle connection, so that none sends into one that is just being closed."""

_SUPERVISOR = "SUNSHINE_KEYS_SUPERVISOR"  # the process id that workers watch; a worker may start after its end


def listen(host: str, port: int) -> socket.socket:
    """A listening socket (port 0: any free one). Raises OSError."""
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


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configure_logging() -> None:
    """Of this process: what went wrong, to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def exit_0_when_told_to_stop() -> None:
    """Stopping when told to is no failure: neither before uvicorn's own handlers are in place nor after them.

    Uvicorn raises a signal again once it has stopped because of it.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(0))


def serve(settings: Settings, listener: socket.socket, workers: int) -> None:
    """Serve until SIGTERM or SIGINT; what is in flight is finished first."""
    if workers == 1:
        _server(Service(settings)).run([listener])
    else:
        os.environ.update(settings.environment() | {_SUPERVISOR: str(os.getpid())})
        supervisor = Multiprocess(_config("sunshine_keys.server:worker", factory=True, workers=workers), [listener])
        supervisor.run()
        if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
            sys.exit(1)


def worker() -> Service:
    """The application of a worker process, which stops when its supervisor is gone."""
    configure_logging()
    supervisor = int(os.environ[_SUPERVISOR])

    def watch() -> None:
        while os.getppid() == supervisor:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="sunshine-keys-watch", daemon=True).start()
    return Service(Settings.from_environment())


@contextlib.contextmanager
def running(settings: Settings) -> Generator[str]:
    """Serve from a thread of this process on a free loopback port; yields the URL, and stops at the end."""
    with started(_server(Service(settings))) as url:
        yield url


@contextlib.contextmanager
def started(server: uvicorn.Server) -> Generator[str]:
    """Run a server in a thread on a free loopback port; yields the URL, and stops it at the end."""
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="sunshine-keys-server", daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the service did not start; the log says why")
            time.sleep(0.002)
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(application: Service) -> uvicorn.Server:
    return uvicorn.Server(_config(application))


def _config(application: Service | str, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **options,
    )
