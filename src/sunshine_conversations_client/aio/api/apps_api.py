"""AppsApi. Written by scripts/generate_client.py; change that, not this."""

from __future__ import annotations

from sunshine_conversations_client._operations import UNSET, Call, Operation
from sunshine_conversations_client.aio.api_client import ApiClient
from sunshine_conversations_client.models._apps import (
    AppCreateBody,
    AppListFilter,
    AppListResponse,
    AppResponse,
    AppUpdateBody,
)
from sunshine_conversations_client.models._paging import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        return (
            await self.create_app_with_http_info(
                app_create_body, _request_timeout, _request_auth, _content_type, _headers, _host_index
            )
        ).data

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
        return await self.api_client.execute(
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
        return (
            await self.delete_app_with_http_info(
                app_id, _request_timeout, _request_auth, _content_type, _headers, _host_index
            )
        ).data

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
        return await self.api_client.execute(
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
        return (
            await self.get_app_with_http_info(
                app_id, _request_timeout, _request_auth, _content_type, _headers, _host_index
            )
        ).data

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
        return await self.api_client.execute(
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
        return (
            await self.list_apps_with_http_info(
                page, filter, _request_timeout, _request_auth, _content_type, _headers, _host_index
            )
        ).data

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
        return await self.api_client.execute(
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
        return (
            await self.update_app_with_http_info(
                app_id, app_update_body, _request_timeout, _request_auth, _content_type, _headers, _host_index
            )
        ).data

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
        return await self.api_client.execute(
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
