"""Objects of the conversation plane for tests, and its store beside a service that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sunshine_keys.compose import open_engine
from sunshine_keys.first_run import initialise
from sunshine_keys.ids import new_object_id
from sunshine_keys.messaging import messaging_file
from sunshine_keys.store import OPERATOR, Store
from sunshine_keys.store.change import Change
from sunshine_keys.store.locations import SqliteFile
from sunshine_keys.store.postgres import PostgresStore
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.clients.model import Device
from sunshine_messaging.clients.table import DEVICES
from sunshine_messaging.plane import CATALOG, Plane
from sunshine_messaging.users.changes import LinkZendeskUser
from support.wire import Key, Place, Service, Tenant, Wire

TEXT: dict[str, Any] = {"author": {"type": "business"}, "content": {"type": "text", "text": "Hello!"}}

FORM_HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}

BODIES: dict[str, Any] = {
    "create_user": {"profile": {"givenName": "Jane"}},
    "update_user": {"profile": {"surname": "Doe"}},
    "sync_user": {"survivingZendeskId": "35436"},
    "create_conversation": {"type": "personal", "participants": [{"userId": "{userId}"}]},
    "update_conversation": {"displayName": "Support"},
    "join_conversation": {"userId": "{otherUserId}", "subscribeSDKClient": True},
    "leave_conversation": {"userId": "{userId}"},
    "post_message": TEXT,
    "download_message_ref": {
        "userId": "{userId}",
        "apple": {"interactiveDataRef": dict.fromkeys(("url", "bid", "key", "signature", "owner"), "x")},
    },
    "post_conversion_events": {"whatsapp": {"payload": {"data": [{}]}}},
    "create_client": {
        "matchCriteria": {
            "type": "whatsapp",
            "integrationId": "{whatsappIntegrationId}",
            "phoneNumber": "+1 555 000-1234",
        },
        "confirmation": {"type": "immediate"},
        "target": {"conversationId": "{conversationId}"},
    },
    "simulate_conversation": {"userId": "{userId}"},
    "simulate_message": {"userId": "{userId}", "content": {"type": "text", "text": "Hello!"}},
    "simulate_tap": {"userId": "{userId}", "action": "Yes"},
    "simulate_form_response": {"userId": "{userId}", "fields": {"name": "Jane"}},
    "simulate_activity": {"userId": "{userId}", "type": "typing:start"},
    "simulate_referral": {"userId": "{userId}", "code": "spring"},
    "simulate_passthrough": {"payload": {"type": "interactive"}},
    "simulate_agent_message": {"content": {"type": "text", "text": "I am Ann."}, "displayName": "Ann"},
    "simulate_ticket": {"type": "ticket:closed"},
    "simulate_login": {"externalId": "jane"},
    "simulate_client_outcome": {"outcome": "matched"},
    "simulate_client_error": {"code": "uncategorized_error", "message": "The line is busy"},
    "simulate_link_outcome": {"integrationId": "{whatsappIntegrationId}", "outcome": "matched"},
    "advance_clock": {"seconds": 0},
    "delete_attachment": {"mediaUrl": "{mediaUrl}"},
    "update_switchboard": {"enabled": True, "defaultSwitchboardIntegrationId": "{botEntryId}"},
    "create_switchboard_integration": {"name": "answers", "integrationType": "zd:answerBot"},
    "update_switchboard_integration": {"deliverStandbyEvents": False, "messageHistoryCount": 5},
    "pass_control": {"switchboardIntegration": "human", "metadata": {"a": "b"}},
    "offer_control": {"switchboardIntegration": "other"},
    "accept_control": {"metadata": {"a": "b"}},
    "release_control": {},
    "post_activity": {"author": {"type": "user", "userId": "{userId}"}, "type": "conversation:read"},
}
"""A body of each operation that the objects of `placeholders` accept. Texts such as `{userId}` stand for their ids."""

OTHER_BODIES: dict[str, Any] = {
    "create_user": {"metadata": {"a": 1}},
    "create_conversation": {"type": "sdkGroup"},
    "join_conversation": {"userId": "{userId}", "subscribeSDKClient": True},
    "post_message": TEXT | {"metadata": {"a": 1}},
    "simulate_conversation": {"profile": {"givenName": "Joe"}},
    "simulate_message": {"userId": "{userId}", "content": {"type": "text", "text": "Another"}},
    "simulate_tap": {"userId": "{userId}", "action": "No"},
    "simulate_referral": {"userId": "{userId}", "code": "autumn"},
    "simulate_passthrough": {"payload": {"type": "text"}},
    "simulate_agent_message": {"content": {"type": "text", "text": "Another"}},
    "simulate_ticket": {"type": "ticket:transfer:email"},
    "simulate_login": {"externalId": "jane", "email": "jane@example.com"},
    "simulate_client_outcome": {"outcome": "matched", "displayName": "Jane"},
    "simulate_client_error": {"code": "uncategorized_error", "message": "Nobody is there"},
    "simulate_link_outcome": {"integrationId": "{whatsappIntegrationId}", "outcome": "confirmed"},
    "simulate_form_response": {"userId": "{userId}", "fields": {"name": "Joe"}},
    "simulate_activity": {"userId": "{userId}", "type": "typing:stop"},
    "create_client": {
        "matchCriteria": {"type": "whatsapp", "integrationId": "{whatsappIntegrationId}", "phoneNumber": "+2222222"},
        "confirmation": {"type": "prompt"},
        "target": {"conversationId": "{conversationId}"},
    },
    "create_switchboard_integration": {"name": "agents", "integrationType": "zd:agentWorkspace"},
}
"""Another body of each create."""


def form(content: bytes, name: str = "notes.txt", media_type: str | None = "text/plain") -> bytes:
    """Return the body of an upload with the headers FORM_HEADERS."""
    head = f'--x\r\nContent-Disposition: form-data; name="source"; filename="{name}"\r\n'
    if media_type is not None:
        head += f"Content-Type: {media_type}\r\n"
    return head.encode() + b"\r\n" + content + b"\r\n--x--\r\n"


FORM = form(b"Hello!")


def upload(wire: Wire, tenant: Tenant, content: bytes, query: str = "access=public", **part: Any) -> str:
    """Upload a file and return the path of its URL."""
    answer = wire.send(
        "POST",
        f"{tenant.app}/attachments?{query}",
        tenant.key,
        content=form(content, **part),
        headers=FORM_HEADERS,
    )
    assert answer.status == 201, answer
    url: str = answer.json["attachment"]["mediaUrl"]
    assert url.startswith(f"{wire.url}/attachments/v2/")
    return url.removeprefix(wire.url)


@asynccontextmanager
async def opened_store(place: Place) -> AsyncIterator[Store]:
    """Open the store of a plane that has been used, as another process would."""
    location = place.settings.location
    store: Store
    if isinstance(location, SqliteFile):
        store = SqliteStore(messaging_file(location.path), CATALOG)
    else:
        store = PostgresStore(location.url, CATALOG)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_planes(place: Place, count: int) -> AsyncIterator[list[Plane]]:
    """Open the plane of a store as `count` processes would. Initialise the store if it is empty."""
    async with AsyncExitStack() as stack:
        planes: list[Plane] = []
        for _ in range(count):
            engine = await open_engine(place.settings)
            stack.push_async_callback(engine.close)
            if not planes:
                await initialise(engine)
            assert engine.messaging is not None
            planes.append(await engine.messaging.plane(engine))
        yield planes


def link_zendesk_user(place: Place, tenant: Tenant, user_id: str, zendesk_id: str, email: str) -> None:
    """Link a user to a Zendesk user, which no operation of the API can."""

    async def link() -> None:
        async with opened_store(place) as store:
            identities = [{"type": "email", "value": email, "verification": "sso"}]
            await store.transact(OPERATOR, LinkZendeskUser(tenant.app_id, user_id, zendesk_id, identities))

    asyncio.run(link())


class AddDevice(Change[None], frozen=True):
    """Add a device, which only an SDK can."""

    action = "test.device"
    audited = False
    device: Device

    def apply(self) -> Statements[None]:
        yield from DEVICES.insert(self.device)


def add_device(place: Place, device: Device) -> None:
    async def add() -> None:
        async with opened_store(place) as store:
            await store.transact(OPERATOR, AddDevice(device))

    asyncio.run(add())


class SetMessageCount(Change[None], frozen=True):
    """Make a conversation count as if it had this many messages."""

    action = "test.count"
    audited = False
    conversation_id: str
    count: int

    def apply(self) -> Statements[None]:
        yield from execute(
            "UPDATE conversations SET messages = $2 WHERE id = $1 RETURNING id", self.conversation_id, self.count
        )


def set_message_count(place: Place, conversation_id: str, count: int) -> None:
    async def set_count() -> None:
        async with opened_store(place) as store:
            await store.transact(OPERATOR, SetMessageCount(conversation_id, count))

    asyncio.run(set_count())


def placeholders(wire: Wire, service: Service, tenant: Tenant) -> dict[str, str]:
    """Create objects of the plane in the tenant's app. Return their ids by the names of path parameters."""
    auth = tenant.app_key
    user = wire.post(tenant.users, auth, {"externalId": "jane", "profile": {"givenName": "Jane"}}).json["user"]
    link_zendesk_user(service.place, tenant, user["id"], "30045042291606", "jane@example.com")
    other = create_user(wire, tenant, auth)
    bot, human, other_entry = create_switchboard(wire, tenant)
    group = {"type": "sdkGroup", "participants": [{"userId": user["id"], "subscribeSDKClient": False}]}
    conversation = create_conversation(wire, tenant, **group)
    message = post(wire, tenant, conversation["id"], TEXT)
    buttons = [{"type": "reply", "text": text, "payload": text} for text in ("Yes", "No")]
    post(wire, tenant, conversation["id"], TEXT | {"content": {"type": "text", "text": "?", "actions": buttons}})
    field = {"type": "text", "name": "name", "label": "Your name"}
    for _ in range(2):
        post(wire, tenant, conversation["id"], TEXT | {"content": {"type": "form", "fields": [field]}})
    whatsapp = wire.post(f"{tenant.app}/integrations", auth, {"type": "whatsapp"}).json["integration"]["id"]
    link = {
        "matchCriteria": {"type": "whatsapp", "integrationId": whatsapp, "phoneNumber": "+15550009999"},
        "confirmation": {"type": "userActivity"},
        "target": {"conversationId": conversation["id"]},
    }
    client = wire.post(f"{tenant.users}/{user['id']}/clients", auth, link).json["client"]
    device = Device(
        new_object_id(), user["id"], client["id"], "web", "guid", "active", tenant.web_id, "2020-05-21T15:53:30.197Z"
    )
    add_device(service.place, device)
    offer = {"switchboardIntegration": human["id"]}
    assert wire.post(f"{tenant.conversations}/{conversation['id']}/offerControl", auth, offer).status == 200
    switchboard = wire.get(f"{tenant.app}/switchboards", auth).json["switchboards"][0]["id"]
    deliveries = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/deliveries", auth).json["deliveries"]
    return {
        "deliveryNumber": str(deliveries[0]["number"]),
        "switchboardId": switchboard,
        "switchboardIntegrationId": other_entry["id"],
        "botEntryId": bot["id"],
        "whatsappIntegrationId": whatsapp,
        "mediaUrl": wire.url + upload(wire, tenant, b"Hello!"),
        "clientId": client["id"],
        "deviceId": device.id,
        "userIdOrExternalId": user["id"],
        "userId": user["id"],
        "zendeskId": "30045042291606",
        "otherUserId": other["id"],
        "conversationId": conversation["id"],
        "messageId": message["id"],
    }


def create_integration(wire: Wire, tenant: Tenant, triggers: list[str], target: str = "http://127.0.0.1:9/") -> str:
    """Create a custom integration whose webhook hears `triggers`, and return its id."""
    body = {"type": "custom", "webhooks": [{"target": target, "triggers": triggers}]}
    answer = wire.post(f"{tenant.app}/integrations", tenant.app_key, body)
    assert answer.status == 201, answer
    return str(answer.json["integration"]["id"])


def create_switchboard(wire: Wire, tenant: Tenant, **fields: Any) -> list[dict[str, Any]]:
    """Create an enabled switchboard, and return its entries.

    `bot` is the default and the tenant's integration, `human` follows it, and so does `bot` after `human`; nothing refers to
    `other`. `fields` are further properties of `human` and `other`.
    """
    path = f"{tenant.app}/switchboards"
    switchboard = wire.post(path, tenant.app_key).json["switchboard"]["id"]
    entries: list[dict[str, Any]] = []
    for name in ("bot", "human", "other"):
        integration = tenant.integration_id if name == "bot" else create_integration(wire, tenant, ["user:merge"])
        body = {"name": name, "integrationId": integration} | ({} if name == "bot" else fields)
        answer = wire.post(f"{path}/{switchboard}/switchboardIntegrations", tenant.app_key, body)
        assert answer.status == 201, answer
        entries.append(answer.json["switchboardIntegration"])
    for entry, following in zip(entries[:2], entries[1::-1], strict=True):
        body = {"nextSwitchboardIntegrationId": following["id"]}
        answer = wire.patch(f"{path}/{switchboard}/switchboardIntegrations/{entry['id']}", tenant.app_key, body)
        assert answer.status == 200, answer
    enabled = {"enabled": True, "defaultSwitchboardIntegrationId": entries[0]["id"]}
    assert wire.patch(f"{path}/{switchboard}", tenant.app_key, enabled).status == 200
    listed: list[dict[str, Any]] = wire.get(f"{path}/{switchboard}/switchboardIntegrations", tenant.app_key).json[
        "switchboardIntegrations"
    ]
    return listed


def filled(body: Any, ids: dict[str, str]) -> Any:
    """Return a body with ids in the place of texts such as `{userId}`."""
    if isinstance(body, dict):
        return {name: filled(part, ids) for name, part in body.items()}
    if isinstance(body, list):
        return [filled(part, ids) for part in body]
    return body.format(**ids) if isinstance(body, str) and body.startswith("{") else body


def create_user(wire: Wire, tenant: Tenant, auth: Key | None = None, **fields: Any) -> dict[str, Any]:
    answer = wire.post(tenant.users, auth or tenant.key, fields)
    assert answer.status == 201, answer
    user: dict[str, Any] = answer.json["user"]
    return user


def reads(tenant: Tenant, ids: dict[str, str]) -> list[str]:
    """Return the paths of the objects of `placeholders`."""
    conversation = f"{tenant.conversations}/{ids['conversationId']}"
    return [
        f"{tenant.users}/{ids['userId']}",
        f"{tenant.conversations}?filter[userId]={ids['userId']}",
        f"{tenant.conversations}?filter[userId]={ids['otherUserId']}",
        conversation,
        f"{conversation}/participants",
        f"{conversation}/messages",
        f"{tenant.users}/{ids['userId']}/clients",
        f"{tenant.users}/{ids['userId']}/devices",
        f"{tenant.app}/switchboards",
        f"{tenant.app}/switchboards/{ids['switchboardId']}/switchboardIntegrations",
    ]


def create_conversation(wire: Wire, tenant: Tenant, auth: Key | None = None, **fields: Any) -> dict[str, Any]:
    answer = wire.post(tenant.conversations, auth or tenant.key, fields)
    assert answer.status == 201, answer
    conversation: dict[str, Any] = answer.json["conversation"]
    return conversation


def chat(wire: Wire, tenant: Tenant, *users: dict[str, Any]) -> str:
    """Create a conversation: a personal one of a single user, else a group. Return its id."""
    participants = [{"userId": user["id"], "subscribeSDKClient": False} for user in users]
    type = "personal" if len(users) == 1 else "sdkGroup"
    conversation_id: str = create_conversation(wire, tenant, type=type, participants=participants)["id"]
    return conversation_id


def post(wire: Wire, tenant: Tenant, conversation_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post a message and return it."""
    answer = wire.post(f"{tenant.conversations}/{conversation_id}/messages", tenant.key, body)
    assert answer.status == 201, answer
    (message,) = answer.json["messages"]
    return dict(message)
