"""The OAuth operations: a URL for a browser, and calls without the configured credentials."""

from __future__ import annotations

from typing import Any

import pytest
from support.drivers import Driver, SyncDriver
from support.scripts import NewApi, NewScript, answer

import sunshine_conversations_client as sunshine

ARGUMENTS = {"client_id": "a&b", "response_type": "code", "redirect_uri": "https://me.example/?x=é"}
SENT = "client_id=a%26b&response_type=code&redirect_uri=https%3A%2F%2Fme.example%2F%3Fx%3D%C3%A9"
BODY = {"code": "c", "grant_type": "authorization_code", "client_id": "a", "client_secret": "b"}


@pytest.fixture
def oauth_at(driver: Driver, api_at: NewApi) -> Any:
    """Return a function that creates the API class for a URL, on a client with all kinds of credentials."""

    def make(url: str) -> Any:
        client = api_at(url, key_id="k", secret="s3cr3t", scope="app").api_client
        client.cookie = "session=s3cr3t"
        client.set_default_header("authorization", "Bearer s3cr3t")
        client.set_default_header("X-Mine", "1")
        return driver.OAuthEndpointsApi(client)

    return make


def test_get_token_sends_no_configured_credentials(script: NewScript, oauth_at: Any) -> None:
    server = script(answer(body=b'{"access_token": "t", "token_type": "Bearer"}'))
    assert oauth_at(server.url).get_token(BODY).access_token == "t"
    head = server.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert b"authorization:" not in head
    assert b"cookie" not in head
    assert b"s3cr3t" not in head
    assert b"x-mine: 1" in head


def test_get_token_sends_the_headers_of_its_call(script: NewScript, oauth_at: Any) -> None:
    server = script(*[answer(body=b'{"access_token": "t"}')] * 2)
    oauth_at(server.url).get_token(BODY, _headers={"Authorization": "Basic mine"})
    auth = {"in": "header", "type": "basic", "key": "Authorization", "value": "Basic mine"}
    oauth_at(server.url).get_token(BODY, _request_auth=auth)
    assert all(b"\r\nAuthorization: Basic mine\r\n" in request for request in server.requests)


def test_revoke_access_sends_the_configured_credentials(script: NewScript, oauth_at: Any) -> None:
    server = script(answer())
    oauth_at(server.url).revoke_access()
    assert server.lines == ["DELETE /oauth/authorization HTTP/1.1"]
    assert b"uthorization: Bearer s3cr3t" in server.requests[0]


@pytest.mark.parametrize("base", ["", "/sc", "/sc/"])
def test_authorize_returns_the_url_for_a_browser_and_sends_nothing(script: NewScript, oauth_at: Any, base: str) -> None:
    server = script()
    url = oauth_at(server.url + base).authorize(**ARGUMENTS)
    assert url == f"{server.url}{base.rstrip('/')}/oauth/authorize?{SENT}"
    assert server.requests == []


@pytest.mark.parametrize(
    "driver", [SyncDriver], indirect=True, ids=["sync"]
)  # the asynchronous client has no async_req
def test_authorize_sends_nothing_with_async_req(script: NewScript, oauth_at: Any, driver: Driver) -> None:
    server = script()
    url = oauth_at(server.url).authorize(**ARGUMENTS, async_req=True).get(10)
    assert url == f"{server.url}/oauth/authorize?{SENT}"
    assert server.requests == []


def test_authorize_with_info_returns_the_redirect_unfollowed(script: NewScript, oauth_at: Any) -> None:
    server = script(answer("302 Found", b"Found.", "text/plain", Location="/oauth_bridge/start"))
    info = oauth_at(server.url).authorize_with_http_info(**ARGUMENTS)
    assert (info.status_code, info.data, info.headers["location"]) == (
        302,
        "/oauth_bridge/start",
        "/oauth_bridge/start",
    )
    assert server.lines == [f"GET /oauth/authorize?{SENT} HTTP/1.1"]


def test_authorize_unread_returns_the_redirect_unfollowed(script: NewScript, oauth_at: Any) -> None:
    server = script(answer("302 Found", b"", Location="/oauth_bridge/start"))
    raw = oauth_at(server.url).authorize_without_preload_content(**ARGUMENTS)
    assert raw.status == 302
    raw.close()
    assert len(server.requests) == 1


def test_authorize_with_info_raises_for_an_error(script: NewScript, oauth_at: Any) -> None:
    server = script(answer("404 Not Found", b"{}"))
    with pytest.raises(sunshine.NotFoundException):
        oauth_at(server.url).authorize_with_http_info(**ARGUMENTS)
