"""A conversation as one of its sides sees it: what the chat page shows, in parts that can be replaced one by one."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sunshine_keys.console.forms import legible, user_name
from sunshine_keys.console.rendering import fragment
from sunshine_keys.console.requests import SignedInRequest

Json = dict[str, Any]

AGENT, BUSINESS = "agent", "business"
"""The sides of a conversation that are not a person's: an agent of the simulator, and a program of the business."""

_TEMPLATE = "chat_parts.html"
_FILE = re.compile(r"/attachments/v2/[0-9A-Z]{26}/[^/]+")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Part(msgspec.Struct, frozen=True):
    """An element of the page. Parts of one `version` are equal."""

    id: str
    version: str
    html: str


class Person(msgspec.Struct, frozen=True):
    """A user who takes part, with the count of what the user has not read and the time of what was read last, or ""."""

    id: str
    name: str
    unread: int
    last_read: str


class Thread:
    """Reads a conversation and renders its parts. What has not changed since the last reading is not rendered again."""

    def __init__(self, visit: SignedInRequest, conversation_id: str, side: str) -> None:
        """`side` is AGENT, BUSINESS or the id of a user who takes part; "" means the first user."""
        self._visit = visit
        self._id = conversation_id
        self.side = side
        self.app_path = f"/console/apps/{visit.app_id}"
        self.path = f"{self.app_path}/chat/{conversation_id}"
        self.people: list[Person] = []
        self.conversation: Json = {}
        self.entries: list[Json] = []
        """The entries of the switchboard that is enabled."""
        self._names: dict[str, str] = {}
        self._rendered: dict[str, Part] = {}
        self._messages: list[Part] | None = None

    @property
    def is_person(self) -> bool:
        return self.side not in (AGENT, BUSINESS)

    async def parts(self) -> list[Part]:
        """Return the parts: the messages in their order, and then those around them.

        Raises NotFound and what the operations of the API raise.
        """
        former = self.conversation
        members = await self.read_members()
        typists: list[Json] = (await self._visit.call("ListTyping", conversationId=self._id))["typing"]
        self.people = [
            Person(item["userId"], await self._name(item["userId"]), item["unreadCount"], item.get("lastRead", ""))
            for item in members
        ]
        if self._messages is None or self.conversation != former:  # each new message changes the conversation
            self._messages = await self._read_messages()
        parts = [*self._messages]
        typing = [self._typist(item) for item in typists if item.get("userId", item["type"]) != self._author()]
        parts.append(self.part("typing", typing))
        reads = [(person.name, person.last_read) for person in self.people if person.last_read]
        if "businessLastRead" in self.conversation:
            reads.append(("the business", self.conversation["businessLastRead"]))
        unread = next((person.unread for person in self.people if person.id == self.side), 0)
        parts.append(self.part("reads", reads, unread))
        parts.append(self.part("control", self._control(), self.app_path, self.path, self.side))
        self._rendered = {part.id: part for part in parts}
        return parts

    async def read_members(self) -> list[Json]:
        """Read the conversation, and return its participants. Raises ConversationNotFound."""
        call, id = self._visit.call, self._id
        self.conversation = (await call("GetConversation", conversationId=id))["conversation"]
        members: list[Json] = (await call("ListParticipants", conversationId=id))["participants"]
        if not self.side:
            self.side = members[0]["userId"] if members and self._visit.has_simulator else BUSINESS
        return members

    async def _read_messages(self) -> list[Part]:
        messages: list[Json] = (await self._visit.call("ListMessages", conversationId=self._id))["messages"]
        last = messages[-1]["id"] if messages else ""
        return [self._message(message, is_last=message["id"] == last) for message in messages]

    async def refresh(self) -> None:
        """Read the entries of the app's switchboard, and let `parts` read all messages: some may have been deleted."""
        self._messages = None
        self.entries = []
        for switchboard in (await self._visit.call("ListSwitchboards"))["switchboards"]:
            if switchboard["enabled"]:
                answer = await self._visit.call("ListSwitchboardIntegrations", switchboardId=switchboard["id"])
                self.entries = answer["switchboardIntegrations"]

    def _author(self) -> str:
        return self.side if self.is_person else "business"

    async def _name(self, user_id: str) -> str:
        if user_id not in self._names:
            user = (await self._visit.call("GetUser", userIdOrExternalId=user_id))["user"]
            self._names[user_id] = legible(user_name(user))
        return self._names[user_id]

    def _typist(self, typing: Json) -> str:
        return self._names.get(typing.get("userId", ""), "Somebody") if typing["type"] == "user" else "The business"

    def _control(self) -> Json:
        active = self.conversation.get("activeSwitchboardIntegration") or {}
        pending = self.conversation.get("pendingSwitchboardIntegration") or {}
        others = [entry["name"] for entry in self.entries if entry["id"] != active.get("id")]
        return {"active": active.get("name", ""), "pending": pending.get("name", ""), "others": others}

    def _message(self, message: Json, *, is_last: bool) -> Part:
        author = message["author"]
        is_mine = (author["type"] == "user") == self.is_person and author.get("userId", "") in ("", self.side)
        content = message.get("content") or {}
        # A part that looks the same is not rendered again: a person may be filling in its form.
        has_replies = any(action["type"] == "reply" for action in content.get("actions", []))
        name = self._names.get(author.get("userId", "")) or author.get("displayName") or "The business"
        return self.part(
            f"m-{message['id']}",
            message,
            {
                "is_mine": is_mine,
                "is_last": is_last and has_replies,
                "can_act": self.is_person and self._visit.has_simulator,
                "name": name,
                "side": self.side,
                "path": self.path,
                "file": self._own_file(content.get("mediaUrl", "")),
                "item_files": [self._own_file(item.get("mediaUrl", "")) for item in content.get("items", [])],
            },
        )

    def _own_file(self, url: str) -> str:
        """Return the path of a file that this service holds; "" for any other URL, which the page never loads."""
        try:
            address = urlsplit(url)
            here = urlsplit(self._visit.host_url)
            is_here = address.netloc == here.netloc or (
                address.port == here.port and {address.hostname, here.hostname} <= set(_LOOPBACK)
            )
        except ValueError:
            return ""
        file = _FILE.search(address.path)
        return file[0] if file and is_here else ""

    def part(self, id: str, *values: Any, former: Part | None = None) -> Part:
        """Return a part; `former` if it has not changed."""
        version = hashlib.sha256(msgspec.json.encode(values)).hexdigest()[:16]
        former = former or self._rendered.get(id)
        if former is not None and former.version == version:
            return former
        macro = "message" if id.startswith("m-") else id
        token = self._visit.signed_in.form_token
        return Part(id, version, fragment(_TEMPLATE, macro, id, version, token, *values).strip())
