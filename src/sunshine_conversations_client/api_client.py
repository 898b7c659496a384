"""The client: configuration, default headers, connections; and the driver that runs a call's flow."""

from __future__ import annotations

import logging
import threading
import time

from sunshine_conversations_client import _flow
from sunshine_conversations_client._low_level import LowLevelMethods
from sunshine_conversations_client._messages import public_url
from sunshine_conversations_client._operations import Call, policy_of, require_success
from sunshine_conversations_client._version import __version__
from sunshine_conversations_client.api_response import ApiResponse
from sunshine_conversations_client.configuration import Configuration
from sunshine_conversations_client.exceptions import ApiConnectionError, ApiException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from sunshine_conversations_client._messages import Request, Response
    from sunshine_conversations_client._transport import Transport

logger = logging.getLogger("sunshine_conversations_client")


class ApiClient(LowLevelMethods):
    """Calls the service as `configuration` says; one client may be shared by any number of threads.

    `header_name` and `header_value` are a header, and `cookie` a Cookie header, that every request carries. As a
    context manager it closes its connections at the end; a later call opens new ones.
    """

    _default: ApiClient | None = None

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
    ) -> None:
        self.configuration = Configuration.get_default() if configuration is None else configuration
        self.default_headers: dict[str, str] = {"User-Agent": f"sunshine-keys/{__version__}/python"}
        if header_name is not None and header_value is not None:
            self.default_headers[header_name] = header_value
        self.cookie = cookie
        self.client_side_validation = self.configuration.client_side_validation
        self._rest_client: Transport | None = None
        self._making = threading.Lock()

    @classmethod
    def get_default(cls) -> ApiClient:
        """The client that API classes made without one share."""
        if ApiClient._default is None:
            ApiClient._default = ApiClient()
        return ApiClient._default

    @classmethod
    def set_default(cls, default: ApiClient | None) -> None:
        ApiClient._default = default

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._rest_client is not None:
            self._rest_client.close()

    @property
    def rest_client(self) -> Any:
        """The transport, made with the configuration's TLS, proxy and pool settings when it is first needed."""
        if self._rest_client is None:
            from sunshine_conversations_client._transport import UrllibTransport

            with self._making:
                if self._rest_client is None:
                    self._rest_client = UrllibTransport(self.configuration)
        return self._rest_client

    @rest_client.setter
    def rest_client(self, transport: Transport) -> None:
        self._rest_client = transport

    @property
    def user_agent(self) -> str:
        return self.default_headers.get("User-Agent", "")

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.default_headers["User-Agent"] = value

    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Have every request carry a header."""
        self.default_headers[header_name] = header_value

    # What the API classes call

    def execute(self, call: Call) -> ApiResponse[Any]:
        """Run a call. Raises ApiException, for an answer other than 2xx of the class its status has."""
        request, response = self._exchange(call, stream=False)
        require_success(response, request.method, call.operation.path)
        return ApiResponse(
            response.status, response.headers, data=call.operation.decode(response), raw_data=response.body
        )

    def open(self, call: Call) -> Any:
        """Run a call and return urllib3's response with its body unread, whatever its status."""
        _, response = self._exchange(call, stream=True)
        return response.raw

    def _exchange(self, call: Call, *, stream: bool) -> tuple[Request, Response]:
        request = call.request(self.configuration, self.default_headers, self.cookie, stream=stream)
        policy = policy_of(self.configuration, call.timeout)
        try:
            return request, self._run(_flow.exchange(request, policy))
        except ApiException as error:
            error.method, error.path = request.method, call.operation.path
            raise

    def _run(self, flow: _flow.Flow) -> Response:
        """The synchronous driver: does what a flow asks for and tells it what came of it."""
        transport: Transport = self.rest_client
        command = next(flow)
        try:
            while True:
                if isinstance(command, _flow.Sleep):
                    time.sleep(command.seconds)
                    command = flow.send(None)
                    continue
                logger.debug("%s %s", command.request.method, public_url(command.request.url))
                try:
                    response = transport.send(command.request, command.timeout)
                except ApiConnectionError as error:
                    logger.debug("%s", error.reason)
                    command = flow.throw(error)
                    continue
                logger.debug("%s %s", response.status, response.reason)
                command = flow.send(response)
                if response.raw is not None:
                    response.raw.close()  # another attempt follows; nobody will read this answer
        except StopIteration as done:
            answer: Response = done.value
            return answer
