"""Proxies: which one a call uses, its credentials, and what a refusal means."""

from __future__ import annotations

import logging
import socket
import traceback
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from support.certificates import make_certificate
from support.drivers import Driver
from support.proxies import Tunnel
from support.scripts import KEY, NewApi, NewClient, NewScript, answer
from support.wire import Service, Tenant

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._proxies import proxy_for
from sunshine_keys import server
from sunshine_keys.settings import Settings

from .test_network import server_context

USER = "al%40ice"
PASSWORD = "p%23s%3As%C3%A9cret"
BASIC = b64encode("al@ice:p#s:sécret".encode())
SECRETS = (PASSWORD, "p#s:sécret", "cret", BASIC.decode())
"""All spellings in which the password might be shown."""


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def create(api: Any, **options: Any) -> Any:
    return api.create_custom_integration_key("a", "i", {"displayName": "x"}, **options)


def with_credentials(url: str) -> str:
    return url.replace("://", f"://{USER}:{PASSWORD}@")


def chosen(url: str, configuration: sunshine.Configuration | None = None) -> str | None:
    proxy = proxy_for(url, configuration or sunshine.Configuration())
    return None if proxy is None else proxy.url


class TestConfigured:
    @pytest.mark.parametrize(
        "proxy", ["127.0.0.1:3128", "ftp://x", "http://x:99999", "http://", "http://u:p/w@x:1", "socks5://127.0.0.1:1"]
    )
    def test_invalid_proxy_is_rejected(self, api_at: NewApi, proxy: str) -> None:
        with pytest.raises(sunshine.ApiArgumentError, match="proxy"):
            create(api_at("http://127.0.0.1:1", proxy=proxy))

    def test_configured_proxy_is_used(self, script: NewScript, api_at: NewApi) -> None:
        proxy = script(answer("201 Created", KEY))
        assert create(
            api_at("http://api.example", allow_insecure_http=True, proxy=proxy.url, proxy_headers={"X-Proxy": "1"})
        ).key
        assert proxy.lines == ["POST http://api.example/v2/apps/a/integrations/i/keys HTTP/1.1"]
        assert b"X-Proxy: 1" in proxy.requests[0]

    def test_unreachable_proxy_was_sent_nothing(self, api_at: NewApi) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(sunshine.ApiConnectionError) as raised:
            create(api_at("http://127.0.0.1:1", proxy=f"http://127.0.0.1:{port}"))
        assert not raised.value.maybe_sent

    @pytest.mark.parametrize("https", [True, False])
    def test_https_proxy_is_verified_and_used(
        self, script: NewScript, api_at: NewApi, tmp_path: Path, https: bool
    ) -> None:
        certificate = make_certificate(tmp_path)
        other, _ = make_certificate(tmp_path, stem="other")

        def keep_open(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(KEY) + KEY)
            connection.recv(1)

        target = script(keep_open, context=server_context(certificate))
        with Tunnel(context=server_context(certificate)) as tunnel:
            # A request to plain http goes to the proxy as it is.
            url, proxy = (target.url, tunnel.url) if https else ("http://api.example", target.url)
            with pytest.raises(sunshine.ApiConnectionError, match="certificate") as raised:
                create(api_at(url, allow_insecure_http=True, proxy=proxy, ssl_ca_cert=str(other)))
            assert not raised.value.maybe_sent
            api = api_at(url, allow_insecure_http=True, proxy=proxy, ssl_ca_cert=str(certificate[0]))
            with api.api_client:
                assert create(api).key
        assert len(target.requests) == 1


class TestCredentials:
    def test_tunnel_hides_the_credentials_of_the_call_from_the_proxy(
        self, tmp_path: Path, service: Service, tenant: Tenant, api_at: NewApi
    ) -> None:
        certificate = make_certificate(tmp_path)
        with server.running(Settings(service.data), server.Connections(*certificate)) as url, Tunnel() as proxy:
            api = api_at(url, tenant.app_key, ssl_ca_cert=str(certificate[0]), proxy=proxy.url)
            with api.api_client:
                for _ in range(2):
                    assert api.list_custom_integration_keys(tenant.app_id, tenant.integration_id).keys
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT {url.removeprefix('https://')} HTTP/1.".encode())
        assert b"uthorization" not in head

    def test_tunnel_receives_the_credentials_in_the_url_of_the_proxy(
        self, tmp_path: Path, service: Service, tenant: Tenant, api_at: NewApi, script: NewScript
    ) -> None:
        certificate = make_certificate(tmp_path)
        with server.running(Settings(service.data), server.Connections(*certificate)) as url, Tunnel() as proxy:
            api = api_at(
                url, tenant.app_key, ssl_ca_cert=str(certificate[0]), proxy=with_credentials(proxy.url),
                proxy_headers={"X-Proxy": "1"},
            )  # fmt: skip
            with api.api_client:
                assert api.list_custom_integration_keys(tenant.app_id, tenant.integration_id).keys
        (head,) = proxy.heads
        lines = head.split(b"\r\n")
        assert lines[0].startswith(f"CONNECT {url.removeprefix('https://')} HTTP/1.".encode())
        assert b"Proxy-Authorization: Basic " + BASIC in lines
        assert b"X-Proxy: 1" in lines

    def test_request_to_plain_http_carries_them_too(self, script: NewScript, api_at: NewApi) -> None:
        proxy = script(answer("201 Created", KEY))
        assert create(api_at("http://api.example", allow_insecure_http=True, proxy=with_credentials(proxy.url))).key
        assert proxy.lines == ["POST http://api.example/v2/apps/a/integrations/i/keys HTTP/1.1"]
        assert b"\r\nProxy-Authorization: Basic " + BASIC + b"\r\n" in proxy.requests[0]

    def test_header_of_the_configuration_wins(self, script: NewScript, api_at: NewApi) -> None:
        proxy = script(answer("201 Created", KEY))
        create(
            api_at(
                "http://api.example", allow_insecure_http=True, proxy=with_credentials(proxy.url),
                proxy_headers={"proxy-authorization": "Bearer t"},
            )
        )  # fmt: skip
        assert proxy.requests[0].lower().count(b"proxy-authorization") == 1
        assert b"proxy-authorization: Bearer t\r\n" in proxy.requests[0]

    @pytest.mark.parametrize("https", [False, True])
    @pytest.mark.parametrize("failure", ["unreachable", "refused", "garbled", "invalid"])
    def test_they_are_never_shown(
        self, script: NewScript, api_at: NewApi, caplog: pytest.LogCaptureFixture, failure: str, https: bool
    ) -> None:
        caplog.set_level(logging.DEBUG)
        reply = {"refused": b"HTTP/1.1 407 Denied\r\nContent-Length: 0\r\n\r\n", "garbled": b"x\r\n\r\n"}.get(
            failure, b""
        )
        with Tunnel(reply) as proxy:
            url = with_credentials("http://127.0.0.1:1" if failure == "unreachable" else proxy.url)
            if failure == "invalid":
                url = url.replace("127.0.0.1", "127.0.0.1:port")
            api = api_at("https://api.example" if https else "http://api.example", allow_insecure_http=True, proxy=url)
            with pytest.raises(sunshine.ApiException) as raised:
                create(api)
        shown = "".join(traceback.format_exception(raised.value)) + str(raised.value) + repr(raised.value) + caplog.text
        if failure == "invalid":  # with the variables of the client's frames, as some reporters show them
            frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack
            shown += "".join(str(frame.locals) for frame in frames if "sunshine_conversations_client" in frame.filename)
        assert not [secret for secret in SECRETS if secret in shown]

    def test_proxy_does_not_show_them(self) -> None:
        configuration = sunshine.Configuration("https://api.example")
        configuration.proxy = with_credentials("http://127.0.0.1:1")
        proxy = proxy_for("https://api.example", configuration)
        assert repr(proxy) == "Proxy('http://127.0.0.1:1')"
        assert not [secret for secret in SECRETS if secret in repr(configuration)]


class TestVariables:
    @pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
    @pytest.mark.parametrize("scheme", ["http://", "HTTP://", ""])
    def test_proxy_from_the_environment_is_used(
        self,
        driver: Driver,
        new_client: NewClient,
        script: NewScript,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        scheme: str,
    ) -> None:
        proxy = script(answer(body=b'{"apps": []}'))
        monkeypatch.setenv(name, f" {scheme}{proxy.url.removeprefix('http://')} ")
        assert driver.AppsApi(new_client("http://api.example")).list_apps().apps == []
        assert proxy.lines == ["GET http://api.example/v2/apps HTTP/1.1"]

    @pytest.mark.parametrize(
        ("variable", "proxy"),
        [("proxy", "http://proxy"), ("u:p@proxy:8", "http://proxy:8"), ("[::1]:8", "http://[::1]:8"), ("localhost:8", "http://localhost:8")],
    )  # fmt: skip
    def test_proxy_without_a_scheme_is_an_http_proxy(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", variable)
        assert chosen("https://api.example") == proxy

    @pytest.mark.parametrize(
        ("name", "used"), [("HTTP_PROXY", False), ("http_proxy", True), ("HTTPS_PROXY", True), ("ALL_PROXY", True)]
    )
    def test_http_proxy_is_ignored_under_cgi(self, monkeypatch: pytest.MonkeyPatch, name: str, used: bool) -> None:
        monkeypatch.setenv("REQUEST_METHOD", "GET")
        monkeypatch.setenv(name, "http://proxy:1")
        scheme = "https" if "HTTPS" in name else "http"
        assert chosen(f"{scheme}://api.example") == ("http://proxy:1" if used else None)

    def test_variable_of_the_other_scheme_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
        assert chosen("http://api.example") is None


HOSTS = [  # NO_PROXY, the host and port of a URL, and whether the call goes through the proxy
    ("", "api.example", True),
    ("api.example", "api.example", False),
    ("API.Example", "api.EXAMPLE", False),
    ("api.example", "api.example.", False),
    ("api.example.", "api.example", False),
    ("example", "api.example", False),
    ("ample", "api.example", True),
    ("other.example", "api.example", True),
    (".example", "api.example", False),
    (".api.example", "api.example", False),  # curl and requests; Go means subdomains alone
    ("*.example", "api.example", False),
    ("*.example", "v2.api.example", False),
    ("*.api.example", "api.example", True),  # Go; curl and requests have no such entries
    ("*.example", "example.org", True),
    ("*", "api.example", False),
    ("a, b ,*", "api.example", False),
    (" a ,\tapi.example ", "api.example", False),
    ("a api.example", "api.example", False),
    (",, ,", "api.example", True),
    (".", "api.example", True),
    ("api.example:443", "api.example", False),
    ("api.example:8443", "api.example", True),
    ("api.example:8443", "api.example:8443", False),
    ("api.example:443", "api.example:8443", True),
    (".example:443", "api.example", False),
    ("api.example:x", "api.example", True),
    ("10.0.0.0/8", "10.1.2.3", False),
    ("10.1.0.0/16", "10.2.0.1", True),
    ("10.1.2.3/8", "10.9.9.9", False),
    ("10.0.0.0/99", "10.1.2.3", True),
    ("10.0.0.0/8", "ten.example", True),
    ("10.1.2.3", "10.1.2.3", False),
    ("10.1.2.3:443", "10.1.2.3", False),
    ("10.1.2.3:80", "10.1.2.3", True),
    ("2.3", "10.1.2.3", True),
    ("fd00::/8", "[fd12::1]", False),
    ("fd00::/8", "[fe80::1]", True),
    ("fd12::1", "[fd12:0::1]", False),
    ("[fd12::1]", "[fd12::1]", False),
    ("[fd12::1]:443", "[fd12::1]", False),
    ("[fd12::1]:80", "[fd12::1]", True),
    ("fd00::/8", "10.1.2.3", True),
    ("", "127.0.0.1", False),
    ("", "localhost", False),
    ("", "[::1]", False),
]


class TestNoProxy:
    @pytest.mark.parametrize(("no_proxy", "host", "proxied"), HOSTS)
    def test_no_proxy_lists_hosts_without_a_proxy(
        self, monkeypatch: pytest.MonkeyPatch, no_proxy: str, host: str, proxied: bool
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        assert (chosen(f"https://{host}/x") is not None) == proxied

    def test_port_of_plain_http_is_80(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
        monkeypatch.setenv("NO_PROXY", "api.example:80")
        assert chosen("http://api.example/x") is None

    def test_configured_proxy_is_used_for_every_host(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "*")
        configuration = sunshine.Configuration()
        configuration.proxy = "http://proxy:1"
        assert chosen("https://api.example", configuration) == "http://proxy:1"
