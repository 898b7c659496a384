"""The names that the official package has for its HTTP layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunshine_conversations_client._rest import RESTResponse
from sunshine_conversations_client.exceptions import ApiException, ApiValueError

if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._transport import UrllibTransport as RESTClientObject

__all__ = ["ApiException", "ApiValueError", "RESTClientObject", "RESTResponse"]


def __getattr__(name: str) -> Any:
    if name == "RESTClientObject":
        from sunshine_conversations_client._transport import UrllibTransport

        return UrllibTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
