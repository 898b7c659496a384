"""The synchronous client: its connections, and the driver that performs the commands of a call."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

from sunshine_conversations_client import _flow
from sunshine_conversations_client._calls import Caller
from sunshine_conversations_client._low_level import LowLevelMethods
from sunshine_conversations_client._messages import Response, public_url
from sunshine_conversations_client._rest import response_of
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiConnectionError

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.pool import ThreadPool
    from types import TracebackType
    from typing import Any, Self, TypeVar

    from sunshine_conversations_client._flow import Command
    from sunshine_conversations_client._messages import Request, Timeout
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
        _clients.add(self)

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
        """The thread pool of calls with `async_req`, with `pool_threads` threads. The first use creates it.

        A forked child creates its own, because threads do not survive a fork.
        """
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

    def _send_attempts(self, request: Request, policy: _flow.Policy, trace: _flow.Trace) -> _flow.Flow:
        """Send a request until an answer is final: through `call_api` if a subclass or a test replaces it."""
        if getattr(self.call_api, "__func__", None) is LowLevelMethods.call_api:
            return _flow.exchange(request, policy, trace)
        return self._call_replacement(request, policy.timeout)

    def _call_replacement(self, request: Request, timeout: Timeout) -> _flow.Flow:
        """Call `call_api` with the arguments of the official client: JSON as plain data, and None for no form."""
        headers = dict(request.headers.pairs())
        body = None if request.body is None else bytes(request.body)
        if not request.done_once:  # the original would take the key of this client for one that the caller has set
            headers.pop("Idempotency-Key", None)
        data = json.loads(body) if body and "json" in request.headers.get("content-type", "") else body
        limits = timeout.total or (timeout.connect and (timeout.connect, timeout.read))
        answer = self.call_api(request.method, request.url, headers, data, None, _request_timeout=limits)
        response = response_of(answer, stream=request.stream)
        if request.stream and response.raw is None:  # the original `call_api` has read it
            from sunshine_conversations_client._transport import unread

            response.raw = unread(response)
        return response
        yield  # the flow of a call is a generator

    def _run(self, flow: Generator[Command, Response | None, T]) -> T:
        """Perform the commands of a flow and return its result."""
        transport: Transport = self.rest_client
        debugging = logger.isEnabledFor(logging.DEBUG)
        try:
            command = next(flow)
            while True:
                if isinstance(command, _flow.Sleep):
                    time.sleep(command.seconds)
                    command = flow.send(None)
                    continue
                if debugging:
                    logger.debug("%s %s", command.request.method, public_url(command.request.url))
                try:
                    response = transport.send(command.request, command.timeout)
                    if not isinstance(response, Response):
                        raise ApiArgumentError(
                            f"The transport returned {type(response).__name__}. Return a Response from `send`."
                        )
                except ApiConnectionError as error:
                    logger.debug("%s", error.reason)
                    command = flow.throw(error)
                    continue
                if debugging:
                    logger.debug("%s %s", response.status, response.reason)
                command = flow.send(response)
                if response.raw is not None:
                    response.raw.close()  # another attempt follows, so nobody reads this answer
        except StopIteration as done:
            answer: T = done.value
            return answer


_clients: weakref.WeakSet[ApiClient] = weakref.WeakSet()
_pools_of_parents: list[ThreadPool] = []
"""The pools that a forked child drops. They are not freed: freeing one would wait for its threads."""


def _drop_pools() -> None:
    """Drop the pools and the locks of all clients in a forked child. Their threads exist only in its parent."""
    for client in list(_clients):
        if client._pool is not None:
            _pools_of_parents.append(client._pool)
            client._pool = None
        client._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_pools)
