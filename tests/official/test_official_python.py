"""The official Python client 17.0.1 calls every operation, with the arguments of the published examples."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import messaging, rotations
from support.examples import API, Example, examples
from support.oauth import new_partner, partner_of
from support.wire import WEBHOOK, Key, Service, Tenant, Wire

from sunshine_keys.compose import OPERATIONS
from sunshine_keys.keys.model import moment_text

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv/official-python/bin/python"
METHODS: dict[str, Any] = json.loads((ROOT / "tests/client/official/17.0.1.json").read_text())["methods"]
API_CLASSES = {method: name for name, methods in METHODS.items() for method in methods}
SERVED = [API.operations[operation.id] for operation in OPERATIONS if operation.id in API.operations]
MISSING = {"ListUsers"}
"""The operations that the client does not have: they are newer than it."""

PARTNERS = {"Authorize", "GetToken", "RevokeAccess"}
"""The operations that partners call, which take no published example: test_partner_connects_itself calls them."""

EXAMPLES = [
    example
    for operation in SERVED
    if operation.id not in {*MISSING, *PARTNERS}
    for example in examples(operation)
    if example.status == operation.status
]

OPTIONS: dict[str, dict[str, Any]] = {
    "list_conversations": {"filter": {"userId": "{userId}"}},
}
"""The arguments beyond the path and the body."""

AMBIGUOUS = {
    "UpdateIntegration": "CustomUpdate",
    "LeaveConversation": "ParticipantLeaveBodyUserId",
    "PostConversionEvents": "InstagramConversionEventsBody",
}
"""The operations whose bodies are unions of which the client's `from_dict` refuses every instance, since the models of several
kinds accept it. A program names the model of the kind, which is the value here."""


class Official:
    """The official client in a process of its own."""

    def __init__(self, url: str, key: Key) -> None:
        command = [PYTHON, Path(__file__).parent / "python/drive.py", url, key.id, key.secret]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, method: str, arguments: list[Any], options: dict[str, Any], kind: str | None = None) -> Any:
        assert self._process.stdin and self._process.stdout
        call = {"api": API_CLASSES[method], "method": method, "arguments": arguments, "options": options, "kind": kind}
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def official(service: Service) -> Iterator[Official]:
    assert PYTHON.exists(), "the official client is not installed: run make install"
    client = Official(service.url, service.account)
    yield client
    client.close()


def of_the_tenant(value: Any, ids: dict[str, str]) -> Any:
    """Return a published body with the tenant's ids in the place of its own."""
    if isinstance(value, list):
        return [of_the_tenant(part, ids) for part in value]
    if isinstance(value, dict):
        return {name: ids[name] if name in ids else of_the_tenant(part, ids) for name, part in value.items()}
    return value


def differences(model: Any, raw: Any, path: str = "") -> Iterator[str]:
    """Yield what the client's model has in another way than the answer. What only the model has is a default of the client."""
    if isinstance(model, dict) and isinstance(raw, dict):
        for name, value in model.items():
            if name in raw:
                yield from differences(value, raw[name], f"{path}.{name}")
    elif isinstance(model, list) and isinstance(raw, list) and len(model) == len(raw):
        for number, (value, part) in enumerate(zip(model, raw, strict=True)):
            yield from differences(value, part, f"{path}[{number}]")
    elif model != raw:
        yield f"{path}: {model!r} is not {raw!r}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.operation.id}-{example.name}")
def test_published_example_is_accepted(
    wire: Wire, service: Service, tenant: Tenant, official: Official, tmp_path: Path, example: Example
) -> None:
    operation = example.operation
    ids = messaging.placeholders(wire, service, tenant) | {
        "appId": tenant.app_id,
        "integrationId": tenant.integration_id,
        "keyId": (tenant.key if "Integration" in operation.id else tenant.app_key).id,
        "webhookId": wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["id"],
    }
    arguments: list[Any] = [ids[parameter.name] for parameter in operation.path_parameters]
    if operation.id == "UploadAttachment":
        file = tmp_path / "notes.txt"
        file.write_text("Hello!")
        arguments += ["public", str(file)]
    if example.body is not None:
        named = {name: ids[name] for name in ("userId", "conversationId")}
        if operation.id == "JoinConversation":
            named["userId"] = ids["otherUserId"]
        if "Switchboard" in operation.id:
            named |= dict.fromkeys(
                ("defaultSwitchboardIntegrationId", "nextSwitchboardIntegrationId"), ids["botEntryId"]
            )
        if operation.id == "CreateSwitchboardIntegration":
            named["name"] = "answers"  # the name in the example is that of an entry of the tenant
        if operation.id == "DeleteAttachment":
            named["mediaUrl"] = ids["mediaUrl"]
        if operation.id == "CreateClient":
            integration = {"type": example.body["matchCriteria"]["type"]}
            created = wire.post(f"{tenant.app}/integrations", tenant.app_key, integration)
            named["integrationId"] = created.json["integration"]["id"]
        arguments.append(of_the_tenant(example.body, named))
    if operation.id == "CreateSwitchboard":  # an app has one at most
        assert wire.delete(f"{tenant.app}/switchboards/{ids['switchboardId']}", tenant.app_key).status == 200
    options = messaging.filled(OPTIONS.get(operation.name, {}), ids)
    kind = AMBIGUOUS.get(operation.id)
    if kind:
        refused = official.call(operation.name, arguments, options)
        assert refused["error"].startswith("ValueError: Multiple matches found")
    if operation.id == "GetTokenInfo":  # the client sends no credentials of its own with this one
        options = {"_headers": {"Authorization": tenant.app_key.bearer()}}
    outcome = official.call(operation.name, arguments, options, kind)
    assert outcome.get("status") == example.status, outcome
    assert list(differences(outcome["model"], outcome["raw"])) == []


def test_partner_connects_itself(wire: Wire, tenant: Tenant, official: Official) -> None:
    partner = partner_of(wire, tenant)
    exchanged = official.call("get_token", [partner.body(partner.code())], {})
    assert exchanged.get("status") == 200, exchanged
    assert exchanged["model"] == exchanged["raw"]
    token = exchanged["raw"]["access_token"]
    with contextlib.closing(Official(wire.url, Key("", token))) as connected:
        bearer = {"_headers": {"Authorization": f"Bearer {token}"}}  # the client sends no credentials with this one
        assert connected.call("get_token_info", [], bearer)["raw"]["app"]["id"] == tenant.app_id
        webhook = connected.call("create_webhook", [tenant.app_id, "me", WEBHOOK], {})
        assert webhook.get("status") == 201, webhook
        unknown = connected.call("get_token", [partner.body("unknown")], {})
        assert unknown["error"].startswith("BadRequestException"), unknown
        revoked = connected.call("revoke_access", [], {})
        assert (revoked["status"], revoked["raw"]) == (200, {})
        gone = connected.call("get_token_info", [], bearer)
        assert gone["error"].startswith("UnauthorizedException"), gone


def test_authorize_follows_the_redirect_to_the_consent_page(wire: Wire, tenant: Tenant, official: Official) -> None:
    partner = new_partner(wire, tenant.account)
    outcome = official.call("authorize", [partner.id, "code"], {})
    assert outcome["status"] == 200, outcome
    assert "A partner asks for access" in outcome["raw"]


def test_every_served_operation_is_called() -> None:
    assert {example.operation.id for example in EXAMPLES} == {operation.id for operation in SERVED} - MISSING - PARTNERS
    assert {operation.id for operation in SERVED if operation.name not in API_CLASSES} == MISSING


def test_keys_that_end_look_like_others(wire: Wire, tenant: Tenant, official: Official) -> None:
    rotations.begin(wire, tenant)
    ended = wire.post(
        tenant.keys, tenant.app_key, {"displayName": "x", "expiresAt": moment_text(time.time() + 0.5)}
    ).json["key"]
    while wire.get(tenant.webhooks, Key.of(ended)).status == 200:
        time.sleep(0.05)
    owner = [tenant.app_id, tenant.integration_id]
    for method, arguments, name in (
        ("list_custom_integration_keys", owner, "keys"),
        ("get_custom_integration_key", [*owner, ended["id"]], "key"),
        ("list_app_keys", [tenant.app_id], "keys"),
    ):
        outcome = official.call(method, arguments, {})
        assert outcome.get("status") == 200, outcome
        raw, model = (
            items if isinstance(items, list) else [items] for items in (outcome["raw"][name], outcome["model"][name])
        )
        assert any("expiresAt" in item for item in raw)
        assert model == [{key: item[key] for key in ("id", "displayName", "secret")} for item in raw]
    assert official.call("delete_custom_integration_key", [*owner, ended["id"]], {}).get("status") == 200
