"""Apps, which hold integrations."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

from sunshine_conversations_client._operations import UNSET, Call, Operation, page_after
from sunshine_conversations_client.aio.api_client import ApiClient
from sunshine_conversations_client.models._apps import (
    App,
    AppCreateBody,
    AppListFilter,
    AppListResponse,
    AppResponse,
    AppUpdateBody,
)
from sunshine_conversations_client.models._paging import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from sunshine_conversations_client._operations import RequestTimeout
    from sunshine_conversations_client.api_response import ApiResponse

_CREATE_APP = Operation("POST", "/v2/apps", AppResponse, (AppCreateBody,))
_DELETE_APP = Operation("DELETE", "/v2/apps/{app_id}", None)
_GET_APP = Operation("GET", "/v2/apps/{app_id}", AppResponse)
_LIST_APPS = Operation("GET", "/v2/apps", AppListResponse)
_UPDATE_APP = Operation("PATCH", "/v2/apps/{app_id}", AppResponse, (AppUpdateBody,))


class AppsApi:
    """Apps, which hold integrations."""

    def __init__(self, api_client: ApiClient) -> None:
        self.api_client = api_client

    async def create_app(
        self,
        app_create_body: AppCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> AppResponse:
        """Create an app.

        Raises BadRequestException, UnauthorizedException, ForbiddenException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _CREATE_APP, {}, {}, app_create_body, _request_timeout, _request_auth, _content_type, _headers, _host_index
        )
        answer: AppResponse = (await self.api_client.execute(call)).data
        return answer

    async def create_app_with_http_info(
        self,
        app_create_body: AppCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[AppResponse]:
        """As `create_app`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _CREATE_APP, {}, {}, app_create_body, _request_timeout, _request_auth, _content_type, _headers, _host_index
        )
        answer: ApiResponse[AppResponse] = await self.api_client.execute(call)
        return answer

    async def create_app_without_preload_content(
        self,
        app_create_body: AppCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `create_app`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _CREATE_APP,
                {},
                {},
                app_create_body,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def delete_app(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> object:
        """Delete an app with its integrations and all their keys.

        Raises UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _DELETE_APP,
            {"app_id": app_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: object = (await self.api_client.execute(call)).data
        return answer

    async def delete_app_with_http_info(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[object]:
        """As `delete_app`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _DELETE_APP,
            {"app_id": app_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[object] = await self.api_client.execute(call)
        return answer

    async def delete_app_without_preload_content(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `delete_app`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _DELETE_APP,
                {"app_id": app_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def get_app(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> AppResponse:
        """Fetch an app.

        Raises UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _GET_APP,
            {"app_id": app_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: AppResponse = (await self.api_client.execute(call)).data
        return answer

    async def get_app_with_http_info(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[AppResponse]:
        """As `get_app`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _GET_APP,
            {"app_id": app_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[AppResponse] = await self.api_client.execute(call)
        return answer

    async def get_app_without_preload_content(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `get_app`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _GET_APP,
                {"app_id": app_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def list_apps(
        self,
        page: Page | dict[str, Any] | None = None,
        filter: AppListFilter | dict[str, Any] | None = None,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> AppListResponse:
        """List apps, a page at a time.

        Raises BadRequestException, UnauthorizedException, ForbiddenException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _LIST_APPS,
            {},
            {"page": (Page, page), "filter": (AppListFilter, filter)},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: AppListResponse = (await self.api_client.execute(call)).data
        return answer

    async def list_apps_with_http_info(
        self,
        page: Page | dict[str, Any] | None = None,
        filter: AppListFilter | dict[str, Any] | None = None,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[AppListResponse]:
        """As `list_apps`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _LIST_APPS,
            {},
            {"page": (Page, page), "filter": (AppListFilter, filter)},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[AppListResponse] = await self.api_client.execute(call)
        return answer

    async def list_apps_without_preload_content(
        self,
        page: Page | dict[str, Any] | None = None,
        filter: AppListFilter | dict[str, Any] | None = None,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `list_apps`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _LIST_APPS,
                {},
                {"page": (Page, page), "filter": (AppListFilter, filter)},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def iterate_apps(
        self,
        filter: AppListFilter | dict[str, Any] | None = None,
        size: int = 100,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> AsyncIterator[App]:
        """All apps that `filter` lets through, fetched page by page of `size` as they are asked for.

        Raises what `list_apps` does.
        """
        page: Page | None = Page(size=size)
        while page is not None:
            answer = await self.list_apps(
                page, filter, _request_timeout, _request_auth, _content_type, _headers, _host_index
            )
            for each in answer.apps or ():
                yield each
            page = page_after(answer, answer.apps, page)

    async def update_app(
        self,
        app_id: str,
        app_update_body: AppUpdateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> AppResponse:
        """Change what the body names of an app.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _UPDATE_APP,
            {"app_id": app_id},
            {},
            app_update_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: AppResponse = (await self.api_client.execute(call)).data
        return answer

    async def update_app_with_http_info(
        self,
        app_id: str,
        app_update_body: AppUpdateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[AppResponse]:
        """As `update_app`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _UPDATE_APP,
            {"app_id": app_id},
            {},
            app_update_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[AppResponse] = await self.api_client.execute(call)
        return answer

    async def update_app_without_preload_content(
        self,
        app_id: str,
        app_update_body: AppUpdateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `update_app`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _UPDATE_APP,
                {"app_id": app_id},
                {},
                app_update_body,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )
