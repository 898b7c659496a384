"""The asynchronous client: the same calls and flow as the synchronous one, driven by asyncio."""

from __future__ import annotations

import asyncio
import logging

from sunshine_conversations_client import _flow
from sunshine_conversations_client._calls import Caller
from sunshine_conversations_client._messages import public_url
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiConnectionError

TYPE_CHECKING = False
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
    """Calls the service as `configuration` says; one client may be shared by any number of tasks of one event loop.

    As an asynchronous context manager it closes its connections at the end; without, `await client.close()` does. It
    needs aiohttp (the extra `async`), unless `transport` replaces that.
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
        """Close the connections that are kept open; a later call opens new ones."""
        if self._transport is not None:
            await self._transport.close()

    @property
    def transport(self) -> Transport:
        """The transport, made with the configuration's TLS, proxy and pool settings when it is first needed.

        Raises ApiArgumentError where aiohttp is not there.
        """
        if self._transport is None:
            try:
                from sunshine_conversations_client.aio._transport import AiohttpTransport
            except ModuleNotFoundError as error:
                raise ApiArgumentError(
                    f"the asynchronous client needs aiohttp, the extra `async`, or a transport ({error})"
                ) from error

            self._transport = AiohttpTransport(self.configuration)
        return self._transport

    # What the API classes call

    async def execute(self, call: Call) -> ApiResponse[Any]:
        """Run a call. Raises ApiException, for an answer other than 2xx of the class its status has."""
        return await self._run(self._execution(call))

    async def open(self, call: Call) -> Any:
        """Run a call and return aiohttp's response with its body unread, whatever its status."""
        return await self._run(self._opening(call))

    async def _run(self, flow: Generator[Command, Response | None, T]) -> T:
        """Do what a flow asks for and tell it what came of it."""
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
                    response.raw.close()  # another attempt follows; nobody will read this answer
        except StopIteration as done:
            answer: T = done.value
            return answer
