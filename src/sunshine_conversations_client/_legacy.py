"""Keyword arguments that versions of the official package before 17 take."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypedDict

    from sunshine_conversations_client._operations import Call
    from sunshine_conversations_client.api_client import ApiClient

    class LegacyOptions(TypedDict, total=False):
        """Options of every method of an API class.

        `async_req`: True returns at once, with an object whose `get(timeout)` waits for the result.
        `_preload_content`: False returns the HTTP library's response with its body unread.
        `_return_http_data_only`: True makes a `…_with_http_info` method return only its data.
        `_check_input_type`, `_check_return_type`: accepted, without effect.
        """

        async_req: bool | None
        _preload_content: bool
        _return_http_data_only: bool | None
        _check_input_type: bool
        _check_return_type: bool


KNOWN = ("async_req", "_preload_content", "_return_http_data_only", "_check_input_type", "_check_return_type")


def run(client: ApiClient, call: Call[Any], legacy: Any, *, info: bool) -> Any:
    """Run a call with the options in `legacy`. `info` is True for a `…_with_http_info` method.

    Raises ApiArgumentError, which is a TypeError, for an unknown option.
    """
    for name in legacy:
        if name not in KNOWN:
            raise ApiArgumentError(f"unexpected keyword argument {name!r}")

    def run_now() -> Any:
        if legacy.get("_preload_content") is False:
            return client.open(call)
        if call.operation.browser and not info:
            return client.url_of(call)
        response = client.execute(call)
        return response if info and not legacy.get("_return_http_data_only") else response.data

    return client.pool.apply_async(run_now) if legacy.get("async_req") else run_now()


def renamed(method: Callable[..., Any], names: dict[str, str]) -> Callable[..., Any]:
    """Return a method that also takes the arguments `names` has values for, by its keys. Its signature is the method's."""

    @functools.wraps(method)
    def call(*positional: Any, **named: Any) -> Any:
        return method(*positional, **{names.get(name, name): value for name, value in named.items()})

    return call
