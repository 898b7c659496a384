"""The base of the API classes, which scripts/generate_client.py writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from sunshine_conversations_client import _legacy
from sunshine_conversations_client._operations import Call
from sunshine_conversations_client._paging import Walk
from sunshine_conversations_client.api_client import ApiClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sunshine_conversations_client._legacy import LegacyOptions
    from sunshine_conversations_client._operations import Operation, Options
    from sunshine_conversations_client.api_response import ApiResponse
    from sunshine_conversations_client.models._paging import Page

    T = TypeVar("T")
    Item = TypeVar("Item")


class Api:
    """A group of operations. Without an `api_client`, it uses `ApiClient.get_default()`.

    Every method raises ApiArgumentError before it sends anything, ApiConnectionError if no response arrives, and the
    ApiException of the status if that is not 2xx.
    """

    _earlier: ClassVar[dict[str, dict[str, str]]] = {}
    """Arguments of versions before 17, by method: the earlier names with the present ones."""

    def __init_subclass__(cls) -> None:
        for name, names in cls._earlier.items():
            for variant in (name, f"{name}_with_http_info"):
                setattr(cls, variant, _legacy.renamed(getattr(cls, variant), names))

    def __init__(self, api_client: ApiClient | None = None) -> None:
        self.api_client = ApiClient.get_default() if api_client is None else api_client

    def _call(
        self,
        operation: Operation[T],
        ids: dict[str, str],
        query: dict[str, Any],
        body: Any,
        options: Options,
        legacy: LegacyOptions,
    ) -> T:
        call = Call(operation, ids, query, body, options)
        if legacy:
            result: T = _legacy.run(self.api_client, call, legacy, info=False)
            return result
        if operation.browser:
            url: Any = self.api_client.url_of(call)
            return cast("T", url)
        return self.api_client.execute(call).data

    def _call_with_info(
        self,
        operation: Operation[T],
        ids: dict[str, str],
        query: dict[str, Any],
        body: Any,
        options: Options,
        legacy: LegacyOptions,
    ) -> ApiResponse[T]:
        call = Call(operation, ids, query, body, options)
        if legacy:
            result: ApiResponse[T] = _legacy.run(self.api_client, call, legacy, info=True)
            return result
        return self.api_client.execute(call)

    def _open(
        self, operation: Operation[Any], ids: dict[str, str], query: dict[str, Any], body: Any, options: Options
    ) -> Any:
        return self.api_client.open(Call(operation, ids, query, body, options))

    @staticmethod
    def _iterate(
        fetch: Callable[[Page], T], items_of: Callable[[T], list[Item] | None], size: int, *, backwards: bool = False
    ) -> Iterator[Item]:
        walk = Walk(items_of, size, backwards=backwards)
        while walk.page is not None:
            response = fetch(walk.page)
            yield from walk.items(response)
            walk.advance(response)
