"""The base of the asynchronous API classes, which scripts/generate_client.py writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from sunshine_conversations_client._operations import Call
from sunshine_conversations_client._paging import Walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sunshine_conversations_client._operations import Operation, Options
    from sunshine_conversations_client.aio.api_client import ApiClient
    from sunshine_conversations_client.api_response import ApiResponse
    from sunshine_conversations_client.models._paging import Page

    T = TypeVar("T")
    Item = TypeVar("Item")


class Api:
    """A group of operations. Its methods raise what those of the synchronous class raise."""

    def __init__(self, api_client: ApiClient) -> None:
        self.api_client = api_client

    async def _call(
        self, operation: Operation[T], ids: dict[str, str], query: dict[str, Any], body: Any, options: Options
    ) -> T:
        call = Call(operation, ids, query, body, options)
        if operation.browser:
            url: Any = self.api_client.url_of(call)
            return cast("T", url)
        return (await self.api_client.execute(call)).data

    async def _call_with_info(
        self, operation: Operation[T], ids: dict[str, str], query: dict[str, Any], body: Any, options: Options
    ) -> ApiResponse[T]:
        return await self.api_client.execute(Call(operation, ids, query, body, options))

    async def _open(
        self, operation: Operation[Any], ids: dict[str, str], query: dict[str, Any], body: Any, options: Options
    ) -> Any:
        return await self.api_client.open(Call(operation, ids, query, body, options))

    @staticmethod
    async def _iterate(
        fetch: Callable[[Page], Awaitable[T]],
        items_of: Callable[[T], list[Item] | None],
        size: int,
        *,
        backwards: bool = False,
    ) -> AsyncIterator[Item]:
        walk = Walk(items_of, size, backwards=backwards)
        while walk.page is not None:
            response = await fetch(walk.page)
            for item in walk.items(response):
                yield item
            walk.advance(response)
