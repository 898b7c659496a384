"""Integrations of an app: its channels, and the custom integrations that have keys."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

from sunshine_conversations_client._operations import UNSET, Call, Operation, page_after
from sunshine_conversations_client.aio.api_client import ApiClient
from sunshine_conversations_client.models._integration_updates import IntegrationUpdate, IntegrationUpdateBase
from sunshine_conversations_client.models._integrations import (
    Integration,
    IntegrationListFilter,
    IntegrationListResponse,
    IntegrationResponse,
)
from sunshine_conversations_client.models._paging import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from sunshine_conversations_client._operations import RequestTimeout
    from sunshine_conversations_client.api_response import ApiResponse

_CREATE_INTEGRATION = Operation("POST", "/v2/apps/{app_id}/integrations", IntegrationResponse, (Integration,))
_DELETE_INTEGRATION = Operation("DELETE", "/v2/apps/{app_id}/integrations/{integration_id}", None)
_GET_INTEGRATION = Operation("GET", "/v2/apps/{app_id}/integrations/{integration_id}", IntegrationResponse)
_LIST_INTEGRATIONS = Operation("GET", "/v2/apps/{app_id}/integrations", IntegrationListResponse)
_UPDATE_INTEGRATION = Operation(
    "PATCH",
    "/v2/apps/{app_id}/integrations/{integration_id}",
    IntegrationResponse,
    (
        IntegrationUpdate,
        IntegrationUpdateBase,
    ),
)


class IntegrationsApi:
    """Integrations of an app: its channels, and the custom integrations that have keys."""

    def __init__(self, api_client: ApiClient) -> None:
        self.api_client = api_client

    async def create_integration(
        self,
        app_id: str,
        integration: Integration | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> IntegrationResponse:
        """Create an integration, for instance a `Custom` one with its webhook.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _CREATE_INTEGRATION,
            {"app_id": app_id},
            {},
            integration,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: IntegrationResponse = (await self.api_client.execute(call)).data
        return answer

    async def create_integration_with_http_info(
        self,
        app_id: str,
        integration: Integration | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[IntegrationResponse]:
        """As `create_integration`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _CREATE_INTEGRATION,
            {"app_id": app_id},
            {},
            integration,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[IntegrationResponse] = await self.api_client.execute(call)
        return answer

    async def create_integration_without_preload_content(
        self,
        app_id: str,
        integration: Integration | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `create_integration`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _CREATE_INTEGRATION,
                {"app_id": app_id},
                {},
                integration,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def delete_integration(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> object:
        """Delete an integration with its keys and webhooks.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _DELETE_INTEGRATION,
            {"app_id": app_id, "integration_id": integration_id},
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

    async def delete_integration_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[object]:
        """As `delete_integration`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _DELETE_INTEGRATION,
            {"app_id": app_id, "integration_id": integration_id},
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

    async def delete_integration_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `delete_integration`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _DELETE_INTEGRATION,
                {"app_id": app_id, "integration_id": integration_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def get_integration(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> IntegrationResponse:
        """Fetch an integration.

        Raises UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _GET_INTEGRATION,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: IntegrationResponse = (await self.api_client.execute(call)).data
        return answer

    async def get_integration_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[IntegrationResponse]:
        """As `get_integration`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _GET_INTEGRATION,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[IntegrationResponse] = await self.api_client.execute(call)
        return answer

    async def get_integration_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `get_integration`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _GET_INTEGRATION,
                {"app_id": app_id, "integration_id": integration_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def list_integrations(
        self,
        app_id: str,
        page: Page | dict[str, Any] | None = None,
        filter: IntegrationListFilter | dict[str, Any] | None = None,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> IntegrationListResponse:
        """List an app's integrations, a page at a time.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _LIST_INTEGRATIONS,
            {"app_id": app_id},
            {"page": (Page, page), "filter": (IntegrationListFilter, filter)},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: IntegrationListResponse = (await self.api_client.execute(call)).data
        return answer

    async def list_integrations_with_http_info(
        self,
        app_id: str,
        page: Page | dict[str, Any] | None = None,
        filter: IntegrationListFilter | dict[str, Any] | None = None,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[IntegrationListResponse]:
        """As `list_integrations`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _LIST_INTEGRATIONS,
            {"app_id": app_id},
            {"page": (Page, page), "filter": (IntegrationListFilter, filter)},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[IntegrationListResponse] = await self.api_client.execute(call)
        return answer

    async def list_integrations_without_preload_content(
        self,
        app_id: str,
        page: Page | dict[str, Any] | None = None,
        filter: IntegrationListFilter | dict[str, Any] | None = None,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `list_integrations`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _LIST_INTEGRATIONS,
                {"app_id": app_id},
                {"page": (Page, page), "filter": (IntegrationListFilter, filter)},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def iterate_integrations(
        self,
        app_id: str,
        filter: IntegrationListFilter | dict[str, Any] | None = None,
        size: int = 100,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> AsyncIterator[Integration]:
        """All integrations that `filter` lets through, fetched page by page of `size` as they are asked for.

        Raises what `list_integrations` does.
        """
        page: Page | None = Page(size=size)
        while page is not None:
            answer = await self.list_integrations(
                app_id, page, filter, _request_timeout, _request_auth, _content_type, _headers, _host_index
            )
            for each in answer.integrations or ():
                yield each
            page = page_after(answer, answer.integrations, page)

    async def update_integration(
        self,
        app_id: str,
        integration_id: str,
        integration_update: IntegrationUpdate | IntegrationUpdateBase | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> IntegrationResponse:
        """Change what the body names of an integration.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _UPDATE_INTEGRATION,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            integration_update,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: IntegrationResponse = (await self.api_client.execute(call)).data
        return answer

    async def update_integration_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        integration_update: IntegrationUpdate | IntegrationUpdateBase | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[IntegrationResponse]:
        """As `update_integration`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _UPDATE_INTEGRATION,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            integration_update,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[IntegrationResponse] = await self.api_client.execute(call)
        return answer

    async def update_integration_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        integration_update: IntegrationUpdate | IntegrationUpdateBase | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `update_integration`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _UPDATE_INTEGRATION,
                {"app_id": app_id, "integration_id": integration_id},
                {},
                integration_update,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )
