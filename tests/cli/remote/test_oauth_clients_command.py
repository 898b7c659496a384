"""`oauth-clients`: create, list, show, update and delete the clients of partners, and list an app's connections."""

from __future__ import annotations

from support.oauth import Partner
from support.remote import Commands
from support.wire import Wire

CALLBACK = "https://partner.example/callback"


def test_the_life_of_a_client(commands: Commands) -> None:
    account = commands.by(commands.server.account_key)
    created = commands.json(
        "oauth-clients",
        "create",
        "Acme",
        "--redirect-uri",
        CALLBACK,
        "--redirect-uri",
        "http://127.0.0.1:1/",
        **account,
    )
    secret = created.pop("secret")
    assert created["redirectUris"] == [CALLBACK, "http://127.0.0.1:1/"]
    assert commands.json("oauth-clients", "list", **account) == [created]
    listed = commands.ok("oauth-clients", "list", **account)
    assert created["id"] in listed and f"{CALLBACK}, http://127.0.0.1:1/" in listed
    assert secret not in listed + commands.ok("oauth-clients", "show", created["id"], **account)

    renamed = commands.json("oauth-clients", "update", created["id"], "--name", "Acme 2", **account)
    assert renamed == created | {"displayName": "Acme 2"}
    moved = commands.json("oauth-clients", "update", created["id"], "--redirect-uri", CALLBACK, **account)
    assert (
        moved
        == renamed | {"redirectUris": [CALLBACK]}
        == commands.json("oauth-clients", "show", created["id"], **account)
    )

    refused = commands("oauth-clients", "delete", created["id"], **account)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert commands.json("oauth-clients", "list", **account) == [moved]
    assert "Deleted OAuth client" in commands.ok("oauth-clients", "delete", created["id"], "--yes", **account)
    assert commands.json("oauth-clients", "list", **account) == []


def test_secret_is_shown_once(commands: Commands) -> None:
    account = commands.by(commands.server.account_key)
    shown = commands.ok("oauth-clients", "create", "Acme", "--redirect-uri", CALLBACK, **account)
    assert "Its secret, which is not shown again: " in shown
    secret = commands.ok("oauth-clients", "create", "Acme", "--redirect-uri", CALLBACK, "--quiet", **account).strip()
    assert len(secret) == 86


def test_connections_of_an_app_are_listed(commands: Commands) -> None:
    account = commands.by(commands.server.account_key)
    decision = ("--decision", "allow", "--app", commands.server.app_id)
    created = commands.json("oauth-clients", "create", "Acme", "--redirect-uri", CALLBACK, *decision, **account)
    assert (created["decision"], created["appId"]) == ("allow", commands.server.app_id)
    assert commands.json("oauth-clients", "connections") == []
    Partner(Wire(commands.server.url), created["id"], created["secret"]).token()
    (connection,) = commands.json("oauth-clients", "connections")
    assert (connection["clientId"], connection["displayName"], connection["tokens"]) == (created["id"], "Acme", 1)
    assert connection["integrationId"] in commands.ok("oauth-clients", "connections")
    commands.ok("integrations", "delete", connection["integrationId"], "--yes")
    assert commands.json("oauth-clients", "connections") == []


def test_wrong_use_is_explained(commands: Commands) -> None:
    account = commands.by(commands.server.account_key)
    for arguments, text in (
        (("create", "Acme"), "--redirect-uri"),
        (("create", "Acme", "--redirect-uri", "nowhere"), "redirectUris[0] should"),
        (("create", "Acme", "--redirect-uri", CALLBACK, "--decision", "allow"), "appId"),
        (("update", "0" * 24), "--name"),
        (("show", "0" * 24), "not found"),
        (("delete", "0" * 24, "--yes"), "not found"),
    ):
        result = commands("oauth-clients", *arguments, **account)
        assert result.returncode != 0
        assert text in result.stderr, result.stderr
    forbidden = commands("oauth-clients", "list")
    assert (forbidden.returncode, "account" in forbidden.stderr) == (4, True), forbidden.stderr
