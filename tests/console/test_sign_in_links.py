"""Sign-in links: a token that a key has signed opens a session, for a minute."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from support.leaks import Serving, assert_nowhere
from support.visitor import Page, Visitor
from support.wire import Key, Service, Tenant, Wire, first_run

from sunshine_keys import server
from sunshine_keys.cli.remote.sign_in_links import sign_in_link
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import Rate, RateLimits


def signed(key: Key, **claims: Any) -> str:
    """Return a token of a key that expires in 30 seconds. A claim that is None is left out."""
    claims = {"scope": key.scope.value, "exp": int(time.time()) + 30} | claims
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None}, key.secret, headers={"kid": key.id}
    )


def follow(visitor: Visitor, link: str) -> Page:
    """Do what the script of the form does with a link."""
    path, _, token = link.removeprefix(visitor.url).partition("#token=")
    return visitor.submit(visitor.get(path), "/sign-in", token=token)


def test_link_signs_in_and_leads_to_its_page(visitor: Visitor, tenant: Tenant) -> None:
    key, page = tenant.app_key, f"/console/apps/{tenant.app_id}/integrations/{tenant.integration_id}"
    assert follow(visitor, sign_in_link(visitor.url, key.id, key.secret, key.scope, page)).headers["location"] == page
    assert visitor.get(page).status == 200


def test_link_replaces_a_session(owner: Visitor, tenant: Tenant) -> None:
    key = tenant.app_key
    owner.follow(follow(owner, sign_in_link(owner.url, key.id, key.secret, key.scope)))
    assert owner.get("/console").headers["location"] == f"/console/apps/{tenant.app_id}"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_page_of_another_site_gets_a_form_that_takes_no_token(visitor: Visitor, site: str) -> None:
    page = visitor.get("/console/sign-in?link", {"Sec-Fetch-Site": site})
    assert "token" not in page.form("/sign-in").fields
    assert "token" in visitor.get("/console/sign-in?link", {"Sec-Fetch-Site": "none"}).form("/sign-in").fields


def test_link_leads_to_no_other_site(visitor: Visitor, tenant: Tenant) -> None:
    key = tenant.app_key
    for page in ("//other.example", "https://other.example/console/apps", "/console/apps/x#token=y", "/v2/apps"):
        link = sign_in_link(visitor.url, key.id, key.secret, key.scope, page)
        assert follow(Visitor(visitor.url), link).headers["location"] == "/console"


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"exp": 1}, "JWT has expired (exp)"),
        ({"exp": None}, "should expire (exp) within 60 seconds"),
        ({"exp": 2**40}, "should expire (exp) within 60 seconds"),
        ({"exp": "soon"}, "JWT exp should be a number"),
        ({"scope": "account"}, "JWT scope should be app"),
        ({"scope": None}, "JWT payload should have a scope"),
        ({"nbf": 2**40}, "JWT is not valid yet (nbf)"),
    ],
)
def test_token_of_invalid_claims_is_rejected(
    visitor: Visitor, tenant: Tenant, claims: dict[str, Any], fault: str
) -> None:
    page = visitor.submit(visitor.get("/console/sign-in?link"), "/sign-in", token=signed(tenant.app_key, **claims))
    assert page.status == 401
    assert fault in page.text and "For a new one, run sunshine-keys open." in page.text
    assert visitor.get("/console/apps").status == 303


def test_token_that_the_key_has_not_signed_is_rejected(visitor: Visitor, tenant: Tenant) -> None:
    foreign = signed(Key(tenant.app_key.id, tenant.key.secret))
    unknown = signed(Key("app_" + "0" * 24, tenant.app_key.secret))
    for token in (foreign, unknown, "x", "oat_" + "0" * 24, "e.e.e", "x" * 9000):
        page = visitor.submit(visitor.get("/console/sign-in?link"), "/sign-in", token=token)
        assert page.status == 401
        assert "The sign-in link is invalid" in page.text


def test_link_of_a_deleted_key_is_rejected(visitor: Visitor, wire: Wire, tenant: Tenant, service: Service) -> None:
    token = signed(tenant.app_key)
    assert wire.delete(f"{tenant.app}/keys/{tenant.app_key.id}", service.account).status == 200
    page = visitor.submit(visitor.get("/console/sign-in?link"), "/sign-in", token=token)
    assert page.status == 401 and "that key has been deleted" in page.text


def test_key_of_an_integration_cannot_sign_in_by_link(visitor: Visitor, tenant: Tenant) -> None:
    page = visitor.submit(visitor.get("/console/sign-in?link"), "/sign-in", token=signed(tenant.key))
    assert page.status == 403 and "The key of an integration cannot manage anything" in page.text


def test_failed_links_count_against_the_limit_of_failures(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path, rate_limits=RateLimits(failures=Rate(1, "hour", 1)))) as url:
        forged = f"{url}/console/sign-in?link#token={signed(Key(account.id, 'x' * 86))}"
        assert [follow(Visitor(url), forged).status for _ in range(2)] == [401, 429]


def test_token_of_a_link_is_in_no_file_and_no_log(serving: Serving) -> None:
    links = [
        sign_in_link(serving.wire.url, key.id, key.secret, key.scope) for key in (serving.app_key, serving.account)
    ]
    tokens = [link.partition("#token=")[2] for link in links]
    pages = [follow(Visitor(serving.wire.url), link) for link in links]
    assert [page.status for page in pages] == [303, 303]
    refused = follow(Visitor(serving.wire.url), links[0] + "x")
    assert refused.status == 401
    serving.stop()
    files = {file.name: file.read_bytes() for file in serving.data.iterdir()}
    assert_nowhere(tokens, files | {"a page": refused.html.encode(), "the log": serving.written()})
