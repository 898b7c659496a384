"""The names that the official package has for its HTTP layer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sunshine_conversations_client.exceptions import ApiException, ApiValueError

if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._messages import Headers, Response
    from sunshine_conversations_client._transport import UrllibTransport as RESTClientObject

__all__ = ["ApiException", "ApiValueError", "RESTClientObject", "RESTResponse"]


class RESTResponse(io.IOBase):
    """A response of `ApiClient.call_api`. `data` is None until you call `read`."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.status = response.status
        self.reason = response.reason
        self.data: bytes | None = None

    def read(self) -> bytes:
        """Set `data` to the body and return it."""
        self.data = self.response.body
        return self.data

    def getheaders(self) -> Headers:
        """Return all headers."""
        return self.response.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return the header `name`, in any case, or `default`."""
        value: str | None = self.response.headers.get(name, default)
        return value


def __getattr__(name: str) -> Any:
    if name == "RESTClientObject":
        from sunshine_conversations_client._transport import UrllibTransport

        return UrllibTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
