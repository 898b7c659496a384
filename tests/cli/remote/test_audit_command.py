"""`audit` over the network, and the operations behind it and behind the last use in `keys list`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.commands import run
from support.waiting import wait_until
from support.wire import Key, Service, Tenant, Wire


def environment(service: Service, key: Key) -> dict[str, str]:
    return {
        "SUNSHINE_CONVERSATIONS_HOST": service.url,
        "SUNSHINE_CONVERSATIONS_KEY_ID": key.id,
        "SUNSHINE_CONVERSATIONS_SECRET": key.secret,
    }


def entries(service: Service, key: Key, *options: str) -> list[dict[str, Any]]:
    result = run("audit", "--remote", "--json", *options, **environment(service, key))
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_account_key_reads_the_whole_trail_and_an_app_key_its_apps_entries(
    service: Service, tenant: Tenant, other: Tenant
) -> None:
    whole = [entry["resource"] for entry in entries(service, tenant.account)]
    own = [entry["resource"] for entry in entries(service, tenant.app_key)]
    assert f"apps/{tenant.app_id}" in own
    assert {f"apps/{tenant.app_id}", f"apps/{other.app_id}"} <= set(whole)
    assert not [resource for resource in own if other.app_id in resource]
    assert own == [entry["resource"] for entry in entries(service, tenant.account, "--app", tenant.app_id)]
    newest = entries(service, tenant.app_key, "--limit", "1", "--action", "key.create")
    assert [entry["action"] for entry in newest] == ["key.create"]


def test_pages_hold_every_entry_once(wire: Wire, tenant: Tenant) -> None:
    path = "/sunshine/v1/audit"
    whole = wire.get(f"{path}?limit=1000", tenant.account).json["entries"]
    paged: list[int] = []
    query = "?limit=3"
    while len(paged) < len(whole):
        page = wire.get(path + query, tenant.account).json
        paged += [entry["sequence"] for entry in page["entries"]]
        if "next" not in page:
            break
        query = f"?limit=3&before={page['next']}"
    assert paged[: len(whole)] == [entry["sequence"] for entry in whole]


def test_invalid_pages_and_other_apps_are_refused(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    path = f"/sunshine/v1/apps/{tenant.app_id}/audit"
    for query in ("limit=0", "limit=1001", "limit=x", "before=0", "before=-1"):
        assert wire.get(f"{path}?{query}", tenant.app_key).status == 400
    assert wire.get("/sunshine/v1/audit", tenant.app_key).status == 403
    assert wire.get(path, other.app_key).status == 403
    assert wire.get(path, tenant.key).status == 403
    assert wire.get(f"/sunshine/v1/apps/{'0' * 24}/audit", tenant.account).status == 404


def test_a_service_and_a_store_together_are_refused(service: Service, tenant: Tenant) -> None:
    result = run("audit", "--remote", "--data", "x", **environment(service, tenant.account))
    assert result.returncode == 2
    assert "--data" in result.stderr


@pytest.mark.parametrize("scope", ["app", "integration"])
def test_list_of_keys_shows_the_last_use(wire: Wire, service: Service, tenant: Tenant, scope: str) -> None:
    key, below, options = tenant.app_key, "", []
    if scope == "integration":
        key, below = tenant.key, f"/integrations/{tenant.integration_id}"
        options = ["--integration", tenant.integration_id]
    path = f"/sunshine/v1/apps/{tenant.app_id}{below}/keyUses"
    wire.get(tenant.webhooks, key)
    wait_until(lambda: bool(wire.get(path, tenant.account).json["keyUses"]))
    (use,) = wire.get(path, tenant.account).json["keyUses"]
    assert (use["id"], use["lastSource"]) == (key.id, "127.0.0.1")
    assert use["requests"] >= 1
    command = ("keys", "list", "--app", tenant.app_id, *options)
    listed = run(*command, "--json", **environment(service, tenant.account))
    assert listed.stderr == ""
    (shown,) = [item for item in json.loads(listed.stdout) if item["id"] == key.id]
    assert shown["lastUsedAt"] >= use["lastUsedAt"]
    assert (shown["lastSource"], "secret" in shown) == ("127.0.0.1", False)
    assert "127.0.0.1" in run(*command, **environment(service, tenant.account)).stdout
