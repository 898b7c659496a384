"""Webhooks of custom integrations. An integration's own key may use those of its integration."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

from sunshine_conversations_client import _legacy
from sunshine_conversations_client._operations import UNSET, Call, Operation
from sunshine_conversations_client.api_client import ApiClient
from sunshine_conversations_client.models._webhooks import (
    WebhookBody,
    WebhookCreateBody,
    WebhookListResponse,
    WebhookResponse,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Unpack

    from sunshine_conversations_client._legacy import LegacyOptions
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

    def __init__(self, api_client: ApiClient | None = None) -> None:
        self.api_client = ApiClient.get_default() if api_client is None else api_client

    def create_webhook(
        self,
        app_id: str,
        integration_id: str,
        webhook_create_body: WebhookCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: WebhookResponse = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def create_webhook_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        webhook_create_body: WebhookCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: ApiResponse[WebhookResponse] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def create_webhook_without_preload_content(
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
        """As `create_webhook`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
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

    def delete_webhook(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: object = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def delete_webhook_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: ApiResponse[object] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def delete_webhook_without_preload_content(
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
        """As `delete_webhook`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
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

    def get_webhook(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: WebhookResponse = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def get_webhook_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        webhook_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: ApiResponse[WebhookResponse] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def get_webhook_without_preload_content(
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
        """As `get_webhook`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
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

    def list_webhooks(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: WebhookListResponse = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def list_webhooks_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
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
        answer: ApiResponse[WebhookListResponse] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def list_webhooks_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `list_webhooks`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
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

    def update_webhook(
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
        **legacy: Unpack[LegacyOptions],
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
        answer: WebhookResponse = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def update_webhook_with_http_info(
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
        **legacy: Unpack[LegacyOptions],
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
        answer: ApiResponse[WebhookResponse] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def update_webhook_without_preload_content(
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
        """As `update_webhook`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
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
