"""Behind a proxy that does not pass on Host, or serves the service below a path, `--public-url` names the address."""

from __future__ import annotations

import http.client
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.commands import failed, run
from support.messaging import post
from support.visitor import Visitor
from support.wire import Key, Wire, first_run, make_tenant

from sunshine_keys import server
from sunshine_keys.server import Connections
from sunshine_keys.settings import Settings
from sunshine_keys.wire.hosts import PublicUrl

PUBLIC = "https://keys.example:8443/sunshine"


@pytest.mark.parametrize("prefix", ["", "/sunshine"], ids=["removed by the proxy", "left by the proxy"])
def test_links_name_the_public_url(tmp_path: Path, prefix: str) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path), Connections(public_url=PUBLIC)) as url:
        wire = Wire(url)
        tenant = make_tenant(wire, account)
        answer = wire.get(f"{prefix}{tenant.app}/integrations?page[size]=1", tenant.app_key)
        assert answer.json["links"]["next"].startswith(f"{PUBLIC}{tenant.app}/integrations?page[size]=1&page[after]=")
        assert answer.headers["strict-transport-security"]
        assert wire.get(f"{prefix}/openapi.json").json["servers"] == [{"url": "/sunshine/"}]
        assert wire.get(f"{prefix}/healthz").status == 200
        assert wire.get("/sunshineX/healthz").status == 404


@pytest.mark.parametrize("prefix", ["", "/sunshine"], ids=["removed by the proxy", "left by the proxy"])
def test_people_can_sign_in_and_follow_links_below_the_public_url(tmp_path: Path, prefix: str) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path), Connections(public_url=PUBLIC)) as url:
        visitor = Visitor(url)
        origin = {"Origin": "https://keys.example:8443"}  # and the proxy sends Host: 127.0.0.1:PORT
        form = visitor.get(f"{prefix}/console/sign-in").form("/console/sign-in")
        assert form.action == "/sunshine/console/sign-in"
        fields = form.fields | {"key_id": account.id, "secret": account.secret}
        page = visitor.post(f"{prefix}/console/sign-in", fields, origin)
        assert (page.status, page.headers["location"]) == (303, "/sunshine/console")
        assert len(page.set_cookies) == 2
        for cookie in page.set_cookies:
            assert cookie.startswith("__Secure-sunshine_keys_")
            assert "; path=/sunshine/console;" in cookie.lower()
            assert "; secure" in cookie.lower()
        apps = visitor.get(f"{prefix}/console/apps")
        assert apps.status == 200
        paths = re.findall(r'(?:href|src|action)="(/[^"]*)"', apps.html)
        assert len(paths) > 5
        assert all(path.startswith("/sunshine/") for path in paths)
        for path in paths:
            if "/static/" in path:
                assert visitor.get(path).status == 200
        # What a person writes is text, and stays as it is.
        named = apps.form("/console/apps").fields | {"name": '<a href="/x">'}
        created = visitor.post(f"{prefix}/console/apps", named, origin)
        assert created.headers["location"].startswith("/sunshine/console/apps/")
        assert '<a href="/x">' in visitor.get(created.headers["location"]).text


def test_without_it_the_refused_sign_in_names_it(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path)) as url:
        visitor = Visitor(url)
        fields = visitor.get("/console/sign-in").form("/sign-in").fields | {
            "key_id": account.id,
            "secret": account.secret,
        }
        page = visitor.post("/console/sign-in", fields, {"Origin": "https://keys.example"})
        assert page.status == 403
        assert "--public-url" in page.text


def test_services_on_one_host_have_cookies_of_their_own(tmp_path: Path) -> None:
    """A browser sends the cookies of a host to all of its ports."""
    visitors = []
    for name in ("first", "second"):
        account = Key.of(first_run(tmp_path / name)["account_key"])
        with server.running(Settings(tmp_path / name)) as url:
            visitors.append(Visitor(url).signed_in(account))
    first, second = (visitor.cookies.keys() for visitor in visitors)
    assert first and second
    assert not first & second


@pytest.mark.parametrize(
    "url",
    ["keys.example", "ftp://keys.example", "https://", "https://u@keys.example", "https://keys.example/?a", "https://a b/",
     "https://keys.example/a/../b", "https://keys.example/v2", "https://keys.example/a//b", 'https://keys.example/"',
     "https://keys.example/keys/console", "https://keys.example#x", "https://keys.example:x"],
)  # fmt: skip
def test_an_invalid_public_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="public URL"):
        PublicUrl.parse(url)
    if url.endswith("example"):
        result = run("serve", "--data", str(tmp_path / "data"), "--port", "0", "--public-url", url)
        assert "--public-url: the public URL should be like https://" in failed(result)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://Keys.example:443/", "https://keys.example"), ("http://[::1]:80/a/", "http://[::1]/a"),
     ("http://x:443", "http://x:443")],
)  # fmt: skip
def test_a_public_url_is_normalised(url: str, expected: str) -> None:
    assert str(PublicUrl.parse(url)) == expected


def test_chat_works_below_the_public_url(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    origin = {"Origin": "https://keys.example:8443"}
    with server.running(Settings(tmp_path, simulator=True), Connections(public_url=PUBLIC)) as url:
        tenant = make_tenant(Wire(url), account)
        visitor = Visitor(url)
        fields = visitor.get("/console/sign-in").form("/console/sign-in").fields
        credentials = {"key_id": tenant.app_key.id, "secret": tenant.app_key.secret}
        assert visitor.post("/console/sign-in", fields | credentials, origin).status == 303
        form = visitor.get(f"/console/apps/{tenant.app_id}/chat").form("/chat")
        started = visitor.post(form.action, form.fields | {"name": "Jane"}, origin)
        page = visitor.get(started.headers["location"])
        (live,) = re.findall(r'data-live="([^"]*)"', page.html)
        assert live.startswith("/sunshine/console/")
        choice = {"type": "text", "text": "x", "actions": [{"type": "reply", "text": "x", "payload": "x"}]}
        conversation = started.headers["location"].rpartition("/")[2]
        post(Wire(url), tenant, conversation, {"author": {"type": "business"}, "content": choice})
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        connection.request("GET", live, headers={"Cookie": cookies})
        stream = connection.getresponse()
        while b"/messages/" not in (line := stream.readline()):
            assert line, "the stream has ended"
        assert b'href=\\"/sunshine/console/apps/' in line
        connection.close()
