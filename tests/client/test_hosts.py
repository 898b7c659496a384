"""The host of a configuration: base paths, names in other scripts, IPv6 zones, and what is rejected."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from support.drivers import Driver
from support.scripts import NewApi, NewClient, NewScript, answer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._operations import base_url, is_loopback

APPS = b'{"apps": []}'


@pytest.mark.parametrize("base", ["", "/", "//", "/sc", "/sc/", "/a/b//"])
def test_a_base_path_with_or_without_a_slash_at_its_end_is_used(
    driver: Driver, new_client: NewClient, script: NewScript, base: str
) -> None:
    server = script(answer(body=APPS))
    driver.AppsApi(new_client(server.url + base)).list_apps()
    assert server.lines == [f"GET {base.rstrip('/')}/v2/apps HTTP/1.1"]


@pytest.mark.parametrize(
    "host",
    ["http://h/?", "http://h?a=b", "http://h/#", "http://h/a#b", "http://u@h", "http://u:h1dden@h", "http://h\n",
     "http://h/\r\nX: y", " http://h", "http://h/a b", "http://h\t", "http://h/\0", "http://h\\@evil", "http://h\x7f",
     "http://h/\x85", "http://h/\ud800", "http://%68", "http://h!", "http://[::1%25]", "http://[v1.a]", "http://:80"],
)  # fmt: skip
def test_an_invalid_host_is_rejected_and_not_shown(driver: Driver, new_client: NewClient, host: str) -> None:
    with pytest.raises(sunshine.ApiArgumentError, match="host should") as refused:
        driver.AppsApi(new_client(host, access_token="t")).list_apps()
    assert "h1dden" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example:8443/sc/", "https://xn--bcher-kva.example:8443/sc"),
        ("https://例え.テスト", "https://xn--r8jz45g.xn--zckzah"),
        ("https://h/käse/%C3%A4", "https://h/k%C3%A4se/%C3%A4"),
        ("HTTPS://API.smooch.io", "https://api.smooch.io"),
        ("http://my_service:80", "http://my_service:80"),
        ("http://[FE80::1%25eth0]:8080/x", "http://[fe80::1%eth0]:8080/x"),
        ("http://[fe80::1%eth0]", "http://[fe80::1%eth0]"),
        ("http://[::1]", "http://[::1]"),
    ],
)
def test_a_host_is_turned_into_ascii(host: str, base: str) -> None:
    assert base_url(sunshine.Configuration(host)) == base


@pytest.mark.parametrize("host", ["https://straße.example", "https://ά\u200c.example", "https://ä..example", "https://" + "ä" * 80])  # fmt: skip
def test_a_name_without_a_certain_ascii_form_is_rejected(host: str) -> None:
    with pytest.raises(sunshine.ApiArgumentError, match="xn--"):
        base_url(sunshine.Configuration(host))


def test_a_request_is_sent_to_the_ascii_name(driver: Driver, new_client: NewClient, script: NewScript) -> None:
    proxy = script(answer(body=APPS))
    driver.AppsApi(new_client("http://bücher.example", proxy=proxy.url)).list_apps()
    assert proxy.lines == ["GET http://xn--bcher-kva.example/v2/apps HTTP/1.1"]


def test_an_address_with_a_zone_is_connected(driver: Driver, new_client: NewClient) -> None:
    """Zone 1 is the loopback interface."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")

    hosts: list[bytes] = []

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                hosts.extend(line for line in connection.recv(65536).split(b"\r\n") if line.startswith(b"Host:"))
                connection.sendall(answer(body=APPS))

    with listener:
        port = listener.getsockname()[1]
        threading.Thread(target=serve, daemon=True).start()
        client = new_client(f"http://[::1%251]:{port}", access_token="t")
        assert driver.AppsApi(client).list_apps().apps == []
        assert driver.read(driver.AppsApi(client).list_apps_without_preload_content()) == APPS
    assert hosts == [f"Host: [::1]:{port}".encode()] * 2  # without the zone


@pytest.mark.parametrize(("host", "loopback"), [("::1%1", True), ("fe80::1%eth0", False), ("127.0.0.1", True), ("127.evil", False)])  # fmt: skip
def test_the_zone_does_not_hide_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_changed_host_is_used_at_the_next_call(script: NewScript, api_at: NewApi) -> None:
    first, second = script(answer(body=b'{"keys": []}')), script(answer(body=b'{"keys": []}'))
    api: Any = api_at(first.url)
    api.list_custom_integration_keys("a", "i")
    api.api_client.configuration.host = second.url
    api.list_custom_integration_keys("a", "i")
    assert (len(first.requests), len(second.requests)) == (1, 1)
