"""A whole call, from its arguments to its data, without I/O: the flow that both drivers run."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from sunshine_conversations_client import _auth, _flow
from sunshine_conversations_client._messages import public_url
from sunshine_conversations_client._operations import policy_of, require_success
from sunshine_conversations_client._version import __version__
from sunshine_conversations_client.api_response import ApiResponse
from sunshine_conversations_client.configuration import Configuration
from sunshine_conversations_client.exceptions import ApiException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from sunshine_conversations_client._flow import Command
    from sunshine_conversations_client._messages import Request, Response
    from sunshine_conversations_client._operations import Call


class Caller:
    """What the synchronous and the asynchronous client have in common: settings, headers, and the flow of a call.

    `header_name` and `header_value` are a header, and `cookie` a Cookie header, that every request carries.
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
        return self.default_headers.get("User-Agent", "")

    @user_agent.setter
    def user_agent(self, value: str) -> None:
        self.default_headers["User-Agent"] = value

    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Have every request carry a header."""
        self.default_headers[header_name] = header_value

    def _execution(self, call: Call) -> Generator[Command, Response | None, ApiResponse[Any]]:
        """Raises ApiException, for an answer other than 2xx of the class its status has."""
        request, response, trace = yield from self._exchange(call, stream=False)
        deleted_before = request.method == "DELETE" and response.status == 404 and trace.in_doubt
        if deleted_before:
            # An attempt whose answer was lost had done it: what this one finds gone is gone because of that.
            return ApiResponse(404, response.headers, data={}, raw_data=response.body, deleted_before=True)
        require_success(response, request.method, public_url(request.url))
        data = call.operation.decode(response)
        return ApiResponse(response.status, response.headers, data=data, raw_data=response.body)

    def _opening(self, call: Call) -> Generator[Command, Response | None, Any]:
        _, response, _ = yield from self._exchange(call, stream=True)
        return response.raw

    def _exchange(
        self, call: Call, *, stream: bool
    ) -> Generator[Command, Response | None, tuple[Request, Response, _flow.Trace]]:
        trace = _flow.Trace()
        policy = policy_of(self.configuration, call.timeout)
        request: Request | None = None
        try:
            request = self._request(call, stream=stream)
            response = yield from _flow.exchange(request, policy, trace)
            if response.status == 401 and self._may_be_skew(call, response):
                request = self._request(call, stream=stream)
                response = yield from _flow.exchange(request, policy, trace)
        except ApiException as error:
            error.method = call.operation.method
            error.url = call.operation.path if request is None else public_url(request.url)
            raise
        return request, response, trace

    def _request(self, call: Call, *, stream: bool) -> Request:
        return call.request(
            self.configuration, self.default_headers, self.cookie, signer=self._signer, now=time.time(), stream=stream
        )

    def _may_be_skew(self, call: Call, response: Response) -> bool:
        """Whether a refused token was one that this client signed by a clock that differs from the service's."""
        if call.auth or not _auth.signs(self.configuration):
            return False
        try:
            served: float = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
        except (ValueError, TypeError, OverflowError):
            return False
        return self._signer.learn(served, time.time())
