"""The asynchronous client. It shares calls and flow with the synchronous one and drives them with asyncio."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sunshine_conversations_client import _flow
from sunshine_conversations_client._calls import Caller
from sunshine_conversations_client._messages import public_url
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiConnectionError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType
    from typing import Any, Self, TypeVar

    from sunshine_conversations_client._flow import Command
    from sunshine_conversations_client._messages import Response
    from sunshine_conversations_client._operations import Call
    from sunshine_conversations_client.aio.transport import Transport
    from sunshine_conversations_client.api_response import ApiResponse
    from sunshine_conversations_client.configuration import Configuration

    T = TypeVar("T")

logger = logging.getLogger("sunshine_conversations_client")


class ApiClient(Caller):
    """Call the service with the settings in `configuration`. Any number of tasks of one event loop may share one client.

    An `async with` block closes the connections at its end; elsewhere `await client.close()` does. The client needs
    aiohttp (the extra `async`) unless you pass `transport`. The other arguments are those of the synchronous client.
    """

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
        *,
        transport: Transport | None = None,
    ) -> None:
        super().__init__(configuration, header_name, header_value, cookie)
        self._transport = transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all open connections. A later call opens new ones."""
        if self._transport is not None:
            await self._transport.close()

    @property
    def transport(self) -> Transport:
        """The transport. The first use creates it with the TLS, proxy and pool settings of the configuration.

        Raises ApiArgumentError if aiohttp is not installed.
        """
        if self._transport is None:
            try:
                from sunshine_conversations_client.aio._transport import AiohttpTransport
            except ModuleNotFoundError as error:
                raise ApiArgumentError(
                    f"The asynchronous client needs aiohttp ({error}). Install the extra `async`, or pass a transport."
                ) from error

            self._transport = AiohttpTransport(self.configuration)
        return self._transport

    # The API classes call these methods.

    async def execute(self, call: Call[T]) -> ApiResponse[T]:
        """Run a call and return its answer. Raises the ApiException for a status other than 2xx."""
        return await self._run(self._execution(call))

    async def open(self, call: Call[Any]) -> Any:
        """Run a call and return aiohttp's response, of any status, with its body unread."""
        return await self._run(self._opening(call))

    async def _run(self, flow: Generator[Command, Response | None, T]) -> T:
        """Perform the commands of a flow and return its result."""
        transport = self.transport
        try:
            command = next(flow)
            while True:
                if isinstance(command, _flow.Sleep):
                    await asyncio.sleep(command.seconds)
                    command = flow.send(None)
                    continue
                if logger.isEnabledFor(logging.DEBUG):
                    logger.debug("%s %s", command.request.method, public_url(command.request.url))
                try:
                    response = await transport.send(command.request, command.timeout)
                except ApiConnectionError as error:
                    logger.debug("%s", error.reason)
                    command = flow.throw(error)
                    continue
                logger.debug("%s %s", response.status, response.reason)
                command = flow.send(response)
                if response.raw is not None:
                    response.raw.close()  # another attempt follows, so nobody reads this answer
        except StopIteration as done:
            answer: T = done.value
            return answer
