"""People and their conversations in a test: what a person says, taps and fills in, and what the bot answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sunshine_conversations_client import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

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

    id, external_id: the ids of the user; the external id is None for an anonymous one.
    """

    def __init__(self, server: Server, user: Json) -> None:
        self._server = server
        self.id: str = user["id"]
        self.external_id: str | None = user.get("externalId")

    def __repr__(self) -> str:
        return f"Person({self.external_id or self.id!r})"

    def start_conversation(self) -> Chat:
        """Open the messenger, which starts a new conversation. Return after the webhooks have been called."""
        return self._server.run(self._start())

    async def start_conversation_async(self) -> Chat:
        """Do the same in an asynchronous test."""
        return await self._server.run_async(self._start())

    async def _start(self) -> Chat:
        path = f"/simulator/v1/apps/{self._server.app_id}/conversations"
        answer = await self._server.ask("POST", path, {"userId": self.id})
        await self._server.delivered(SECONDS)
        return Chat(self._server, answer["conversation"]["id"], self)


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

    async def posts_async(self, content: str | Json) -> Message:
        """Do what `posts` does, in an asynchronous test."""
        return await self._server.run_async(self._post(content))

    async def hears_async(self, seconds: float = SECONDS) -> Message:
        """Do what `hears` does, in an asynchronous test."""
        return await self._server.run_async(self._hear(seconds))

    async def _messages(self) -> list[Message]:
        answer = await self._server.ask("GET", f"/v2/apps/{self._server.app_id}/conversations/{self.id}/messages")
        return [_message(message) for message in answer["messages"]]

    async def _act(self, kind: str, body: Json) -> list[Message]:
        path = f"/simulator/v1/apps/{self._server.app_id}/conversations/{self.id}/{kind}"
        answer = await self._server.ask("POST", path, {"userId": self.person.id} | body)
        await self._server.delivered(SECONDS)
        return [_message(message) for message in answer.get("messages", [])]

    async def _say(self, content: str | Json) -> Message:
        return (await self._act("messages", {"content": _content(content)}))[0]

    async def _tap(self, action: str, message: Message | None) -> Message | None:
        posted = await self._act("taps", {"action": action} | _of(message))
        return posted[0] if posted else None

    async def _fill_in(self, fields: dict[str, str], message: Message | None) -> Message:
        return (await self._act("formResponses", {"fields": fields} | _of(message)))[0]

    async def _do(self, type: str) -> None:
        await self._act("activities", {"type": type})

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


def _content(content: str | Json) -> Json:
    return {"type": "text", "text": content} if isinstance(content, str) else content


def _of(message: Message | None) -> Json:
    return {} if message is None else {"messageId": message.id}
