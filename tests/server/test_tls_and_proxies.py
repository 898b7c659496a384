"""TLS, public addresses, and the headers that proxies forward."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import make_certificate
from support.commands import failed, run
from support.servers import Server
from support.wire import Key, Wire, first_run, make_tenant

import sunshine_conversations_client as sunshine
from sunshine_keys import server
from sunshine_keys.server import Connections
from sunshine_keys.settings import Settings
from sunshine_keys.wire import proxies
from sunshine_keys.wire.limits import Rate, RateLimits
from sunshine_keys.wire.proxies import Proxies


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_over_tls(tmp_path: Path, workers: str) -> None:
    account = Key.of(first_run(tmp_path / "data")["account_key"])
    certificate, key = make_certificate(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key), "--workers", workers)
    with Server(tmp_path / "data", *options, authority=certificate) as serving:
        assert serving.wire.url.startswith("https://127.0.0.1:")
        configuration = sunshine.Configuration(
            serving.wire.url, key_id=account.id, secret=account.secret, ssl_ca_cert=str(certificate)
        )
        with sunshine.ApiClient(configuration) as client:
            apps = sunshine.AppsApi(client)
            for _ in range(2):
                apps.create_app({"displayName": "x"})
            first = apps.list_apps_with_http_info(page={"size": 1})
        assert first.headers["strict-transport-security"] == "max-age=31536000"
        assert first.data.links.next.startswith(serving.wire.url)
        with socket.create_connection(("127.0.0.1", int(serving.wire.url.rpartition(":")[2])), timeout=10) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert not plain.recv(100).startswith(b"HTTP/1.1 2")


class TestTheEndOfAConnectionWithTls:
    @contextlib.contextmanager
    def connected(self, tmp_path: Path) -> Iterator[tuple[Server, socket.socket, ssl.SSLObject, ssl.MemoryBIO]]:
        """Yield a server that logs to `log`, and a client's TLS connection whose bytes the test sends itself."""
        certificate, key = make_certificate(tmp_path)
        options = ("--tls-cert", str(certificate), "--tls-key", str(key))
        first_run(tmp_path / "data")
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(certificate))
        client = context.wrap_bio(coming, going, server_hostname="127.0.0.1")
        with Server(tmp_path / "data", *options, authority=certificate, log=tmp_path / "log") as serving:
            port = int(serving.wire.url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                while True:
                    try:
                        client.do_handshake()
                    except ssl.SSLWantReadError:
                        connection.sendall(going.read())
                        coming.write(connection.recv(65536))
                    else:
                        break
                yield serving, connection, client, going

    @pytest.mark.parametrize("sent", ["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz HT", ""])
    def test_an_open_client_connection_does_not_delay_the_stop(self, tmp_path: Path, sent: str) -> None:
        with self.connected(tmp_path) as (serving, connection, client, going):
            client.write(sent.encode())
            connection.sendall(going.read())
            if sent.endswith("\r\n\r\n"):
                connection.recv(65536)
            else:
                assert serving.wire.get("/healthz").status == 200  # what was sent has been read
            assert serving.kill(signal.SIGTERM) == 0
        assert "graceful shutdown exceeded" not in (tmp_path / "log").read_text()

    def test_a_client_that_closes_during_an_answer_causes_no_warning(self, tmp_path: Path) -> None:
        with self.connected(tmp_path) as (_, connection, client, going):
            client.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            with contextlib.suppress(ssl.SSLWantReadError):
                client.unwrap()  # announces the close, and would wait for the server's announcement
            connection.sendall(going.read())
            while connection.recv(65536):
                pass
        assert "eof_received" not in (tmp_path / "log").read_text()


def test_answers_without_tls_have_no_strict_transport_security(wire: Wire) -> None:
    for answer in (wire.get("/healthz"), wire.get("/nowhere"), wire.get("/v2/apps")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in answer.headers


class TestMistakes:
    def serve(self, folder: Path, *options: str | Path) -> str:
        return failed(run("serve", "--data", str(folder / "data"), "--port", "0", *map(str, options)))

    def test_a_certificate_that_is_invalid_or_without_its_key_is_refused(self, tmp_path: Path) -> None:
        certificate, key = make_certificate(tmp_path)
        assert "needs both" in self.serve(tmp_path, "--tls-cert", certificate)
        assert "needs both" in self.serve(tmp_path, "--tls-key", key)
        assert f"cannot read {tmp_path}/none: No such file" in self.serve(
            tmp_path, "--tls-cert", certificate, "--tls-key", tmp_path / "none"
        )
        for pair in ((key, key), (certificate, certificate), (__file__, key)):
            assert "are no certificate and key" in self.serve(tmp_path, "--tls-cert", pair[0], "--tls-key", pair[1])
        (tmp_path / "other").mkdir()
        _, other_key = make_certificate(tmp_path / "other")
        assert "KEY_VALUES_MISMATCH" in self.serve(tmp_path, "--tls-cert", certificate, "--tls-key", other_key)
        assert not (tmp_path / "data").exists()

    def test_invalid_proxies_are_refused(self, tmp_path: Path) -> None:
        for networks in ("nonsense", "10.0.0.1/8", "10.0.0.0/8,proxy.example"):
            assert "--forwarded-allow-ips" in self.serve(tmp_path, "--forwarded-allow-ips", networks)

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
    def test_other_machines_are_not_served_without_tls(self, tmp_path: Path, host: str) -> None:
        said = self.serve(tmp_path, "--host", host)
        assert said.startswith(f"sunshine-keys: other machines can reach {host}, ")
        assert not (tmp_path / "data").exists()

    def test_other_machines_are_served_with_tls_or_if_allowed(self, tmp_path: Path) -> None:
        """The address belongs to no machine, so that the test opens no public port."""
        certificate, key = make_certificate(tmp_path)
        for options in (["--insecure"], ["--tls-cert", certificate, "--tls-key", key]):
            assert "cannot listen on 192.0.2.1" in self.serve(tmp_path, "--host", "192.0.2.1", *options)


class TestForwarded:
    LIMITS = RateLimits(source=Rate(1, "hour", 12))

    def exhausted(self, wire: Wire, headers: dict[str, str]) -> bool:
        return [wire.get("/nowhere", headers=headers).status for _ in range(13)][-1] == 429

    def link(self, data: Path, account: Key, allowed: str, headers: dict[str, str]) -> str:
        with server.running(Settings(data), Connections(forwarded_allow_ips=allowed)) as url:
            wire = Wire(url)
            tenant = make_tenant(wire, account)
            path = f"{tenant.app}/integrations?page[size]=1"
            answer = wire.get(path, tenant.app_key, headers=headers)
            assert ("strict-transport-security" in answer.headers) == answer.json["links"]["next"].startswith("https:")
            return answer.json["links"]["next"]

    def test_links_have_the_scheme_that_a_trusted_proxy_forwards(self, tmp_path: Path) -> None:
        account = Key.of(first_run(tmp_path)["account_key"])
        forwarded = {"Host": "keys.example", "X-Forwarded-Proto": "https"}
        assert self.link(tmp_path, account, "127.0.0.1", forwarded).startswith("https://keys.example/")
        assert self.link(tmp_path, account, "10.0.0.0/8, 127.0.0.0/8", forwarded).startswith("https://keys.example/")
        for strangers in ("", "10.0.0.1"):
            assert self.link(tmp_path, account, strangers, forwarded).startswith("http://keys.example/")

    def test_the_address_that_a_trusted_proxy_forwards_is_limited(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        settings = Settings(tmp_path, rate_limits=self.LIMITS)
        with server.running(settings, Connections(forwarded_allow_ips="127.0.0.1")) as url:
            wire = Wire(url)
            assert self.exhausted(wire, {"X-Forwarded-For": "192.0.2.1"})
            assert self.exhausted(
                wire, {"X-Forwarded-For": "203.0.113.9, 192.0.2.1"}
            )  # the client wrote the first address
            assert wire.get("/nowhere", headers={"X-Forwarded-For": "192.0.2.2"}).status == 404

    def test_a_forwarded_address_is_truncated_to_the_length_of_an_address(self, tmp_path: Path) -> None:
        account = Key.of(first_run(tmp_path)["account_key"])
        forwarded = {"X-Forwarded-For": "x" * 5000}
        with server.running(Settings(tmp_path), Connections(forwarded_allow_ips="127.0.0.1")) as url:
            assert Wire(url).post("/v2/apps", account, {"displayName": "An app"}, headers=forwarded).status == 201
            assert Wire(url).get("/v2/apps", Key(account.id, "wrong"), headers=forwarded).status == 401
        trail = sqlite3.connect(tmp_path / "sunshine-keys.sqlite3")
        with contextlib.closing(trail):
            sources = [source for (source,) in trail.execute("SELECT source FROM audit WHERE source LIKE 'x%'")]
        assert sources == ["x" * 64] * 2

    def test_an_ipv4_client_of_an_ipv6_socket_is_the_same_client(self, tmp_path: Path) -> None:
        account = Key.of(first_run(tmp_path / "data")["account_key"])
        options = ("--host", "::ffff:127.0.0.1", "--forwarded-allow-ips", "127.0.0.0/8", "--log-format", "json")
        with Server(tmp_path / "data", *options, "--rate-limit-source", "12/hour", log=tmp_path / "log") as serving:
            assert self.exhausted(serving.wire, {"X-Forwarded-For": "192.0.2.1"})
            assert self.exhausted(serving.wire, {"X-Forwarded-For": "::ffff:192.0.2.2"})
            assert serving.wire.get("/nowhere", headers={"X-Forwarded-For": "192.0.2.2"}).status == 429
            assert serving.wire.get("/v2/apps", Key(account.id, "wrong")).status == 401
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "sunshine-keys.sqlite3")) as trail:
            sources = {source for (source,) in trail.execute("SELECT source FROM audit")}
        assert "127.0.0.1" in sources
        assert "::ffff:127.0.0.1" not in sources
        assert "::ffff" not in (tmp_path / "log").read_text()

    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ([("X-Forwarded-For", "198.51.100.7, 192.0.2.1"), ("x-forwarded-for", "10.0.0.2")], "192.0.2.1"),
            ([("X-Forwarded-For", "192.0.2.1:1234,10.0.0.2:80")], "192.0.2.1"),
            ([("X-FORWARDED-FOR", "[2001:DB8::0:1]:1234")], "2001:db8::1"),
            ([("X-Forwarded-For", "10.0.0.1, 10.0.0.2")], "10.0.0.1"),
            ([("X-Forwarded-For", ", 192.0.2.1 ,,")], "192.0.2.1"),
            ([("X-Forwarded-For", "192.0.2.1, ::ffff:10.0.0.2")], "192.0.2.1"),
            ([("X-Forwarded-For", "192.0.2.1, unknown")], "unknown"),
            ([("X-Forwarded-For", " ")], None),
            ([], None),
        ],
    )
    def test_forwarded_addresses_are_a_list(self, lines: list[tuple[str, str]], expected: str | None) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in lines]
        assert Proxies("10.0.0.0/8").client(headers) == expected

    @pytest.mark.parametrize(
        ("values", "expected"),
        [(["https"], "https"), (["HTTPS, http"], "https"), (["http", "https"], "http"), ([" ,https"], "https"),
         (["wss"], None), ([""], None), ([], None)],
    )  # fmt: skip
    def test_forwarded_schemes_are_a_list(self, values: list[str], expected: str | None) -> None:
        assert proxies.scheme([(b"x-forwarded-proto", value.encode()) for value in values]) == expected

    def test_a_proxy_may_be_named_in_any_form(self) -> None:
        for text in ("::ffff:10.0.0.0/104", "10.0.0.0/8", " 10.1.2.3 , 2001:db8::1"):
            assert Proxies(text).trusts("10.1.2.3")
            assert not Proxies(text).trusts("192.0.2.1")
        assert Proxies("2001:db8::/32").trusts("2001:DB8::5")
        assert Proxies("*").trusts("anything")
        assert not Proxies().trusts("127.0.0.1")

    def test_headers_of_untrusted_proxies_are_ignored(self, tmp_path: Path) -> None:
        first_run(tmp_path)
        with server.running(Settings(tmp_path, rate_limits=self.LIMITS)) as url:
            wire = Wire(url)
            assert self.exhausted(wire, {"X-Forwarded-For": "192.0.2.1"})
            assert wire.get("/nowhere", headers={"X-Forwarded-For": "192.0.2.2"}).status == 429
