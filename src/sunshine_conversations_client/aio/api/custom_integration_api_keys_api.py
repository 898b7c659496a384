"""Keys of custom integrations (`int_…`). An integration has at most ten, and only one of type `custom` has any."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

from sunshine_conversations_client._operations import UNSET, Call, Operation
from sunshine_conversations_client.aio.api_client import ApiClient
from sunshine_conversations_client.models._keys import (
    IntegrationApiKey,
    IntegrationApiKeyListResponse,
    IntegrationApiKeyResponse,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._operations import RequestTimeout
    from sunshine_conversations_client.api_response import ApiResponse

_CREATE_CUSTOM_INTEGRATION_KEY = Operation(
    "POST", "/v2/apps/{app_id}/integrations/{integration_id}/keys", IntegrationApiKeyResponse, (IntegrationApiKey,)
)
_DELETE_CUSTOM_INTEGRATION_KEY = Operation(
    "DELETE", "/v2/apps/{app_id}/integrations/{integration_id}/keys/{key_id}", None
)
_GET_CUSTOM_INTEGRATION_KEY = Operation(
    "GET", "/v2/apps/{app_id}/integrations/{integration_id}/keys/{key_id}", IntegrationApiKeyResponse
)
_LIST_CUSTOM_INTEGRATION_KEYS = Operation(
    "GET", "/v2/apps/{app_id}/integrations/{integration_id}/keys", IntegrationApiKeyListResponse
)


class CustomIntegrationApiKeysApi:
    """Keys of custom integrations (`int_…`). An integration has at most ten, and only one of type `custom` has any."""

    def __init__(self, api_client: ApiClient) -> None:
        self.api_client = api_client

    async def create_custom_integration_key(
        self,
        app_id: str,
        integration_id: str,
        integration_api_key: IntegrationApiKey | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> IntegrationApiKeyResponse:
        """Create a key for a custom integration; the answer holds its id and secret.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _CREATE_CUSTOM_INTEGRATION_KEY,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            integration_api_key,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: IntegrationApiKeyResponse = (await self.api_client.execute(call)).data
        return answer

    async def create_custom_integration_key_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        integration_api_key: IntegrationApiKey | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[IntegrationApiKeyResponse]:
        """As `create_custom_integration_key`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _CREATE_CUSTOM_INTEGRATION_KEY,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            integration_api_key,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[IntegrationApiKeyResponse] = await self.api_client.execute(call)
        return answer

    async def create_custom_integration_key_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        integration_api_key: IntegrationApiKey | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `create_custom_integration_key`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _CREATE_CUSTOM_INTEGRATION_KEY,
                {"app_id": app_id, "integration_id": integration_id},
                {},
                integration_api_key,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def delete_custom_integration_key(
        self,
        app_id: str,
        integration_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> object:
        """Delete an integration's key: from then on it authenticates nothing, nor does any token it signed.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _DELETE_CUSTOM_INTEGRATION_KEY,
            {"app_id": app_id, "integration_id": integration_id, "key_id": key_id},
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

    async def delete_custom_integration_key_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[object]:
        """As `delete_custom_integration_key`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _DELETE_CUSTOM_INTEGRATION_KEY,
            {"app_id": app_id, "integration_id": integration_id, "key_id": key_id},
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

    async def delete_custom_integration_key_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `delete_custom_integration_key`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _DELETE_CUSTOM_INTEGRATION_KEY,
                {"app_id": app_id, "integration_id": integration_id, "key_id": key_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def get_custom_integration_key(
        self,
        app_id: str,
        integration_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> IntegrationApiKeyResponse:
        """Fetch an integration's key with its secret.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _GET_CUSTOM_INTEGRATION_KEY,
            {"app_id": app_id, "integration_id": integration_id, "key_id": key_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: IntegrationApiKeyResponse = (await self.api_client.execute(call)).data
        return answer

    async def get_custom_integration_key_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[IntegrationApiKeyResponse]:
        """As `get_custom_integration_key`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _GET_CUSTOM_INTEGRATION_KEY,
            {"app_id": app_id, "integration_id": integration_id, "key_id": key_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[IntegrationApiKeyResponse] = await self.api_client.execute(call)
        return answer

    async def get_custom_integration_key_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `get_custom_integration_key`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _GET_CUSTOM_INTEGRATION_KEY,
                {"app_id": app_id, "integration_id": integration_id, "key_id": key_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    async def list_custom_integration_keys(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> IntegrationApiKeyListResponse:
        """List an integration's keys with their secrets.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _LIST_CUSTOM_INTEGRATION_KEYS,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: IntegrationApiKeyListResponse = (await self.api_client.execute(call)).data
        return answer

    async def list_custom_integration_keys_with_http_info(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[IntegrationApiKeyListResponse]:
        """As `list_custom_integration_keys`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _LIST_CUSTOM_INTEGRATION_KEYS,
            {"app_id": app_id, "integration_id": integration_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[IntegrationApiKeyListResponse] = await self.api_client.execute(call)
        return answer

    async def list_custom_integration_keys_without_preload_content(
        self,
        app_id: str,
        integration_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `list_custom_integration_keys`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(
                _LIST_CUSTOM_INTEGRATION_KEYS,
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
