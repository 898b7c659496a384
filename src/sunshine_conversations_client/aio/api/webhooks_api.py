"""Webhooks of custom integrations. An integration's own key may use those of its integration."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

from sunshine_conversations_client._operations import UNSET, Call, Operation
from sunshine_conversations_client.aio.api_client import ApiClient
from sunshine_conversations_client.models._webhooks import (
    WebhookBody,
    WebhookCreateBody,
    WebhookListResponse,
    WebhookResponse,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._operations import RequestTimeout
    from sunshine_conversations_client.api_response import ApiResponse

_CREATE_WEBHOOK = Operation(
    "POST", "/v2/apps/{app_id}/integrations/{integration_id}/webhooks", WebhookResponse, (WebhookCreateBody,)
)
_DELETE_WEBHOOK = Operation("DELETE", "/v2/apps/{app_id}/integrations/{integration_id}/webhooks/{webhook_id}", None)
_GET_WEBHOOK = Operation(
    "GET", "/v2/apps/{app_id}/integrations/{integration_id}/webhooks/{webhook_id}", WebhookResponse
)
_LIST_WEBHOOKS = Operation("GET", "/v2/apps/{app_id}/integrations/{integration_id}/webhooks", WebhookListResponse)
_UPDATE_WEBHOOK = Operation(
    "PATCH", "/v2/apps/{app_id}/integrations/{integration_id}/webhooks/{webhook_id}", WebhookResponse, (WebhookBody,)
)


class WebhooksApi:
    """Webhooks of custom integrations. An integration's own key may use those of its integration."""

    def __init__(self, api_client: ApiClient) -> None:
        self.api_client = api_client

    async def create_webhook(
        self,
        app_id: str,
        integration_id: str,
        webhook_create_body: WebhookCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> WebhookResponse:
        """Create a webhook.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _CREATE_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            webhook_create_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: WebhookResponse = (await self.api_client.execute(call)).data
        return answer

    async def create_webhook_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        webhook_create_body: WebhookCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[WebhookResponse]:
        """As `create_webhook`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _CREATE_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            webhook_create_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[WebhookResponse] = await self.api_client.execute(call)
        return answer

    async def create_webhook_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        webhook_create_body: WebhookCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `create_webhook`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _CREATE_WEBHOOK,
                {"app_id": app_id, "integration_id": integration_id},
                {},
                webhook_create_body,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def delete_webhook(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> object:
        """Delete a webhook.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _DELETE_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
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

    async def delete_webhook_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[object]:
        """As `delete_webhook`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _DELETE_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
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

    async def delete_webhook_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `delete_webhook`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _DELETE_WEBHOOK,
                {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def get_webhook(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> WebhookResponse:
        """Fetch a webhook with its secret.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _GET_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: WebhookResponse = (await self.api_client.execute(call)).data
        return answer

    async def get_webhook_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[WebhookResponse]:
        """As `get_webhook`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _GET_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[WebhookResponse] = await self.api_client.execute(call)
        return answer

    async def get_webhook_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `get_webhook`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _GET_WEBHOOK,
                {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def list_webhooks(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> WebhookListResponse:
        """List an integration's webhooks with their secrets.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _LIST_WEBHOOKS,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: WebhookListResponse = (await self.api_client.execute(call)).data
        return answer

    async def list_webhooks_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[WebhookListResponse]:
        """As `list_webhooks`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _LIST_WEBHOOKS,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[WebhookListResponse] = await self.api_client.execute(call)
        return answer

    async def list_webhooks_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `list_webhooks`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _LIST_WEBHOOKS,
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

    async def update_webhook(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        webhook_body: WebhookBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> WebhookResponse:
        """Change what the body names of a webhook.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _UPDATE_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
            {},
            webhook_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: WebhookResponse = (await self.api_client.execute(call)).data
        return answer

    async def update_webhook_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        webhook_body: WebhookBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[WebhookResponse]:
        """As `update_webhook`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _UPDATE_WEBHOOK,
            {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
            {},
            webhook_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[WebhookResponse] = await self.api_client.execute(call)
        return answer

    async def update_webhook_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        webhook_body: WebhookBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `update_webhook`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _UPDATE_WEBHOOK,
                {"app_id": app_id, "integration_id": integration_id, "webhook_id": webhook_id},
                {},
                webhook_body,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )
