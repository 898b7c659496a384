"""An app whose webhook hears everything, and the people, channels and agents of the simulator."""

from __future__ import annotations

from typing import Any

from sunshine_keys.webhooks.model import TRIGGERS
from support.messaging import chat, create_switchboard, create_user
from support.targets import Target
from support.waiting import wait_until
from support.wire import Tenant, Wire


class Stage:
    """An app whose webhook hears every event, and what happens in it."""

    def __init__(self, wire: Wire, tenant: Tenant, target: Target) -> None:
        self.wire, self.tenant, self.target = wire, tenant, target
        self.simulator = f"/simulator/v1/apps/{tenant.app_id}"
        self.webhook = self.hear()

    def hear(self, **fields: Any) -> dict[str, Any]:
        (webhook,) = self.wire.get(self.tenant.webhooks, self.tenant.app_key).json["webhooks"]
        body = {"target": self.target.url, "triggers": list(TRIGGERS)} | fields
        path = f"{self.tenant.webhooks}/{webhook['id']}"
        changed: dict[str, Any] = self.wire.patch(path, self.tenant.app_key, body).json["webhook"]
        return changed

    def send(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        answer = self.wire.send(method, path, self.tenant.app_key, body=body)
        assert answer.status in ((status,) if status else (200, 201)), answer
        return answer.json

    def simulate(self, path: str, body: Any, status: int = 201) -> Any:
        return self.send("POST", f"{self.simulator}/{path}", body, status)

    def integration(self, type: str) -> str:
        return str(self.send("POST", f"{self.tenant.app}/integrations", {"type": type})["integration"]["id"])

    def control(self) -> list[dict[str, Any]]:
        """Let a bot control conversations. Return the entries of the switchboard."""
        return create_switchboard(self.wire, self.tenant)

    def act(self, conversation_id: str, action: str, status: int = 200, **body: Any) -> None:
        self.send("POST", f"{self.tenant.conversations}/{conversation_id}/{action}Control", body, status)

    def jane(self) -> dict[str, Any]:
        """Return a user who has logged in."""
        jane = create_user(self.wire, self.tenant)
        user: dict[str, Any] = self.simulate(f"users/{jane['id']}/login", {"externalId": "jane"})["user"]
        return user

    def chat(self, user: dict[str, Any] | None = None) -> str:
        return chat(self.wire, self.tenant, user or self.jane())

    def group(self) -> str:
        joe = create_user(self.wire, self.tenant)
        return chat(self.wire, self.tenant, joe, create_user(self.wire, self.tenant))

    def write_on(self, type: str, user: dict[str, Any] | None = None, **fields: Any) -> str:
        """Let a person write on a channel for the first time. Return the id of the conversation."""
        body = {"integrationId": self.integration(type), "content": {"type": "text", "text": "hello"}} | fields
        if user is not None:
            body["userId"] = user["id"]
        return str(self.simulate("conversations", body)["conversation"]["id"])

    def link(self, type: str = "twilio", confirmation: str = "prompt", phone: str = "+15140000000") -> tuple[str, str]:
        """Begin to link an anonymous user. Return the path of the client in the simulator, and its id."""
        user = create_user(self.wire, self.tenant)
        return self.link_user(user, self.integration(type), confirmation, phone)

    def link_user(self, user: Any, integration_id: str, confirmation: str, phone: str) -> tuple[str, str]:
        type = self.send("GET", f"{self.tenant.app}/integrations/{integration_id}")["integration"]["type"]
        body = {
            "matchCriteria": {"type": type, "integrationId": integration_id, "phoneNumber": phone},
            "confirmation": {"type": confirmation},
            "target": {"conversationId": self.chat(user)},
        }
        client: str = self.send("POST", f"{self.tenant.users}/{user['id']}/clients", body)["client"]["id"]
        return f"users/{user['id']}/clients/{client}", client

    def payloads(self, type: str, count: int) -> list[dict[str, Any]]:
        """Return the payloads of the events of a type, once there are `count` of them."""
        wait_until(lambda: len(self.target.events(type)) >= count)
        return [event["payload"] for event in self.target.events(type)]
