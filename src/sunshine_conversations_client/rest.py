"""The official package's names for the HTTP edge."""

from __future__ import annotations

import io

from sunshine_conversations_client.exceptions import ApiException, ApiValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._messages import Headers, Response
    from sunshine_conversations_client._transport import UrllibTransport as RESTClientObject

__all__ = ["ApiException", "ApiValueError", "RESTClientObject", "RESTResponse"]


class RESTResponse(io.IOBase):
    """An answer as `ApiClient.call_api` returns it; `data` is None until `read`."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.status = response.status
        self.reason = response.reason
        self.data: bytes | None = None

    def read(self) -> bytes:
        self.data = self.response.body
        return self.data

    def getheaders(self) -> Headers:
        return self.response.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        value: str | None = self.response.headers.get(name, default)
        return value


def __getattr__(name: str) -> Any:
    if name == "RESTClientObject":
        from sunshine_conversations_client._transport import UrllibTransport

        return UrllibTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
