"""A whole call, from its arguments to its data, as a generator without I/O that both clients drive."""

from __future__ import annotations

import contextlib
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from sunshine_conversations_client import _auth, _flow
from sunshine_conversations_client._messages import StreamedBody, public_url
from sunshine_conversations_client._operations import policy_of, require_success
from sunshine_conversations_client._version import __version__
from sunshine_conversations_client.api_response import ApiResponse
from sunshine_conversations_client.configuration import Configuration
from sunshine_conversations_client.exceptions import ApiException

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, TypeVar

    from sunshine_conversations_client._flow import Command
    from sunshine_conversations_client._messages import Request, Response
    from sunshine_conversations_client._operations import Call

    T = TypeVar("T")


class Caller:
    """Base of the synchronous and the asynchronous client: settings, default headers, and the flow of a call.

    Every request carries the header `header_name: header_value` and the Cookie header `cookie`, if you pass them.
    """

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
        self._signer = _auth.Signer()

    @property
    def user_agent(self) -> str:
        """The User-Agent header of every request."""
        return self.default_headers.get("User-Agent", "")

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.default_headers["User-Agent"] = value

    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Add a header to every request of this client. A header of the call itself wins."""
        self.default_headers[header_name] = header_value

    def url_of(self, call: Call[Any]) -> str:
        """Return the URL of a call, for an operation that a browser opens. Raises ApiArgumentError."""
        return self._request(call, stream=False).url

    def _execution(self, call: Call[T]) -> Generator[Command, Response | None, ApiResponse[T]]:
        """Run a call and decode its answer. Raises the ApiException for a status other than 2xx."""
        request, response, trace = yield from self._exchange(call, stream=False)
        if call.operation.browser and 300 <= response.status <= 399 and "location" in response.headers:
            target: Any = response.headers["location"]
            return ApiResponse(response.status, response.headers, data=target, raw_data=response.body)
        if request.method == "DELETE" and response.status == 404 and trace.answer_lost:
            # An earlier attempt, whose answer was lost, has deleted the resource. The delete has succeeded.
            nothing: Any = {}
            return ApiResponse(404, response.headers, data=nothing, raw_data=response.body, deleted_before=True)
        if not 200 <= response.status <= 299:
            require_success(response, request.method, public_url(request.url))
        data = call.operation.decode(response)
        return ApiResponse(response.status, response.headers, data=data, raw_data=response.body)

    def _opening(self, call: Call[Any]) -> Generator[Command, Response | None, Any]:
        """Run a call and return the HTTP library's response with its body unread."""
        _, response, _ = yield from self._exchange(call, stream=True)
        return response.raw

    def _exchange(
        self, call: Call[Any], *, stream: bool
    ) -> Generator[Command, Response | None, tuple[Request, Response, _flow.Trace]]:
        """Send the request of a call. Sign a new token and send it again if a 401 shows that the clocks differ."""
        trace = _flow.Trace()
        policy = policy_of(self.configuration, call.timeout)
        if call.operation.browser:
            policy.redirects = 0
        request: Request | None = None
        try:
            request = self._request(call, stream=stream)
            response = yield from self._send_attempts(request, policy, trace)
            if response.status == 401 and call.signed:
                self._adjust_clock(response)
                renewed = self._request(call, stream=stream)
                repeatable = not isinstance(request.body, StreamedBody) or request.body.can_repeat
                if repeatable and renewed.headers.get("authorization") != request.headers.get("authorization"):
                    request = renewed
                    response = yield from self._send_attempts(request, policy, trace)
        except ApiException as error:
            error.method = call.operation.method
            error.url = call.operation.path if request is None else public_url(request.url)
            raise
        return request, response, trace

    def _send_attempts(self, request: Request, policy: _flow.Policy, trace: _flow.Trace) -> _flow.Flow:
        """Send a request until an answer is final. The synchronous client lets replacements of `call_api` do it."""
        return _flow.exchange(request, policy, trace)

    def _request(self, call: Call[Any], *, stream: bool) -> Request:
        return call.request(
            self.configuration, self.default_headers, self.cookie, signer=self._signer, now=time.time(), stream=stream
        )

    def _adjust_clock(self, response: Response) -> None:
        """Adopt the service's clock for the tokens that this client signs, if the response has a valid Date."""
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            server_time: float = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
            self._signer.adjust_skew(server_time, time.time())
