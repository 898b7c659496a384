"""Operations that send no configured credentials, and those that a browser opens."""

from __future__ import annotations

from typing import Any

import pytest
from support.drivers import Driver
from support.scripts import NewApi, NewScript, answer

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._operations import UNSET, Operation

AUTHORIZE: Operation[str] = Operation(
    "GET",
    "/oauth/authorize",
    None,
    query={"client_id": None, "response_type": None, "state": None, "redirect_uri": None},
    authenticated=False,
    browser=True,
)
TOKEN: Operation[object] = Operation("POST", "/oauth/token", None, body=sunshine.Page, authenticated=False)
OPTIONS = (UNSET, None, None, None, 0)
QUERY = {"client_id": "a&b", "response_type": "code", "state": None, "redirect_uri": "https://me.example/?x=é"}
SENT = "client_id=a%26b&response_type=code&redirect_uri=https%3A%2F%2Fme.example%2F%3Fx%3D%C3%A9"


@pytest.fixture
def send(driver: Driver, api_at: NewApi) -> Any:
    """Return a function that calls a method of the base of the API classes, as the generated methods do."""

    def make(url: str, method: str, operation: Any, query: Any, body: Any = None, **legacy: Any) -> Any:
        client = api_at(url, key_id="k", secret="s3cr3t", scope="app").api_client
        client.cookie = "session=s3cr3t"
        client.set_default_header("authorization", "Bearer s3cr3t")
        client.set_default_header("X-Mine", "1")
        api = driver.AppsApi(client)
        last = [legacy] if driver.name == "sync" and method != "_open" else []
        return getattr(api, method)(operation, {}, query, body, OPTIONS, *last)

    return make


def test_an_operation_without_security_sends_no_configured_credentials(script: NewScript, send: Any) -> None:
    server = script(answer())
    send(server.url, "_call", TOKEN, {}, {"after": "x"})
    head = server.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert b"authorization" not in head
    assert b"cookie" not in head
    assert b"s3cr3t" not in head
    assert b"x-mine: 1" in head


def test_authorize_returns_the_url_for_a_browser_and_sends_nothing(script: NewScript, send: Any) -> None:
    server = script()
    assert send(server.url + "/sc/", "_call", AUTHORIZE, QUERY) == f"{server.url}/sc/oauth/authorize?{SENT}"
    assert server.requests == []


def test_authorize_sends_nothing_with_async_req(script: NewScript, send: Any, driver: Driver) -> None:
    if driver.name == "async":
        pytest.skip("the asynchronous client has no async_req")
    server = script()
    url = send(server.url, "_call", AUTHORIZE, QUERY, async_req=True).get(10)
    assert url == f"{server.url}/oauth/authorize?{SENT}"
    assert server.requests == []


def test_authorize_with_info_returns_the_redirect_unfollowed(script: NewScript, send: Any) -> None:
    server = script(answer("302 Found", b"Found.", "text/plain", Location="/oauth_bridge/start"))
    info = send(server.url, "_call_with_info", AUTHORIZE, QUERY)
    assert (info.status_code, info.data, info.headers["location"]) == (
        302,
        "/oauth_bridge/start",
        "/oauth_bridge/start",
    )
    assert server.lines == [f"GET /oauth/authorize?{SENT} HTTP/1.1"]


def test_authorize_unread_returns_the_redirect_unfollowed(script: NewScript, send: Any) -> None:
    server = script(answer("302 Found", b"", Location="/oauth_bridge/start"))
    raw = send(server.url, "_open", AUTHORIZE, QUERY)
    assert raw.status == 302
    raw.close()
    assert len(server.requests) == 1


def test_authorize_with_info_raises_for_an_error(script: NewScript, send: Any) -> None:
    server = script(answer("404 Not Found", b"{}"))
    with pytest.raises(sunshine.NotFoundException):
        send(server.url, "_call_with_info", AUTHORIZE, QUERY)
