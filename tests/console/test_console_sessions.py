"""Signing in and out: the browser's cookies, and when a session ends on every node."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.certificates import make_certificate
from support.servers import Server
from support.visitor import Visitor
from support.wire import Key, Place, Service, Tenant, Wire, first_run, make_tenant

from sunshine_keys import server
from sunshine_keys.opening import opened_store
from sunshine_keys.settings import STORE_FILE, Settings
from sunshine_keys.store.audit import Entry
from sunshine_keys.wire.limits import Rate, RateLimits

SESSION = "session"


def entries_of(settings: Settings, action: str, wanted: Callable[[Entry], bool] = lambda entry: True) -> list[Entry]:
    """Return the matching entries of the audit trail. Wait for the first: a refusal is written a moment after its answer."""

    async def read() -> list[Entry]:
        async with opened_store(settings) as store:
            return [entry for entry in await store.audit_entries(0, 10_000) if entry.action == action and wanted(entry)]

    deadline = time.monotonic() + 30
    while not (entries := asyncio.run(read())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return entries


def test_without_a_session_every_page_redirects_to_the_sign_in_form(visitor: Visitor, tenant: Tenant) -> None:
    for path in ("/console", "/console/"):
        page = visitor.get(path)
        assert (page.status, page.headers["location"]) == (303, "/console/sign-in"), path
    for path in ("/console/apps", f"/console/apps/{tenant.app_id}", "/console/audit"):
        page = visitor.get(path)
        assert (page.status, page.headers["location"]) == (303, f"/console/sign-in?to={path}"), path


def test_signing_in_redirects_to_the_requested_page(owner: Visitor, tenant: Tenant, service: Service) -> None:
    asked = f"/console/apps/{tenant.app_id}"
    age(service, owner, "last_seen", 30 * 60)
    form = owner.follow(owner.get(asked))
    assert "Your session has ended." in form.text
    second = owner.submit(form, "/sign-in", key_id=service.account.id, secret="wrong")
    assert second.status == 401
    signed_in = owner.submit(second, "/sign-in", key_id=service.account.id, secret=service.account.secret)
    assert signed_in.headers["location"] == asked
    assert owner.get(f"/console/sign-in?to={asked}").headers["location"] == asked


@pytest.mark.parametrize(
    "to",
    ["//other.example", "https://other.example/console/apps", "/console//other.example", "/console/../x", "/v2/apps"],
)
def test_signing_in_redirects_to_no_other_site(visitor: Visitor, service: Service, to: str) -> None:
    form = visitor.get("/console/sign-in?" + urlencode({"to": to}))
    assert form.form("/sign-in").fields["to"] == "/console"
    key = service.account
    signed_in = visitor.submit(form, "/sign-in", key_id=key.id, secret=key.secret, to=to)
    assert signed_in.headers["location"] == "/console"


def test_the_first_page_is_the_list_of_apps_or_the_keys_app(owner: Visitor, member: Visitor, tenant: Tenant) -> None:
    assert owner.get("/console").headers["location"] == "/console/apps"
    assert member.get("/console").headers["location"] == f"/console/apps/{tenant.app_id}"
    assert owner.get("/console/sign-in").headers["location"] == "/console"


def test_the_sessions_cookie_is_hidden_from_scripts_and_other_sites(visitor: Visitor, service: Service) -> None:
    (cookie,) = [line for line in visitor.sign_in(service.account).set_cookies if "keys_session" in line]
    name_and_value, *flags = cookie.split("; ")
    assert {flag.lower() for flag in flags} == {"httponly", "path=/console", "samesite=strict"}
    assert len(name_and_value.partition("=")[2]) == 43  # 256 bits


def test_over_tls_cookies_are_secure(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path), server.Connections(*certificate)) as url:
        visitor = Visitor(url, certificate[0])
        page = visitor.sign_in(account)
        assert page.status == 303
        (name,) = visitor.cookies
        assert name.startswith("__Secure-sunshine_keys_session_")
        assert all("; Secure" in line for line in page.set_cookies)
        assert page.headers["strict-transport-security"]
        assert visitor.get("/console/apps").status == 200


def test_the_store_does_not_contain_the_sessions_token(owner: Visitor, service: Service) -> None:
    token = owner.cookie(SESSION)
    written = b"".join(path.read_bytes() for path in service.data.glob(f"{STORE_FILE}*"))
    assert token.encode() not in written


def test_every_sign_in_opens_a_new_session(service: Service) -> None:
    first, second = (Visitor(service.url).signed_in(service.account) for _ in range(2))
    assert first.cookie(SESSION) != second.cookie(SESSION)


def test_an_integration_key_cannot_sign_in(visitor: Visitor, tenant: Tenant, service: Service) -> None:
    page = visitor.sign_in(tenant.key)
    assert page.status == 403
    assert "The key of an integration cannot manage anything, so it cannot sign in here" in page.text
    assert not visitor.cookie(SESSION)
    assert (
        entries_of(Settings(service.data), "request", lambda entry: entry.actor == tenant.key.id)[0].outcome
        == "forbidden"
    )


def test_a_wrong_secret_is_refused_and_never_repeated(visitor: Visitor, tenant: Tenant, service: Service) -> None:
    page = visitor.sign_in(Key(tenant.app_key.id, "not-the-secret"))
    assert page.status == 401
    assert "Key id or secret is wrong, or the key has been deleted." in page.text
    assert "not-the-secret" not in page.html
    assert "www-authenticate" not in page.headers  # with it, a browser would prompt for a password
    refused = entries_of(Settings(service.data), "request", lambda entry: entry.resource == f"keys/{tenant.app_key.id}")
    assert [(entry.actor, entry.outcome) for entry in refused] == [("stranger", "unauthorized")]


def test_an_entry_that_is_not_a_key_id_is_not_repeated(visitor: Visitor) -> None:
    page = visitor.submit(visitor.get("/console/sign-in"), "/sign-in", key_id="perhaps-the-secret", secret="x")
    assert page.status == 401 and "perhaps-the-secret" not in page.html


def test_an_empty_field_is_reported_beside_it(visitor: Visitor) -> None:
    page = visitor.submit(visitor.get("/console/sign-in"), "/sign-in")
    assert page.status == 422
    assert page.of("key_id-fault") == "The id is empty. Enter the key's id."
    assert page.of("secret-fault") == "The secret is empty. Enter the key's secret."
    assert 'aria-describedby="secret-fault "' in page.html


def test_failed_sign_ins_share_the_limit_of_the_api(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    limits = RateLimits(failures=Rate(2, "hour", 2))
    with server.running(Settings(tmp_path, rate_limits=limits)) as url:
        visitor, wrong = Visitor(url), Key(account.id, "wrong")
        assert visitor.sign_in(wrong).status == 401
        assert Wire(url).get("/v2/apps", wrong).status == 401
        page = visitor.sign_in(wrong)
        assert page.status == 429 and "Too many failed authentications. Try again in" in page.text
        assert page.headers["retry-after"].isdigit()
        assert visitor.sign_in(account).status == 303  # the right secret still works


def test_pages_count_against_the_limits_of_address_and_key(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path, rate_limits=RateLimits(key=Rate(2, "hour", 2)))) as url:
        visitor = Visitor(url).signed_in(account)
        assert [visitor.get("/console/apps").status for _ in range(2)] == [200, 429]
    with server.running(Settings(tmp_path, rate_limits=RateLimits(source=Rate(1, "hour", 1)))) as url:
        page = [Visitor(url).get("/console/sign-in") for _ in range(2)][1]
        assert page.status == 429 and "Too many requests from this address" in page.text


def test_signing_out_ends_the_session_in_the_store(owner: Visitor) -> None:
    stolen = Visitor(owner.url, cookies=dict(owner.cookies))
    page = owner.submit(owner.get("/console/apps"), "/sign-out")
    assert page.headers["location"] == "/console/sign-in?out"
    assert not owner.cookie(SESSION)
    assert "You have signed out." in owner.follow(page).text
    assert stolen.get("/console/apps").headers["location"].startswith("/console/sign-in?ended")
    assert not stolen.cookie(SESSION)


def age(service: Service, visitor: Visitor, column: str, seconds: int) -> None:
    """Make the visitor's session older."""
    session_id = hashlib.sha256(visitor.cookie(SESSION).encode()).digest()
    with contextlib.closing(sqlite3.connect(service.data / STORE_FILE)) as store, store:
        change = f"UPDATE console_sessions SET {column} = {column} - ? WHERE id = ?"
        assert store.execute(change, (seconds, session_id)).rowcount == 1


@pytest.mark.parametrize(
    ("column", "seconds", "continues"),
    [
        ("last_seen", 29 * 60, True),
        ("last_seen", 30 * 60, False),
        ("created", 12 * 60 * 60 - 60, True),
        ("created", 12 * 60 * 60, False),
    ],
)
def test_a_session_ends_after_half_an_hour_idle_or_twelve_hours(
    owner: Visitor, service: Service, column: str, seconds: int, continues: bool
) -> None:
    age(service, owner, column, seconds)
    assert owner.get("/console/apps").status == (200 if continues else 303)


def test_requests_extend_a_session(owner: Visitor, service: Service) -> None:
    for _ in range(3):
        age(service, owner, "last_seen", 20 * 60)
        assert owner.get("/console/apps").status == 200


def test_signing_in_and_out_are_in_the_audit_trail(member: Visitor, tenant: Tenant, service: Service) -> None:
    member.submit(member.get(f"/console/apps/{tenant.app_id}"), "/sign-out")
    for action in ("console.sign_in", "console.sign_out"):
        (entry,) = entries_of(Settings(service.data), action, lambda entry: entry.actor == tenant.app_key.id)
        assert (entry.resource, entry.outcome) == (f"apps/{tenant.app_id}/keys/{tenant.app_key.id}", "done")


def test_a_session_is_valid_in_all_processes_until_its_key_is_deleted(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    behind_one_proxy = ("--public-url", "http://keys.example")
    with Server(place, *behind_one_proxy) as first, Server(place, *behind_one_proxy) as second:
        tenant = make_tenant(first.wire, account)
        here = Visitor(first.wire.url).signed_in(tenant.app_key)
        there = Visitor(second.wire.url, cookies=here.cookies)
        app = f"/console/apps/{tenant.app_id}"
        assert there.get(app).status == 200

        other = Visitor(first.wire.url).signed_in(account)
        there_too = Visitor(second.wire.url, cookies=dict(other.cookies))
        other.submit(other.get("/console/apps"), "/sign-out")
        assert there_too.get("/console/apps").status == 303

        stolen = dict(here.cookies)
        assert first.wire.delete(f"{tenant.app}/keys/{tenant.app_key.id}", account).status == 200
        for url in (first.wire.url, second.wire.url):
            page = Visitor(url, cookies=dict(stolen)).get(app)
            assert (page.status, page.headers["location"]) == (303, f"/console/sign-in?ended&to={app}")
            assert Visitor(url).sign_in(tenant.app_key).status == 401


def test_a_session_without_its_key_has_ended_even_if_its_row_remains(
    member: Visitor, tenant: Tenant, service: Service
) -> None:
    with contextlib.closing(sqlite3.connect(service.data / STORE_FILE)) as store, store:  # foreign keys are off
        store.execute("DELETE FROM keys WHERE id = ?", (tenant.app_key.id,))
        (left,) = store.execute(
            "SELECT count(*) FROM console_sessions WHERE key_id = ?", (tenant.app_key.id,)
        ).fetchone()
    assert left == 1
    assert member.get(f"/console/apps/{tenant.app_id}").headers["location"].startswith("/console/sign-in?ended")


def test_a_session_survives_a_restart(tmp_path: Path) -> None:
    connections = server.Connections(public_url="http://keys.example")  # the port is another one each time
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path), connections) as url:
        visitor = Visitor(url).signed_in(account)
    with server.running(Settings(tmp_path), connections) as url:
        assert Visitor(url, cookies=visitor.cookies).get("/console/apps").status == 200


def test_the_console_can_be_turned_off_in_every_process(tmp_path: Path) -> None:
    first_run(tmp_path)
    for options, environment in ((("--no-console",), {}), (("--workers", "2"), {"SUNSHINE_KEYS_CONSOLE": "off"})):
        with Server(tmp_path, *options, **environment) as running:
            for path in ("/console", "/console/sign-in", "/console/static/console.css"):
                answer = running.wire.get(path)
                assert answer.status == 404 and answer.errors


def test_the_console_is_imported_at_its_first_request(tmp_path: Path) -> None:
    first_run(tmp_path)
    with Server(tmp_path, patch="pass") as running:  # a process that is forked has libraries of its parent
        assert running.wire.get("/healthz").status == 200
        assert not _imported(running)
        assert running.wire.get("/console/sign-in").status == 200
        assert _imported(running)


def _imported(running: Server) -> bool:
    """Return True if the server has loaded MarkupSafe's compiled module, which Jinja imports. From outside, only libraries are visible."""
    return bool(re.search(r"markupsafe/_speedups", Path(f"/proc/{running.process.pid}/maps").read_text()))
