"""The operations on switchboards and their entries."""

from __future__ import annotations

from typing import Any

import pytest
from support.messaging import create_integration, create_switchboard
from support.wire import Answer, Tenant, Wire

from sunshine_keys.ids import new_object_id

NEEDS_DEFAULT = ("bad_request", "Enabled switchboard must have an associated default switchboardIntegration")
NO_ENTRY = ("switchboard_integration_not_found", "SwitchboardIntegration not found")


@pytest.fixture
def boards(tenant: Tenant) -> str:
    return f"{tenant.app}/switchboards"


@pytest.fixture
def board(wire: Wire, tenant: Tenant, boards: str) -> str:
    """The path of an empty switchboard."""
    return f"{boards}/{wire.post(boards, tenant.app_key).json['switchboard']['id']}"


@pytest.fixture
def entries(board: str) -> str:
    return f"{board}/switchboardIntegrations"


def add(wire: Wire, tenant: Tenant, entries: str, name: str, type: str = "", **fields: Any) -> dict[str, Any]:
    """Add an entry of a built-in type, or of a new custom integration."""
    named = {"integrationType": type} if type else {"integrationId": create_integration(wire, tenant, ["user:merge"])}
    answer = wire.post(entries, tenant.app_key, {"name": name} | named | fields)
    assert answer.status == 201, answer
    entry: dict[str, Any] = answer.json["switchboardIntegration"]
    return entry


def test_the_life_of_a_switchboard(wire: Wire, tenant: Tenant, boards: str) -> None:
    auth = tenant.app_key
    assert wire.get(boards, auth).json == {"switchboards": []}
    created = wire.post(boards, auth)
    assert created.status == 201
    switchboard = created.json["switchboard"]
    assert switchboard == {"id": switchboard["id"], "enabled": False}
    assert wire.post(boards, auth).errors == [("bad_request", "Only one switchboard can be created per app")]
    assert wire.get(boards, tenant.account).json == {"switchboards": [switchboard]}

    path = f"{boards}/{switchboard['id']}"
    assert wire.patch(path, auth, {}).json == {"switchboard": switchboard}
    assert wire.patch(path, auth, {"enabled": True}).errors == [NEEDS_DEFAULT]
    unknown = {"enabled": True, "defaultSwitchboardIntegrationId": new_object_id()}
    assert wire.patch(path, auth, unknown).errors == [NO_ENTRY]
    entry = add(wire, tenant, f"{path}/switchboardIntegrations", "bot")
    enabled = {"enabled": True, "defaultSwitchboardIntegrationId": entry["id"]}
    assert wire.patch(path, auth, enabled).json == {"switchboard": switchboard | enabled}
    assert wire.patch(path, auth, {"defaultSwitchboardIntegrationId": None}).errors == [NEEDS_DEFAULT]
    assert wire.get(boards, auth).json == {"switchboards": [switchboard | enabled]}
    assert wire.patch(path, auth, {"enabled": False}).status == 200
    assert wire.patch(path, auth, {"defaultSwitchboardIntegrationId": None}).json == {"switchboard": switchboard}

    assert wire.delete(path, auth).json == {}
    for method, name in (("DELETE", path), ("PATCH", path), ("GET", f"{path}/switchboardIntegrations")):
        answer = wire.send(method, name, auth, body={} if method == "PATCH" else None)
        assert answer.errors == [("switchboard_not_found", "Switchboard not found")]
    assert wire.post(boards, auth).status == 201


def test_the_life_of_an_entry(wire: Wire, tenant: Tenant, entries: str) -> None:
    auth = tenant.app_key
    bot = {"name": "bot", "integrationId": tenant.integration_id}
    created = wire.post(entries, auth, bot)
    assert created.status == 201
    entry = created.json["switchboardIntegration"]
    assert entry == bot | {"id": entry["id"], "integrationType": "custom", "deliverStandbyEvents": True}
    agents = add(wire, tenant, entries, "agents", "zd:agentWorkspace", deliverStandbyEvents=False)
    assert agents["integrationType"] == "zd:agentWorkspace"
    assert wire.get(entries, auth).json == {"switchboardIntegrations": [entry, agents]}

    path = f"{entries}/{entry['id']}"
    changes = {"nextSwitchboardIntegrationId": agents["id"], "messageHistoryCount": 5, "deliverStandbyEvents": False}
    assert wire.patch(path, auth, changes).json == {"switchboardIntegration": entry | changes}
    cleared = {"nextSwitchboardIntegrationId": None, "messageHistoryCount": None, "name": "robot"}
    renamed = entry | {"name": "robot", "deliverStandbyEvents": False}
    assert wire.patch(path, auth, cleared).json == {"switchboardIntegration": renamed}
    moved = wire.patch(path, auth, {"integrationType": "zd:answerBot"}).json["switchboardIntegration"]
    assert moved == renamed | {"integrationId": moved["integrationId"], "integrationType": "zd:answerBot"}
    assert moved["integrationId"] not in (tenant.integration_id, agents["integrationId"])
    assert wire.patch(path, auth, {"integrationId": tenant.integration_id}).json["switchboardIntegration"] == renamed

    assert wire.delete(path, auth).json == {}
    assert wire.delete(path, auth).errors == [NO_ENTRY]
    assert wire.patch(path, auth, {}).errors == [NO_ENTRY]
    assert wire.get(entries, auth).json == {"switchboardIntegrations": [agents]}


def test_built_in_integrations_are_always_the_same(wire: Wire, tenant: Tenant, other: Tenant, entries: str) -> None:
    first = add(wire, tenant, entries, "agents", "zd:agentWorkspace")
    assert wire.delete(f"{entries}/{first['id']}", tenant.app_key).status == 200
    second = add(wire, tenant, entries, "people", "zd:agentWorkspace")
    assert (second["integrationId"], second["id"] == first["id"]) == (first["integrationId"], False)
    foreign = wire.post(f"{other.app}/switchboards", other.app_key).json["switchboard"]["id"]
    path = f"{other.app}/switchboards/{foreign}/switchboardIntegrations"
    assert add(wire, other, path, "agents", "zd:agentWorkspace")["integrationId"] != first["integrationId"]


def test_switchboard_has_ten_entries_at_most(wire: Wire, tenant: Tenant, entries: str) -> None:
    for number in range(10):
        add(wire, tenant, entries, f"bot{number}")
    answer = wire.post(entries, tenant.app_key, {"name": "agents", "integrationType": "zd:agentWorkspace"})
    assert (answer.status, answer.errors) == (
        400,
        [("too_many_switchboard_integrations", "Switchboard has reached the max number of switchboard integrations (10)")],
    )  # fmt: skip
    assert len(wire.get(entries, tenant.app_key).json["switchboardIntegrations"]) == 10


def refused(answer: Answer) -> tuple[int, list[str]]:
    return answer.status, [title for _, title in answer.errors]


def test_invalid_entry_is_refused(wire: Wire, tenant: Tenant, other: Tenant, entries: str) -> None:
    add(wire, tenant, entries, "agents", "zd:agentWorkspace")
    first = add(wire, tenant, entries, "bot")
    custom = create_integration(wire, tenant, ["user:merge"])
    one_of = "body should have exactly one of integrationId and integrationType"
    before = wire.get(entries, tenant.app_key).json
    for body, status, title in (
        ({"integrationId": custom}, 400, "should have required property 'name'"),
        ({"name": "x"}, 400, one_of),
        ({"name": "x", "integrationId": custom, "integrationType": "zd:answerBot"}, 400, one_of),
        ({"name": "x", "integrationId": tenant.web_id}, 400, "integrationId should be an integration of type custom"),
        ({"name": "x", "integrationId": new_object_id()}, 404, "Integration not found"),
        ({"name": "x", "integrationId": other.integration_id}, 404, "Integration not found"),
        ({"name": "x", "integrationType": "nobody"}, 404, "Integration not found"),
        ({"name": "bot", "integrationId": custom}, 400, "name is that of another switchboardIntegration"),
        ({"name": "next", "integrationId": custom}, 400, "name should NOT be next: it means the next switchboardIntegration"),
        ({"name": "", "integrationId": custom}, 400, "name should NOT be shorter than 1 characters"),
        ({"name": "x" * 129, "integrationId": custom}, 400, "name should NOT be longer than 128 characters"),
        ({"name": "x", "integrationId": first["integrationId"]}, 400, "The integration is linked to another switchboardIntegration"),
        ({"name": "x", "integrationType": "zd:agentWorkspace"}, 400, "The integration is linked to another switchboardIntegration"),
        ({"name": "x", "integrationId": custom, "nextSwitchboardIntegrationId": new_object_id()}, 404, "SwitchboardIntegration not found"),
        ({"name": "x", "integrationId": custom, "messageHistoryCount": 11}, 400, "messageHistoryCount should be >= 1 and <= 10"),
    ):  # fmt: skip
        assert refused(wire.post(entries, tenant.app_key, body)) == (status, [title])
    path = f"{entries}/{first['id']}"
    for body, status, title in (
        ({"name": "agents"}, 400, "name is that of another switchboardIntegration"),
        ({"nextSwitchboardIntegrationId": first["id"]}, 400, "nextSwitchboardIntegrationId should be another switchboardIntegration"),
        ({"integrationType": "zd:agentWorkspace"}, 400, "The integration is linked to another switchboardIntegration"),
        ({"integrationId": custom, "integrationType": "zd:answerBot"}, 400, "body should NOT have both integrationId and integrationType"),
        ({"integrationId": new_object_id()}, 404, "Integration not found"),
    ):  # fmt: skip
        assert refused(wire.patch(path, tenant.app_key, body)) == (status, [title])
    assert wire.get(entries, tenant.app_key).json == before


def test_entry_that_is_needed_cannot_be_deleted(wire: Wire, tenant: Tenant) -> None:
    bot, human, free = create_switchboard(wire, tenant)
    (switchboard,) = wire.get(f"{tenant.app}/switchboards", tenant.app_key).json["switchboards"]
    entries = f"{tenant.app}/switchboards/{switchboard['id']}/switchboardIntegrations"
    assert wire.delete(f"{entries}/{bot['id']}", tenant.app_key).errors == [NEEDS_DEFAULT]
    assert refused(wire.delete(f"{entries}/{human['id']}", tenant.app_key)) == (
        400, ["SwitchboardIntegration is referenced by another switchboardIntegration"],
    )  # fmt: skip
    assert wire.delete(f"{entries}/{free['id']}", tenant.app_key).json == {}
    assert wire.get(entries, tenant.app_key).json == {"switchboardIntegrations": [bot, human]}


def test_key_of_an_integration_has_no_switchboards(wire: Wire, tenant: Tenant, board: str, entries: str) -> None:
    for method, path in (("GET", f"{tenant.app}/switchboards"), ("PATCH", board), ("GET", entries)):
        answer = wire.send(method, path, tenant.key, body={} if method == "PATCH" else None)
        assert (answer.status, answer.errors) == (403, [("forbidden", "Forbidden")])
