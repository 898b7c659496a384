"""Responses as the official client has them, and what tests put in their place."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from sunshine_conversations_client._messages import Headers, Response
from sunshine_conversations_client.exceptions import ApiArgumentError


class RESTResponse(io.IOBase):
    """A response of `ApiClient.call_api`. `data` is None until you call `read`.

    `response` is a `Response` of this package, or any object with the attributes `status`, `reason`, `headers` and `data`
    of urllib3's.
    """

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status
        self.reason: str | None = response.reason
        self.data: bytes | None = None

    def read(self) -> bytes:
        """Set `data` to the body and return it."""
        if self.data is None:
            self.data = response_of(self.response).body
        return self.data

    def getheaders(self) -> Headers:
        """Return all headers."""
        return response_of(self.response).headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return the header `name`, in any case, or `default`."""
        value: str | None = self.getheaders().get(name, default)
        return value


def response_of(answer: Any, *, stream: bool = False) -> Response:
    """Return the `Response` in what a test's replacement of the HTTP layer has answered.

    That is a `RESTResponse` of this package or the official one, urllib3's response, or an object with the same
    attributes. With `stream` it is left unread. Raises ApiArgumentError if it is none of these.
    """
    if isinstance(answer, RESTResponse):
        return response_of(answer.response, stream=stream)
    if isinstance(answer, Response):
        return answer
    status = getattr(answer, "status", None)
    if not isinstance(status, int):
        raise ApiArgumentError(
            f"The replacement of the HTTP layer returned {type(answer).__name__}, whose `status` is no number. Return an "
            "object with `status`, `reason`, `headers` and `data`, for example a urllib3.HTTPResponse."
        )
    headers = answer.headers if isinstance(getattr(answer, "headers", None), Mapping) else answer.getheaders()
    reason = answer.reason if isinstance(getattr(answer, "reason", None), str) else None
    response = Response(status, reason, Headers((str(name), str(value)) for name, value in headers.items()))
    if stream:
        response.raw = answer
    else:
        response.body = _body_of(answer)
    return response


def _body_of(answer: Any) -> bytes:
    content = answer.data
    if not isinstance(content, str | bytes | bytearray):
        content = answer.read()  # the official RESTResponse has no data before
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    raise ApiArgumentError(
        f"The replacement of the HTTP layer returned {type(answer).__name__}, whose `data` is not bytes. Set it to the body."
    )
