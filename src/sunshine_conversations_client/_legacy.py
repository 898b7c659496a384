"""Keyword arguments of the package's versions before 17, which calls written for them still carry."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from sunshine_conversations_client._operations import Call
    from sunshine_conversations_client.api_client import ApiClient

    class LegacyOptions(TypedDict, total=False):
        """`async_req`: return at once, with an object whose `get()` waits for the result.

        `_preload_content`: False returns the HTTP library's response unread.
        `_return_http_data_only`: True has a `…_with_http_info` method return its data alone.
        `_check_input_type`, `_check_return_type`: taken, and of no effect.
        """

        async_req: bool | None
        _preload_content: bool
        _return_http_data_only: bool | None
        _check_input_type: bool
        _check_return_type: bool


KNOWN = ("async_req", "_preload_content", "_return_http_data_only", "_check_input_type", "_check_return_type")


def run(client: ApiClient, call: Call, legacy: Any, *, info: bool) -> Any:
    """Run a call as these options say; `info` for a `…_with_http_info` method. Raises TypeError for unknown ones."""
    for name in legacy:
        if name not in KNOWN:
            raise TypeError(f"unexpected keyword argument {name!r}")

    def now() -> Any:
        if legacy.get("_preload_content") is False:
            return client.open(call)
        response = client.execute(call)
        return response if info and not legacy.get("_return_http_data_only") else response.data

    return client.pool.apply_async(now) if legacy.get("async_req") else now()
