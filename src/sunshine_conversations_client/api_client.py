"""The synchronous client: its connections, and the driver that performs the commands of a call."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from sunshine_conversations_client import _flow
from sunshine_conversations_client._calls import Caller
from sunshine_conversations_client._low_level import LowLevelMethods
from sunshine_conversations_client._messages import public_url
from sunshine_conversations_client.exceptions import ApiConnectionError

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.pool import ThreadPool
    from types import TracebackType
    from typing import Any, Self, TypeVar

    from sunshine_conversations_client._flow import Command
    from sunshine_conversations_client._messages import Response
    from sunshine_conversations_client._operations import Call
    from sunshine_conversations_client.api_response import ApiResponse
    from sunshine_conversations_client.configuration import Configuration
    from sunshine_conversations_client.transport import Transport

    T = TypeVar("T")

logger = logging.getLogger("sunshine_conversations_client")


class ApiClient(Caller, LowLevelMethods):
    """Call the service with the settings in `configuration`. Any number of threads may share one client.

    Every request carries the header `header_name: header_value` and the Cookie header `cookie`, if you pass them. A
    `with` block closes the connections at its end; a later call opens new ones. `transport` replaces urllib3.
    `pool_threads` is the number of threads for calls with `async_req`, a keyword of versions before 17.
    """

    _default: ApiClient | None = None

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        cookie: str | None = None,
        pool_threads: int = 1,
        *,
        transport: Transport | None = None,
    ) -> None:
        super().__init__(configuration, header_name, header_value, cookie)
        self.pool_threads = pool_threads
        self._pool: ThreadPool | None = None
        self._rest_client = transport
        self._lock = threading.Lock()  # held while the pool or the transport is created

    @classmethod
    def get_default(cls) -> ApiClient:
        """Return the client that API classes without a client of their own share. The first call creates it."""
        if ApiClient._default is None:
            ApiClient._default = ApiClient()
        return ApiClient._default

    @classmethod
    def set_default(cls, default: ApiClient | None) -> None:
        """Set the client that `get_default` returns. None makes the next call create a new one."""
        ApiClient._default = default

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all open connections, and end the threads of calls with `async_req` once these calls are done."""
        if self._pool is not None:
            self._pool.close()
            self._pool.join()
            self._pool = None
        if self._rest_client is not None:
            self._rest_client.close()

    @property
    def pool(self) -> ThreadPool:
        """The thread pool of calls with `async_req`, with `pool_threads` threads. The first use creates it."""
        from multiprocessing.pool import ThreadPool

        with self._lock:
            if self._pool is None:
                self._pool = ThreadPool(self.pool_threads)
            return self._pool

    @property
    def rest_client(self) -> Any:
        """The transport. The first use creates it with the TLS, proxy and pool settings of the configuration."""
        if self._rest_client is None:
            from sunshine_conversations_client._transport import UrllibTransport

            with self._lock:
                if self._rest_client is None:
                    self._rest_client = UrllibTransport(self.configuration)
        return self._rest_client

    @rest_client.setter
    def rest_client(self, transport: Transport) -> None:
        self._rest_client = transport

    # The API classes call these methods.

    def execute(self, call: Call[T]) -> ApiResponse[T]:
        """Run a call and return its answer. Raises the ApiException for a status other than 2xx."""
        return self._run(self._execution(call))

    def open(self, call: Call[Any]) -> Any:
        """Run a call and return urllib3's response, of any status, with its body unread."""
        return self._run(self._opening(call))

    def _run(self, flow: Generator[Command, Response | None, T]) -> T:
        """Perform the commands of a flow and return its result."""
        transport: Transport = self.rest_client
        try:
            command = next(flow)
            while True:
                if isinstance(command, _flow.Sleep):
                    time.sleep(command.seconds)
                    command = flow.send(None)
                    continue
                if logger.isEnabledFor(logging.DEBUG):
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
                    response.raw.close()  # another attempt follows, so nobody reads this answer
        except StopIteration as done:
            answer: T = done.value
            return answer
