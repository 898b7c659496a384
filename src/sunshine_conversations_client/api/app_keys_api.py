"""Keys of apps (`app_…`), which may do everything in their app but account provisioning. An app has at most ten."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

from sunshine_conversations_client import _legacy
from sunshine_conversations_client._operations import UNSET, Call, Operation
from sunshine_conversations_client.api_client import ApiClient
from sunshine_conversations_client.models._keys import AppKeyCreateBody, AppKeyListResponse, AppKeyResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Unpack

    from sunshine_conversations_client._legacy import LegacyOptions
    from sunshine_conversations_client._operations import RequestTimeout
    from sunshine_conversations_client.api_response import ApiResponse

_CREATE_APP_KEY = Operation("POST", "/v2/apps/{app_id}/keys", AppKeyResponse, (AppKeyCreateBody,))
_DELETE_APP_KEY = Operation("DELETE", "/v2/apps/{app_id}/keys/{key_id}", None)
_GET_APP_KEY = Operation("GET", "/v2/apps/{app_id}/keys/{key_id}", AppKeyResponse)
_LIST_APP_KEYS = Operation("GET", "/v2/apps/{app_id}/keys", AppKeyListResponse)


class AppKeysApi:
    """Keys of apps (`app_…`), which may do everything in their app but account provisioning. An app has at most ten."""

    def __init__(self, api_client: ApiClient | None = None) -> None:
        self.api_client = ApiClient.get_default() if api_client is None else api_client

    def create_app_key(
        self,
        app_id: str,
        app_key_create_body: AppKeyCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> AppKeyResponse:
        """Create a key for an app; the answer holds its id and secret.

        Raises BadRequestException, UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _CREATE_APP_KEY,
            {"app_id": app_id},
            {},
            app_key_create_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: AppKeyResponse = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def create_app_key_with_http_info(
        self,
        app_id: str,
        app_key_create_body: AppKeyCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> ApiResponse[AppKeyResponse]:
        """As `create_app_key`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _CREATE_APP_KEY,
            {"app_id": app_id},
            {},
            app_key_create_body,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[AppKeyResponse] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def create_app_key_without_preload_content(
        self,
        app_id: str,
        app_key_create_body: AppKeyCreateBody | dict[str, Any],
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `create_app_key`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
            Call(
                _CREATE_APP_KEY,
                {"app_id": app_id},
                {},
                app_key_create_body,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    def delete_app_key(
        self,
        app_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> object:
        """Delete an app's key: from then on it authenticates nothing, nor does any token it signed.

        Raises UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _DELETE_APP_KEY,
            {"app_id": app_id, "key_id": key_id},
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

    def delete_app_key_with_http_info(
        self,
        app_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> ApiResponse[object]:
        """As `delete_app_key`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _DELETE_APP_KEY,
            {"app_id": app_id, "key_id": key_id},
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

    def delete_app_key_without_preload_content(
        self,
        app_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `delete_app_key`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
            Call(
                _DELETE_APP_KEY,
                {"app_id": app_id, "key_id": key_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    def get_app_key(
        self,
        app_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> AppKeyResponse:
        """Fetch an app's key with its secret.

        Raises UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _GET_APP_KEY,
            {"app_id": app_id, "key_id": key_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: AppKeyResponse = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def get_app_key_with_http_info(
        self,
        app_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> ApiResponse[AppKeyResponse]:
        """As `get_app_key`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _GET_APP_KEY,
            {"app_id": app_id, "key_id": key_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[AppKeyResponse] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def get_app_key_without_preload_content(
        self,
        app_id: str,
        key_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `get_app_key`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
            Call(
                _GET_APP_KEY,
                {"app_id": app_id, "key_id": key_id},
                {},
                None,
                _request_timeout,
                _request_auth,
                _content_type,
                _headers,
                _host_index,
            )
        )

    def list_app_keys(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> AppKeyListResponse:
        """List an app's keys with their secrets.

        Raises UnauthorizedException, ForbiddenException, NotFoundException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _LIST_APP_KEYS,
            {"app_id": app_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: AppKeyListResponse = (
            _legacy.run(self.api_client, call, legacy, info=False) if legacy else (self.api_client.execute(call)).data
        )
        return answer

    def list_app_keys_with_http_info(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
        **legacy: Unpack[LegacyOptions],
    ) -> ApiResponse[AppKeyListResponse]:
        """As `list_app_keys`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _LIST_APP_KEYS,
            {"app_id": app_id},
            {},
            None,
            _request_timeout,
            _request_auth,
            _content_type,
            _headers,
            _host_index,
        )
        answer: ApiResponse[AppKeyListResponse] = (
            _legacy.run(self.api_client, call, legacy, info=True) if legacy else self.api_client.execute(call)
        )
        return answer

    def list_app_keys_without_preload_content(
        self,
        app_id: str,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `list_app_keys`, but returns urllib3's response unread, whatever its status."""
        return self.api_client.open(
            Call(
                _LIST_APP_KEYS,
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
