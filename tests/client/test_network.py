"""TLS and socket settings: they mean the same in both clients."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from support.certificates import make_certificate, make_directory
from support.proxies import Tunnel
from support.scripts import KEY, NewApi, NewScript, Script, answer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in BUNDLES:
        monkeypatch.delenv(name, raising=False)


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


class Target:
    """A TLS server whose certificate has some names, and the keys that a client with some settings reads from it."""

    def __init__(self, script: NewScript, api_at: NewApi, folder: Path, *names: str) -> None:
        self.certificate, key = make_certificate(folder, *names)
        self.context = server_context((self.certificate, key))
        self.server: Script = script(*[answer(body=KEY)] * 5, context=self.context)
        self._api_at = api_at

    def read(self, **settings: Any) -> Any:
        api = self._api_at(self.server.url, **({"ssl_ca_cert": str(self.certificate)} | settings))
        with api.api_client:
            return api.get_custom_integration_key("a", "i", "k").key


class TestNames:
    def test_certificate_must_have_the_asserted_name(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path, "127.0.0.1", "a.example", "*.b.example", "10.0.0.1")
        for name in ("a.example", "x.b.example", "10.0.0.1"):
            assert target.read(assert_hostname=name)
        received = len(target.server.requests)
        for name in ("other.example", "b.example", "x.y.b.example", "10.0.0.2"):
            with pytest.raises(sunshine.ApiConnectionError, match=r"certificate|doesn't match") as refused:
                target.read(assert_hostname=name)
            assert not refused.value.maybe_sent
        assert len(target.server.requests) == received

    def test_asserted_name_may_differ_from_the_host(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path, "a.example")
        assert target.read(assert_hostname="a.example")
        with pytest.raises(sunshine.ApiConnectionError):
            target.read()

    def test_name_false_means_any_name(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path, "a.example")
        assert target.read(assert_hostname=False)
        with pytest.raises(sunshine.ApiConnectionError):  # but the certificate itself is verified
            target.read(assert_hostname=False, ssl_ca_cert=None)

    @pytest.mark.parametrize("default", [True, None, ""])
    def test_name_true_means_the_name_of_the_host(
        self, script: NewScript, api_at: NewApi, tmp_path: Path, default: Any
    ) -> None:
        assert Target(script, api_at, tmp_path).read(assert_hostname=default)
        with pytest.raises(sunshine.ApiConnectionError):
            Target(script, api_at, tmp_path, "a.example").read(assert_hostname=default)

    @pytest.mark.parametrize("settings", [{"assert_hostname": 5}, {"assert_hostname": b"x"}, {"tls_server_name": 5}])
    def test_invalid_name_is_rejected(
        self, script: NewScript, api_at: NewApi, tmp_path: Path, settings: dict[str, Any]
    ) -> None:
        target = Target(script, api_at, tmp_path)
        with pytest.raises(sunshine.ApiArgumentError, match=next(iter(settings))):
            target.read(**settings)
        assert not target.server.requests

    def test_server_name_is_sent_and_verified(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path, "a.example")
        assert target.read(tls_server_name="a.example")
        with pytest.raises(sunshine.ApiConnectionError, match="certificate"):
            target.read(tls_server_name="b.example")
        assert target.server.server_names == ["a.example", "b.example"]

    def test_server_name_and_asserted_name_may_differ(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path, "a.example")
        assert target.read(tls_server_name="front.example", assert_hostname="a.example")
        assert target.server.server_names == ["front.example"]

    def test_names_hold_through_a_tunnel(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path, "a.example")
        with Tunnel() as proxy:
            assert target.read(proxy=proxy.url, tls_server_name="front.example", assert_hostname="a.example")
            assert target.read(proxy=proxy.url, tls_server_name="a.example")
            with pytest.raises(sunshine.ApiConnectionError, match=r"certificate|doesn't match") as refused:
                target.read(proxy=proxy.url, assert_hostname="b.example")
            assert not refused.value.maybe_sent
        assert target.server.server_names == ["front.example", "a.example", None]
        assert len(target.server.requests) == 2


class TestClientCertificates:
    @pytest.mark.parametrize("verify_ssl", [True, False])
    @pytest.mark.parametrize("proxied", [True, False])
    def test_client_certificate_is_sent(
        self, script: NewScript, api_at: NewApi, tmp_path: Path, verify_ssl: bool, proxied: bool
    ) -> None:
        target = Target(script, api_at, tmp_path)
        certificate, key = make_certificate(tmp_path, "client.example", stem="client")
        target.context.verify_mode = ssl.CERT_REQUIRED
        target.context.load_verify_locations(certificate)
        with Tunnel() as proxy:
            settings: dict[str, Any] = {"verify_ssl": verify_ssl, "proxy": proxy.url if proxied else None}
            assert target.read(cert_file=str(certificate), key_file=str(key), **settings)
            with pytest.raises(sunshine.ApiConnectionError):
                target.read(**settings)
        assert target.server.client_certificates == [ssl.PEM_cert_to_DER_cert(certificate.read_text())]

    def test_encrypted_key_is_rejected(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path)
        certificate, key = make_certificate(tmp_path, stem="client", password="s3cr3t")
        with pytest.raises(sunshine.ApiArgumentError, match="key_file"):
            target.read(cert_file=str(certificate), key_file=str(key))
        assert not target.server.requests

    @pytest.mark.parametrize("name", ["cert_file", "assert_hostname"])
    def test_aiohttp_would_use_it_for_an_https_proxy(self, tmp_path: Path, name: str) -> None:
        certificate, _ = make_certificate(tmp_path)
        configuration = sunshine.Configuration("https://api.example")
        configuration.proxy = "https://127.0.0.1:1"
        setattr(configuration, name, str(certificate) if name == "cert_file" else "a.example")

        async def read() -> None:
            async with aio.ApiClient(configuration) as client:
                await aio.CustomIntegrationApiKeysApi(client).get_custom_integration_key("a", "i", "k")

        with pytest.raises(sunshine.ApiArgumentError, match="https proxy"):
            asyncio.run(read())


class TestAuthorities:
    def test_bundle_may_be_a_directory(
        self, script: NewScript, api_at: NewApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = Target(script, api_at, tmp_path)
        directory = make_directory(tmp_path / "authorities", target.certificate, "127.0.0.1")
        assert target.read(ssl_ca_cert=str(directory))
        assert target.read(ssl_ca_cert=directory)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(directory))
        assert target.read(ssl_ca_cert=None)
        (directory / "other").mkdir()
        with pytest.raises(sunshine.ApiConnectionError, match="certificate"):
            target.read(ssl_ca_cert=str(directory / "other"))

    @pytest.mark.parametrize("missing", ["ssl_ca_cert", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_missing_bundle_matters_only_if_certificates_are_verified(
        self, script: NewScript, api_at: NewApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
    ) -> None:
        target = Target(script, api_at, tmp_path)
        path = str(tmp_path / "missing.pem")
        if missing != "ssl_ca_cert":
            monkeypatch.setenv(missing, path)
        settings = {"ssl_ca_cert": path if missing == "ssl_ca_cert" else None}
        assert target.read(verify_ssl=False, **settings)
        with pytest.raises(sunshine.ApiArgumentError, match=missing):
            target.read(**settings)
        assert len(target.server.requests) == 1

    def test_missing_bundle_does_not_matter_for_plain_http(self, script: NewScript, api_at: NewApi) -> None:
        server = script(answer(body=KEY))
        api = api_at(server.url, ssl_ca_cert="/missing/bundle.pem")
        assert api.get_custom_integration_key("a", "i", "k").key

    def test_empty_or_invalid_bundle_is_rejected(self, script: NewScript, api_at: NewApi, tmp_path: Path) -> None:
        target = Target(script, api_at, tmp_path)
        invalid = tmp_path / "invalid.pem"
        for content in ("", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"):
            invalid.write_text(content)
            with pytest.raises(sunshine.ApiArgumentError, match="ssl_ca_cert"):
                target.read(ssl_ca_cert=str(invalid))
        with pytest.raises(sunshine.ApiArgumentError, match="ssl_ca_cert"):
            target.read(ssl_ca_cert=5)


class TestSocketOptions:
    def test_options_are_set_before_the_connection_is_opened(self, script: NewScript, api_at: NewApi) -> None:
        sizes = []

        def record(connection: socket.socket) -> None:
            sizes.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
            connection.sendall(answer(body=KEY))

        server = script(record, record)
        for options in ([(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 600)], None):
            assert api_at(server.url, socket_options=options).get_custom_integration_key("a", "i", "k").key
        assert sizes[0] <= 600 < sizes[1]

    def test_option_that_the_system_refuses_is_a_failed_connection(self, script: NewScript, api_at: NewApi) -> None:
        api = api_at(script().url, socket_options=[(socket.SOL_SOCKET, 999_999, 1)])
        with pytest.raises(sunshine.ApiConnectionError, match="Protocol not available") as raised:
            api.get_custom_integration_key("a", "i", "k")
        assert not raised.value.maybe_sent

    @pytest.mark.parametrize("options", [5, [5], [(1, 2)], [("a", 1, 1)], "abc", [(1, 2, None)]])
    def test_invalid_options_are_rejected(self, api_at: NewApi, options: Any) -> None:
        api = api_at("http://127.0.0.1:1", socket_options=options)
        with pytest.raises(sunshine.ApiArgumentError, match="socket_options"):
            api.get_custom_integration_key("a", "i", "k")
