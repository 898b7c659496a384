"""The description of the API at /openapi.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from support import messaging, oauth, rotations
from support.wire import WEBHOOK, Answer, Key, Service, Tenant, Wire, first_run, make_tenant

from sunshine_keys import errors, server
from sunshine_keys.compose import OPERATIONS
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import RateLimits
from sunshine_keys.wire.operation import Operation

FILE_PATH = "/attachments/v2/{attachmentId}/{name}"


@pytest.fixture(scope="module")
def document(wire: Wire) -> Any:
    answer = wire.get("/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    return answer.json


def test_it_needs_no_credentials_and_only_get(wire: Wire) -> None:
    assert wire.send("HEAD", "/openapi.json").status == 200
    refused = wire.post("/openapi.json")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_it_describes_exactly_the_operations(document: Any) -> None:
    documented = {
        (path, method.upper())
        for path, methods in document["paths"].items()
        for method in methods
        if method != "parameters"
    }
    served = {(operation.path, operation.method) for operation in OPERATIONS}
    assert documented == served | {(path, "GET") for path in ("/healthz", "/readyz", "/openapi.json", FILE_PATH)}
    ids = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "summary" in operation
    ]
    assert len(ids) == len(set(ids)) == len(documented)


def test_its_schemas_are_schemas(document: Any) -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "schema" in value:
                jsonschema_rs.meta.validate(value["schema"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


BODIES: dict[str, Any] = {
    "create_app": {"displayName": "An app", "settings": {"useAnimalNames": True}, "metadata": {"a": 1}},
    "create_app_key": {"displayName": "A key"},
    "create_custom_integration_key": {"displayName": "A key"},
    "create_integration": {"type": "custom", "displayName": "Mine", "webhooks": [WEBHOOK]},
    "create_webhook": WEBHOOK,
    "rotate_app_key": {"graceSeconds": 3600},
    "rotate_integration_key": {"graceSeconds": 3600, "whenQuietSeconds": 600},
    "update_app": {"displayName": "Another name"},
    "update_integration": {"displayName": "Another name", "defaultResponderId": "x", "showAIDisclaimer": True},
    "update_webhook": {"includeFullUser": True},
}
PROVOKED_ELSEWHERE = {423, 429, 503}
"""These need a full conversation, a service with limits and a failing store."""


def closed(schema: Any) -> Any:
    """Return the schema with all additional properties forbidden."""
    if isinstance(schema, dict):
        extra = {"additionalProperties": False} if "properties" in schema else {}
        return {name: closed(inner) for name, inner in schema.items()} | extra
    return [closed(inner) for inner in schema] if isinstance(schema, list) else schema


class Asked:
    """One operation on a tenant's objects. `provoke` makes it answer any of its described statuses."""

    def __init__(
        self, wire: Wire, service: Service, tenant: Tenant, other: Tenant, operation: Operation, ids: dict[str, str]
    ) -> None:
        """`ids` are those of the tenant's `messaging.placeholders`."""
        self.wire, self.service, self.tenant, self.other, self.operation = wire, service, tenant, other, operation
        self.path, self.method = operation.path, operation.method
        self.body = messaging.filled((BODIES | messaging.BODIES | oauth.BODIES).get(operation.name), ids)
        self.other_body = messaging.filled(messaging.OTHER_BODIES.get(operation.name), ids)
        self.query = operation.example_query.replace("$USER_ID", ids.get("userId", ""))
        webhook = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["id"]
        of_app = "integrationId" not in operation.placeholders
        self.ids = {
            "{appId}": tenant.app_id,
            "{integrationId}": tenant.integration_id,
            "{keyId}": tenant.app_key.id if of_app else tenant.key.id,
            "{webhookId}": webhook,
            **{f"{{{name}}}": id for name, id in ids.items()},
        }
        self.owner: Key | str = tenant.account if of_app and operation.name != "get_token_info" else tenant.app_key
        if operation.name == "revoke_access":
            self.owner = f"Bearer {ids['accessToken']}"

    def send(
        self, auth: Key | str | None, *, query: str | None = None, ids: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        target = self.path
        for name, value in (self.ids | (ids or {})).items():
            target = target.replace(name, value)
        if not options.keys() & {"content", "body"} and self.body is not None:
            options["body"] = self.body
        if self.operation.upload_bytes and not options.keys() & {"content", "body"}:
            options["content"] = messaging.FORM
            options["headers"] = messaging.FORM_HEADERS | options.get("headers", {})
        if query := self.query if query is None else query:
            target += f"?{query}"
        return self.wire.send(self.method, target, auth, **options)

    def provoke(self, status: int) -> Answer:
        json, key = {"Content-Type": "application/json"}, {"Idempotency-Key": f"of-{self.tenant.app_id}"}
        match status:
            case 400 if self.body is not None:
                return self.send(self.owner, body=[])
            case 400 if self.operation.name == "delete_conversation":
                user = {"participants": [{"userId": self.ids["{userId}"]}]}
                default = messaging.create_conversation(self.wire, self.tenant, type="personal", **user)
                return self.send(self.owner, ids={"{conversationId}": default["id"]})
            case 400 if self.operation.name == "remove_client":
                member = {"userId": self.ids["{userId}"], "subscribeSDKClient": True}
                group = messaging.create_conversation(self.wire, self.tenant, type="sdkGroup", participants=[member])
                (participant,) = self.wire.get(
                    f"{self.tenant.conversations}/{group['id']}/participants", self.owner
                ).json["participants"]
                return self.send(self.owner, ids={"{clientId}": participant["clientAssociations"][0]["clientId"]})
            case 400 if self.operation.name == "create_switchboard":  # the second of the app
                return self.send(self.owner)
            case 400 if self.operation.name == "delete_switchboard_integration":  # the default
                return self.send(self.owner, ids={"{switchboardIntegrationId}": self.ids["{botEntryId}"]})
            case 400 if self.operation.name == "redeliver_delivery":
                tenant = make_tenant(self.wire, self.tenant.account)
                ids = messaging.placeholders(self.wire, self.service, tenant)
                asked = Asked(self.wire, self.service, tenant, self.other, self.operation, ids)
                assert self.wire.delete(f"{tenant.webhooks}/{asked.ids['{webhookId}']}", tenant.app_key).status == 200
                return asked.send(asked.owner)
            case 400 if "{integrationId}" in self.path:
                return self.send(self.owner, ids={"{integrationId}": self.tenant.web_id})
            case 400:
                (name, *_) = [parameter["name"] for parameter in self.operation.query]
                return self.send(self.owner, query=f"{name}=1&{name}=2")
            case 401:
                return self.send(None)
            case 403:
                return self.send(self.tenant.account if self.path == "/v2/tokenInfo" else self.other.key)
            case 404 if self.operation.name == "create_oauth_client":
                return self.send(self.owner, body=self.body | {"decision": "allow", "appId": "0" * 24})
            case 404:
                return self.send(self.tenant.account, ids=dict.fromkeys(self.ids, "0" * 24))
            case 409 if self.body is None:
                assert self.wire.send("POST", self.tenant.users, self.owner, body={}, headers=key).status == 201
                return self.send(self.owner, headers=key)
            case 409:
                named = {"displayName": "Another"} if "displayName" in self.body else {"triggers": ["user:merge"]}
                assert self.send(self.owner, headers=key, body=self.other_body or self.body | named).status == 201
                return self.send(self.owner, headers=key)
            case 413 if self.operation.upload_bytes:
                announced = messaging.FORM_HEADERS | {"Content-Length": str(2 * self.operation.upload_bytes)}
                return self.send(self.owner, content=b" " * 2**21, headers=announced)
            case 413:
                return self.send(self.owner, content=b" " * 200_000, headers=json)
            case 415:
                return self.send(self.owner, content=b"{}")
            case 201 if self.operation.name == "create_switchboard":
                switchboard = f"{self.tenant.app}/switchboards/{self.ids['{switchboardId}']}"
                assert self.wire.delete(switchboard, self.owner).status == 200
                return self.send(self.owner)
            case _:  # the successful request comes last, since it may delete what the others need
                return self.send(self.owner)


Populated = tuple[Tenant, Tenant, dict[str, str]]


def populate(wire: Wire, service: Service, *, has_conversations: bool) -> Populated:
    """Create two tenants, and objects of the plane in the first one if it `has_conversations`. Return the ids of these, too."""
    tenant, other = make_tenant(wire, service.account), make_tenant(wire, service.account)
    return tenant, other, messaging.placeholders(wire, service, tenant) if has_conversations else {}


@pytest.fixture(scope="module")
def readable(wire: Wire, service: Service) -> Populated:
    """Return tenants that all operations share which change nothing."""
    return populate(wire, service, has_conversations=True)


@pytest.fixture
def asked(request: pytest.FixtureRequest, wire: Wire, service: Service, operation: Operation) -> Asked:
    """Return the operation with tenants. One that changes something has its own."""
    if operation.method == "GET":
        populated: Populated = request.getfixturevalue("readable")
    else:
        populated = populate(wire, service, has_conversations=operation.is_messaging)
    tenant, other, ids = populated
    if operation.tag in oauth.TAGS:
        ids = ids | oauth.placeholders(wire, tenant)
    if operation.tag == rotations.TAG:
        rotations.begin(wire, tenant)
    return Asked(wire, service, tenant, other, operation, ids)


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if operation.scopes], ids=lambda operation: operation.name
)
def test_every_described_status_is_answered_and_fits_its_schema(
    asked: Asked, document: Any, operation: Operation
) -> None:
    responses = document["paths"][operation.path][operation.method.lower()]["responses"]
    statuses = {int(code) for code in responses} - PROVOKED_ELSEWHERE
    if operation.name in ("get_token_info", "revoke_access"):
        statuses.remove(404)  # the app is deleted during the request
    if operation.name == "advance_clock":
        statuses.remove(404)  # the simulator is off
    for status in sorted(statuses, reverse=True):
        answer = asked.provoke(status)
        assert answer.status == status, answer
        schema = responses[str(status)]["content"]["application/json"]["schema"]
        jsonschema_rs.validator_for(closed({**schema, "components": document["components"]})).validate(answer.json)


def test_every_error_is_described(document: Any) -> None:
    documented = {
        int(status) for path in (*(operation.path for operation in OPERATIONS), FILE_PATH)
        for described in document["paths"][path].values() if isinstance(described, dict)
        for status in described["responses"]
    }  # fmt: skip
    # A description of existing methods has no 405.
    assert {kind.status for kind in errors.kinds()} - {405} == {status for status in documented if status >= 400}


def test_it_names_the_scopes_of_every_operation(document: Any) -> None:
    for operation in OPERATIONS:
        scopes = {scope.value for scope in operation.scopes}
        if not scopes:
            assert document["paths"][operation.path][operation.method.lower()]["security"] == []
            continue
        security = document["paths"][operation.path][operation.method.lower()]["security"]
        assert [set(names) for names in (security[0]["basic"], security[1]["bearer"])] == [scopes, scopes]


def test_it_counts_as_a_request_of_its_address(tmp_path: Path) -> None:
    first_run(tmp_path)
    with server.running(Settings(tmp_path, rate_limits=RateLimits.of(None, "1/hour", None))) as url:
        assert [Wire(url).get("/openapi.json").status for _ in range(2)] == [200, 429]
