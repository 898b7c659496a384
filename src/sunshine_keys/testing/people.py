"""People and their conversations in a test: what a person says, taps and fills in, and what the bot answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from sunshine_conversations_client import Client, Message

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

Outcome = Literal["matched", "confirmed", "linkFailed", "linkCancelled", "blocked", "unblocked"]
"""What happens to a client: the reason of the event."""

Json = dict[str, Any]

SECONDS = 10.0
"""The longest wait for the webhooks that an action calls."""


class Server(Protocol):
    """What people need of the server of a test."""

    app_id: str

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's event loop, and return its result."""
        ...

    def run_async(self, coroutine: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Do the same for a caller on another event loop."""
        ...

    async def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        """Return the answer of the service to a request by the account's key, as JSON. Raises ApiException."""
        ...

    async def delivered(self, seconds: float) -> None:
        """Wait until every event has been sent to the webhooks once. Raises TimeoutError."""
        ...


class Person:
    """A user of the app.

    id, external_id: the ids of the user; the external id is None for an anonymous one. A login may change both.
    """

    def __init__(self, server: Server, user: Json) -> None:
        self._server = server
        self._chats: list[Chat] = []
        self._set(user)

    def _set(self, user: Json) -> None:
        self.id: str = user["id"]
        self.external_id: str | None = user.get("externalId")

    def __repr__(self) -> str:
        return f"Person({self.external_id or self.id!r})"

    def start_conversation(self, content: str | Json | None = None, **arrival: Any) -> Chat:
        """Open the messenger, which starts a new conversation, with a first message or without.

        `arrival` has names of `POST /simulator/v1/apps/{appId}/conversations`: `integrationId` is the channel, `address` the
        person's id there, `referral` and `campaignId` what led there, `locale` the language of the person's device. Return
        after the webhooks have been called.
        """
        return self._server.run(self._start(content, arrival))

    def logs_in(self, external_id: str, email: str | None = None) -> None:
        """Log in under an external id. If another user has it, the person becomes that user: both are merged.

        Raises BadRequestException for a person who has another external id.
        """
        self._server.run(self._log_in(external_id, email))

    @property
    def clients(self) -> list[Client]:
        """The first clients of the user, at most 100, oldest first."""
        return self._server.run(self._list_clients())

    def client_becomes(self, outcome: Outcome, client: Client | None = None, **details: Any) -> Client | None:
        """Let something happen to `client`, or to the newest one of a channel. Return the client, None if it was removed.

        A pending client becomes matched, confirmed, linkFailed or linkCancelled, an active one blocked, and that unblocked.
        `details` have names on the wire: `externalId`, `displayName`, `info` and `raw` of the person on the channel; the
        `error` of a failed link. Raises BadRequestException for a client in another state.
        """
        return self._server.run(self._turn(outcome, client, details))

    def next_message_fails(self, code: str, message: str, client: Client | None = None) -> None:
        """Let the next message to `client`, or to the newest one of a channel, fail with this error."""
        self._server.run(self._fail_next({"code": code, "message": message}, client))

    async def start_conversation_async(self, content: str | Json | None = None, **arrival: Any) -> Chat:
        """Do what `start_conversation` does, in an asynchronous test."""
        return await self._server.run_async(self._start(content, arrival))

    async def logs_in_async(self, external_id: str, email: str | None = None) -> None:
        """Do what `logs_in` does, in an asynchronous test."""
        await self._server.run_async(self._log_in(external_id, email))

    async def clients_async(self) -> list[Client]:
        """Return what `clients` is, in an asynchronous test."""
        return await self._server.run_async(self._list_clients())

    async def client_becomes_async(
        self, outcome: Outcome, client: Client | None = None, **details: Any
    ) -> Client | None:
        """Do what `client_becomes` does, in an asynchronous test."""
        return await self._server.run_async(self._turn(outcome, client, details))

    async def next_message_fails_async(self, code: str, message: str, client: Client | None = None) -> None:
        """Do what `next_message_fails` does, in an asynchronous test."""
        await self._server.run_async(self._fail_next({"code": code, "message": message}, client))

    async def _act(self, path: str, body: Json) -> Any:
        answer = await self._server.ask("POST", f"/simulator/v1/apps/{self._server.app_id}/{path}", body)
        await self._server.delivered(SECONDS)
        return answer

    async def _start(self, content: str | Json | None, arrival: Json) -> Chat:
        first = {} if content is None else {"content": _content(content)}
        answer = await self._act("conversations", {"userId": self.id} | first | arrival)
        return Chat(self._server, answer["conversation"]["id"], self)

    async def _log_in(self, external_id: str, email: str | None) -> None:
        body = {"externalId": external_id} | ({} if email is None else {"email": email})
        answer = await self._act(f"users/{self.id}/login", body)
        self._set(answer["user"])
        merged = answer.get("mergedConversations")
        for chat in self._chats:
            if merged is not None and chat.id == merged["discarded"]:
                chat.id = merged["surviving"]

    async def _list_clients(self) -> list[Client]:
        path = f"/v2/apps/{self._server.app_id}/users/{self.id}/clients?page[size]=100"
        return [_client(client) for client in (await self._server.ask("GET", path))["clients"]]

    async def _path(self, client: Client | None) -> str:
        """Return the path of a client, or of the newest one of a channel. Raises LookupError if there is none."""
        if client is None:
            channels = [item for item in await self._list_clients() if item.type != "sdk"]
            if not channels:
                raise LookupError(f"{self!r} has no client of a channel: link one first")
            client = channels[-1]
        return f"users/{self.id}/clients/{client.id}"

    async def _turn(self, outcome: Outcome, client: Client | None, details: Json) -> Client | None:
        answer = await self._act(f"{await self._path(client)}/outcomes", {"outcome": outcome} | details)
        return _client(answer["client"]) if "client" in answer else None

    async def _fail_next(self, error: Json, client: Client | None) -> None:
        await self._act(f"{await self._path(client)}/errors", error)


class Chat:
    """A conversation, as the person in it sees it.

    id: the id of the conversation. person: the `Person`.

    Each method that acts for the person returns after the webhooks have been called, and after those that the bot's own calls
    have raised. A bot that answers a webhook first and works afterwards has not done its work by then: wait with `hears`.
    """

    def __init__(self, server: Server, id: str, person: Person) -> None:
        self._server = server
        self.id = id
        self.person = person
        self._heard = 0
        person._chats.append(self)

    def __repr__(self) -> str:
        return f"Chat({self.id!r}, {self.person!r})"

    @property
    def messages(self) -> list[Message]:
        """The newest messages, at most 100, in their order."""
        return self._server.run(self._messages())

    @property
    def last(self) -> Message:
        """The last message. Raises IndexError if there is none."""
        return self.messages[-1]

    def says(self, content: str | Json) -> Message:
        """Post a message of the person: a text, or the content of a message, for example of type image. Return it."""
        return self._server.run(self._say(content))

    def taps(self, action: str, message: Message | None = None) -> Message | None:
        """Tap the action with this text or payload, of `message` or of the newest message that has it.

        Return the message that a reply posts; None for other actions. Raises BadRequestException if there is no such action.
        """
        return self._server.run(self._tap(action, message))

    def fills_in(self, fields: dict[str, str], message: Message | None = None) -> Message:
        """Fill in a form, `message` or the newest open one, with a text for each field by its name. Return the response.

        Raises BadRequestException with every invalid field.
        """
        return self._server.run(self._fill_in(fields, message))

    def reads(self) -> None:
        """Read the conversation."""
        self._server.run(self._do("conversation:read"))

    def types(self) -> None:
        """Begin to type."""
        self._server.run(self._do("typing:start"))

    def ends_session(self) -> Message:
        """End the session, which posts a message of that activity. Return it."""
        return self._server.run(self._end_session())

    def is_referred(self, code: str | None = None, **details: str) -> None:
        """Come into this conversation by a referral. `details` are `source`, `type` and `adId`."""
        self._server.run(self._refer(code, details))

    def passes_through(self, payload: Json) -> None:
        """Forward what a channel has sent to the webhooks, as it is."""
        self._server.run(self._pass_through(payload))

    def agent_says(self, content: str | Json, name: str | None = None) -> Message:
        """Post a message of an agent of the Zendesk account: a text, or the content of a message. Return it."""
        return self._server.run(self._agent_say(content, name))

    def agent_closes_ticket(self) -> Message:
        """Close the ticket, as an agent: post a message of that activity, and release control if the agents have it."""
        return self._server.run(self._end_ticket("ticket:closed"))

    def agent_transfers_to_email(self) -> Message:
        """Transfer the ticket to e-mail, as an agent: post a message of that activity, and release control."""
        return self._server.run(self._end_ticket("ticket:transfer:email"))

    def posts(self, content: str | Json) -> Message:
        """Post a message of the business, as a program would: a text, or the content of a message. Return it."""
        return self._server.run(self._post(content))

    def hears(self, seconds: float = SECONDS) -> Message:
        """Return the next message of the business that this chat has not returned yet. Raises TimeoutError."""
        return self._server.run(self._hear(seconds))

    async def messages_async(self) -> list[Message]:
        """Return what `messages` is, in an asynchronous test."""
        return await self._server.run_async(self._messages())

    async def says_async(self, content: str | Json) -> Message:
        """Do what `says` does, in an asynchronous test."""
        return await self._server.run_async(self._say(content))

    async def taps_async(self, action: str, message: Message | None = None) -> Message | None:
        """Do what `taps` does, in an asynchronous test."""
        return await self._server.run_async(self._tap(action, message))

    async def fills_in_async(self, fields: dict[str, str], message: Message | None = None) -> Message:
        """Do what `fills_in` does, in an asynchronous test."""
        return await self._server.run_async(self._fill_in(fields, message))

    async def reads_async(self) -> None:
        """Do what `reads` does, in an asynchronous test."""
        await self._server.run_async(self._do("conversation:read"))

    async def types_async(self) -> None:
        """Do what `types` does, in an asynchronous test."""
        await self._server.run_async(self._do("typing:start"))

    async def ends_session_async(self) -> Message:
        """Do what `ends_session` does, in an asynchronous test."""
        return await self._server.run_async(self._end_session())

    async def is_referred_async(self, code: str | None = None, **details: str) -> None:
        """Do what `is_referred` does, in an asynchronous test."""
        await self._server.run_async(self._refer(code, details))

    async def passes_through_async(self, payload: Json) -> None:
        """Do what `passes_through` does, in an asynchronous test."""
        await self._server.run_async(self._pass_through(payload))

    async def agent_says_async(self, content: str | Json, name: str | None = None) -> Message:
        """Do what `agent_says` does, in an asynchronous test."""
        return await self._server.run_async(self._agent_say(content, name))

    async def agent_closes_ticket_async(self) -> Message:
        """Do what `agent_closes_ticket` does, in an asynchronous test."""
        return await self._server.run_async(self._end_ticket("ticket:closed"))

    async def agent_transfers_to_email_async(self) -> Message:
        """Do what `agent_transfers_to_email` does, in an asynchronous test."""
        return await self._server.run_async(self._end_ticket("ticket:transfer:email"))

    async def posts_async(self, content: str | Json) -> Message:
        """Do what `posts` does, in an asynchronous test."""
        return await self._server.run_async(self._post(content))

    async def hears_async(self, seconds: float = SECONDS) -> Message:
        """Do what `hears` does, in an asynchronous test."""
        return await self._server.run_async(self._hear(seconds))

    async def _messages(self) -> list[Message]:
        answer = await self._server.ask("GET", f"/v2/apps/{self._server.app_id}/conversations/{self.id}/messages")
        return [_message(message) for message in answer["messages"]]

    async def _happen(self, kind: str, body: Json) -> list[Message]:
        path = f"/simulator/v1/apps/{self._server.app_id}/conversations/{self.id}/{kind}"
        answer = await self._server.ask("POST", path, body)
        await self._server.delivered(SECONDS)
        return [_message(message) for message in answer.get("messages", [])]

    async def _act(self, kind: str, body: Json) -> list[Message]:
        return await self._happen(kind, {"userId": self.person.id} | body)

    async def _say(self, content: str | Json) -> Message:
        return (await self._act("messages", {"content": _content(content)}))[0]

    async def _tap(self, action: str, message: Message | None) -> Message | None:
        posted = await self._act("taps", {"action": action} | _of(message))
        return posted[0] if posted else None

    async def _fill_in(self, fields: dict[str, str], message: Message | None) -> Message:
        return (await self._act("formResponses", {"fields": fields} | _of(message)))[0]

    async def _do(self, type: str) -> None:
        await self._act("activities", {"type": type})

    async def _end_session(self) -> Message:
        return (await self._act("activities", {"type": "conversation:endedByUser"}))[0]

    async def _refer(self, code: str | None, details: dict[str, str]) -> None:
        referral: Json = {} if code is None else {"code": code}
        await self._act("referrals", referral | ({"details": details} if details else {}))

    async def _pass_through(self, payload: Json) -> None:
        await self._happen("passthrough", {"payload": payload})

    async def _agent_say(self, content: str | Json, name: str | None) -> Message:
        author = {} if name is None else {"displayName": name}
        return (await self._happen("agentMessages", {"content": _content(content)} | author))[0]

    async def _end_ticket(self, type: str) -> Message:
        return (await self._happen("tickets", {"type": type}))[0]

    async def _post(self, content: str | Json) -> Message:
        path = f"/v2/apps/{self._server.app_id}/conversations/{self.id}/messages"
        answer = await self._server.ask("POST", path, {"author": {"type": "business"}, "content": _content(content)})
        await self._server.delivered(SECONDS)
        return _message(answer["messages"][0])

    async def _hear(self, seconds: float) -> Message:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            business = [
                message for message in await self._messages() if message.author and message.author.type == "business"
            ]
            if len(business) > self._heard:
                self._heard += 1
                return business[self._heard - 1]
            if loop.time() > end:
                raise TimeoutError(f"the business posted no further message within {seconds:g} seconds")
            await asyncio.sleep(0.01)


def _message(values: Json) -> Message:
    message = Message.from_dict(values)
    assert message is not None
    return message


def _client(values: Json) -> Client:
    client = Client.from_dict(values)
    assert client is not None
    return client


def _content(content: str | Json) -> Json:
    return {"type": "text", "text": content} if isinstance(content, str) else content


def _of(message: Message | None) -> Json:
    return {} if message is None else {"messageId": message.id}
