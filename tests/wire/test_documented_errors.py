"""The errors that the published description shows, with code and title: the service answers with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import api_facts
import pytest
from support import messaging
from support.wire import WEBHOOK, Answer, Key, Service, Wire, make_tenant

from sunshine_keys.compose import OPERATIONS
from sunshine_keys.wire.operation import Operation

SERVED = {operation.id: operation for operation in OPERATIONS}
UNKNOWN = "0" * 24
AN_ID = r"\b[0-9a-f]{24}\b"


@dataclass(frozen=True)
class Documented:
    """An error that the description shows for an operation."""

    operation: Operation
    status: int
    code: str
    title: str

    @property
    def name(self) -> tuple[str, int]:
        return self.operation.id, self.status


def documented() -> Iterator[Documented]:
    """Yield every error in an example of the description, of all operations that the service serves."""
    api = api_facts.load()
    for described in api.operations.values():
        if described.id not in SERVED:
            continue
        for status, response in api.facts["paths"][described.path][described.method.lower()]["responses"].items():
            content = api.target(response).get("content", {}).get("application/json", {})
            examples = [api.target(example)["value"] for example in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            for error in [error for example in examples for error in example.get("errors", [])]:
                yield Documented(SERVED[described.id], int(status), error["code"], error["title"])


NEVER = {
    ("CreateApp", 402): "Nothing is paid for here, so there is no limit of a plan.",
    ("ListApps", 403): "There are no service accounts.",
    ("DeleteIntegration", 400): "There is no Admin Center, so every integration can be deleted.",
}
"""The documented errors that cannot occur in this service, with the reason."""

MORE_EXACT = {
    ("CreateWebhook", 400): "The title names what is wrong with the body, instead of `Bad request`.",
    ("UploadAttachment", 400): "The title names what is wrong with the request, instead of `Bad request`.",
    ("UpdateWebhook", 400): "The title names what is wrong with the body, instead of `Bad request`.",
    ("UpdateSwitchboardIntegration", 404): "The title is that of a missing default, which has the status 400.",
}
"""The documented errors whose code is sent with another title, with the reason."""

ALL = list(documented())
OCCUR = [error for error in ALL if error.name not in NEVER]


@dataclass(frozen=True)
class Provocation:
    """What differs in a request from one that succeeds."""

    ids: dict[str, str] = field(default_factory=dict)
    query: str = ""
    body: Any = None
    auth: Key | None = None


class World:
    """The objects of a tenant, by the names of path parameters, and the requests that fail on them.

    All tests use them: a request that fails changes nothing.
    """

    def __init__(self, wire: Wire, service: Service) -> None:
        self.wire, self.service = wire, service
        self.tenant = tenant = make_tenant(wire, service.account)
        self.other = make_tenant(wire, service.account)
        webhook = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["id"]
        self.ids = messaging.placeholders(wire, service, tenant) | {
            "appId": tenant.app_id,
            "integrationId": tenant.integration_id,
            "keyId": tenant.app_key.id,
            "webhookId": webhook,
        }

    def send(self, operation: Operation, provocation: Provocation) -> Answer:
        path = operation.path
        for name in operation.placeholders:
            path = path.replace(f"{{{name}}}", provocation.ids.get(name, self.ids[name]))
        query = provocation.query or operation.example_query.replace("$USER_ID", self.ids["userId"])
        body = provocation.body
        if body is None:
            body = messaging.filled(messaging.BODIES.get(operation.name), self.ids)
        if body is None and operation.body:
            body = {"displayName": "x"} | WEBHOOK
        auth = provocation.auth or self.tenant.account
        target = f"{path}?{query}" if query else path
        if operation.upload_bytes:
            return self.wire.send(
                operation.method, target, auth, content=messaging.FORM, headers=messaging.FORM_HEADERS
            )
        return self.wire.send(operation.method, target, auth, body=body)

    def provocation(self, error: Documented) -> Provocation:
        """Return the request that should be answered with the error."""
        match error.name:
            case ("CreateApp", 400):
                return Provocation(body={})
            case ("UpdateApp", 400):
                return Provocation(body={"metadata": {"a": "x" * 4096}})
            case ("ListConversations", 404):
                return Provocation(query=f"filter[userId]={UNKNOWN}")
            case ("DeleteConversation", 400):
                return Provocation(ids={"conversationId": messaging.chat(self.wire, self.tenant, self._user())})
            case ("JoinConversation", 400):
                group = messaging.chat(self.wire, self.tenant, *(self._user() for _ in range(10)))
                return Provocation(ids={"conversationId": group})
            case ("LeaveConversation", 404):
                return Provocation(body={"userId": self.ids["otherUserId"]})
            case ("PostMessage", 423):
                full = messaging.chat(self.wire, self.tenant, self._user(), self._user())
                messaging.set_message_count(self.service.place, full, 30_000)
                return Provocation(ids={"conversationId": full})
            case ("CreateIntegration", 400):
                return Provocation(body={"type": "pigeon"})
            case ("ListCustomIntegrationKeys", 400):
                return Provocation(ids={"integrationId": self.tenant.web_id})
            case ("CreateWebhook" | "UpdateWebhook", 400):
                return Provocation(body={"target": "nowhere", "triggers": ["*"]})
            case ("UploadAttachment", 400):
                return Provocation(query="access=private")
            case ("DeleteAttachment", 400):
                return Provocation(body={"mediaUrl": error.title.rpartition(" ")[2]})
            case ("DeleteAttachment", 404):
                return Provocation(body={"mediaUrl": self.ids["mediaUrl"] + "x"})
            case ("CreateUser", 409):
                return Provocation(body={"externalId": "jane"})
            case ("RemoveClient", 400):
                return Provocation(ids={"clientId": self._sdk_client()})
            case ("CreateSwitchboard", 400):
                return Provocation()
            case ("CreateSwitchboardIntegration", 400):
                self._fill_switchboard()
                return Provocation()
            case (_, 400) if error.operation.is_paged:
                query = error.operation.example_query.replace("$USER_ID", self.ids["userId"])
                return Provocation(query=f"{query}&page[size]=0".removeprefix("&"))
            case (_, 403):
                return Provocation(auth=self.other.app_key)
            case (_, 404):
                return Provocation(ids={self._missing(error): UNKNOWN})
        raise AssertionError(f"no request provokes {error}: add it here, or to NEVER with the reason")

    @staticmethod
    def _missing(error: Documented) -> str:
        """Return the name of the parameter in the path whose object a 404 is about."""
        if error.code == "not_found":
            return error.operation.placeholders[-1]
        first, *words = error.code.removesuffix("_not_found").split("_")
        kind = first + "".join(map(str.capitalize, words)) + "Id"
        return next(name for name in error.operation.placeholders if name.startswith(kind))

    def _fill_switchboard(self) -> None:
        """Add entries to the switchboard until it has ten."""
        path = f"{self.tenant.app}/switchboards/{self.ids['switchboardId']}/switchboardIntegrations"
        for number in range(7):
            integration = messaging.create_integration(self.wire, self.tenant, ["user:merge"])
            body = {"name": f"entry{number}", "integrationId": integration}
            assert self.wire.post(path, self.tenant.app_key, body).status == 201

    def _user(self) -> dict[str, Any]:
        return messaging.create_user(self.wire, self.tenant)

    def _sdk_client(self) -> str:
        """Return the client of Jane that stands for her SDK."""
        members = [{"userId": self.ids["userId"], "subscribeSDKClient": True}]
        group = messaging.create_conversation(self.wire, self.tenant, type="sdkGroup", participants=members)
        answer = self.wire.get(f"{self.tenant.conversations}/{group['id']}/participants", self.tenant.key)
        client: str = answer.json["participants"][0]["clientAssociations"][0]["clientId"]
        return client


@pytest.fixture(scope="module")
def world(wire: Wire, service: Service) -> World:
    return World(wire, service)


@pytest.mark.parametrize("error", OCCUR, ids=lambda error: f"{error.operation.id}-{error.status}")
def test_documented_error_is_answered(world: World, error: Documented) -> None:
    provocation = world.provocation(error)
    answer = world.send(error.operation, provocation)
    assert answer.status == error.status, answer
    codes, titles = zip(*answer.errors, strict=True)
    assert set(codes) == {error.code}
    if error.name in MORE_EXACT:
        assert error.title not in titles
    else:
        # An id in an example is that of the object in the path.
        ids = world.ids | provocation.ids
        title = re.sub(AN_ID, lambda _: ids[error.operation.placeholders[-1]], error.title)
        assert titles == (title,)


def test_lists_of_exceptions_are_exact() -> None:
    names = [error.name for error in ALL]
    assert len(ALL) > 50 and len(set(names)) == len(names)
    assert NEVER.keys() | MORE_EXACT.keys() <= set(names)
    assert not NEVER.keys() & MORE_EXACT.keys()


def test_status_that_never_occurs_is_not_in_our_description(wire: Wire) -> None:
    paths = wire.get("/openapi.json").json["paths"]
    described = {
        name
        for name in NEVER
        if str(name[1]) in paths[SERVED[name[0]].path][SERVED[name[0]].method.lower()]["responses"]
    }
    assert described == {("ListApps", 403)}  # for a key of another scope
