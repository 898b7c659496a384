"""A certificate that changes on disk, and connections whose TLS handshake is not finished."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.certificates import make_certificate
from support.servers import Server
from support.waiting import wait_until
from support.wire import Wire, first_run

TOKEN = "a-metrics-token-of-this-test"
AT_ONCE = "from sunshine_keys import server\nserver._CERTIFICATE_TICKS = 1"


def served_certificate(url: str) -> str:
    address = urlsplit(url)
    assert address.hostname is not None and address.port is not None
    return ssl.get_server_certificate((address.hostname, address.port), timeout=30)


def install(folder: Path, certificate: Path, key: Path) -> str:
    """Replace the files by a new certificate with its key, and return the certificate's text."""
    folder.mkdir()
    new, new_key = make_certificate(folder)
    key.write_bytes(new_key.read_bytes())
    certificate.write_bytes(new.read_bytes())
    return new.read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_loads_a_certificate_that_has_changed(tmp_path: Path, workers: str) -> None:
    first_run(tmp_path / "data")
    certificate, key = make_certificate(tmp_path)
    log = tmp_path / "log"
    options = ("--tls-cert", str(certificate), "--tls-key", str(key), "--workers", workers)
    with Server(tmp_path / "data", *options, authority=certificate, log=log) as server:
        url = server.wire.url
        assert served_certificate(url) == certificate.read_text()
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=30) as old:
            context = ssl.create_default_context(cafile=str(certificate))
            with context.wrap_socket(old, server_hostname="127.0.0.1") as connection:
                new = install(tmp_path / "new", certificate, key)
                server.process.send_signal(signal.SIGHUP)
                wait_until(lambda: all(served_certificate(url) == new for _ in range(8)))
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # a connection keeps its own
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        certificate.write_text("not a certificate")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the certificate stays as it is" in log.read_text())
        assert served_certificate(url) == new
        assert server.kill(signal.SIGTERM) == 0


def test_a_certificate_that_has_changed_is_loaded_without_a_signal(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    certificate, key = make_certificate(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with Server(tmp_path / "data", *options, authority=certificate, patch=AT_ONCE) as server:
        new = install(tmp_path / "new", certificate, key)
        wait_until(lambda: served_certificate(server.wire.url) == new)
        assert Wire(server.wire.url, tmp_path / "new" / "certificate.pem").get("/healthz").status == 200


def test_unfinished_handshakes_count_as_connections(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    certificate, key = make_certificate(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key), "--max-connections", "3")
    patch = "from sunshine_keys.wire import protocol, tls\nprotocol.REFUSED_CONNECTIONS = tls.REFUSED_CONNECTIONS = 0"
    with Server(
        tmp_path / "data", *options, authority=certificate, patch=patch, SUNSHINE_KEYS_METRICS_TOKEN=TOKEN
    ) as server:
        address = urlsplit(server.wire.url)

        def is_served() -> bool:
            try:
                return server.wire.get("/healthz").status == 200
            except OSError:
                return False

        wait_until(is_served)
        silent = [socket.create_connection((address.hostname, address.port), timeout=30) for _ in range(3)]
        wait_until(lambda: not is_served())
        assert not is_served()
        for connection in silent:
            connection.close()
        wait_until(is_served)
        page = server.wire.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
        assert 'sunshine_keys_rejections_total{cause="tls_handshake"} 3' in page
        assert 'sunshine_keys_rejections_total{cause="connection_dropped"}' in page


def test_a_handshake_has_a_time_limit(tmp_path: Path) -> None:
    first_run(tmp_path / "data")
    certificate, key = make_certificate(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    patch = "from sunshine_keys.wire import tls\ntls.HANDSHAKE_SECONDS = 0.5"
    with Server(tmp_path / "data", *options, authority=certificate, patch=patch) as server:
        address = urlsplit(server.wire.url)
        silent = socket.create_connection((address.hostname, address.port), timeout=30)
        with silent, contextlib.suppress(ConnectionError):
            assert silent.recv(100) == b""
        assert server.wire.get("/healthz").status == 200
