"""What the credentials themselves belong to."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

from sunshine_conversations_client._operations import UNSET, Call, Operation
from sunshine_conversations_client.aio.api_client import ApiClient
from sunshine_conversations_client.models._apps import AppResponse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._operations import RequestTimeout
    from sunshine_conversations_client.api_response import ApiResponse

_GET_TOKEN_INFO = Operation("GET", "/v2/tokenInfo", AppResponse)


class OAuthEndpointsApi:
    """What the credentials themselves belong to."""

    def __init__(self, api_client: ApiClient) -> None:
        self.api_client = api_client

    async def get_token_info(
        self,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> AppResponse:
        """Fetch the app the credentials belong to.

        Raises UnauthorizedException, ForbiddenException; ApiArgumentError before anything is sent;
        ApiConnectionError where no answer came.
        """
        call = Call(
            _GET_TOKEN_INFO, {}, {}, None, _request_timeout, _request_auth, _content_type, _headers, _host_index
        )
        answer: AppResponse = (await self.api_client.execute(call)).data
        return answer

    async def get_token_info_with_http_info(
        self,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> ApiResponse[AppResponse]:
        """As `get_token_info`, with the status, the headers and the raw data of the answer."""
        call = Call(
            _GET_TOKEN_INFO, {}, {}, None, _request_timeout, _request_auth, _content_type, _headers, _host_index
        )
        answer: ApiResponse[AppResponse] = await self.api_client.execute(call)
        return answer

    async def get_token_info_without_preload_content(
        self,
        _request_timeout: RequestTimeout = UNSET,
        _request_auth: dict[str, Any] | None = None,
        _content_type: str | None = None,
        _headers: dict[str, str] | None = None,
        _host_index: int = 0,
    ) -> Any:
        """As `get_token_info`, but returns aiohttp's response unread, whatever its status."""
        return await self.api_client.open(
            Call(_GET_TOKEN_INFO, {}, {}, None, _request_timeout, _request_auth, _content_type, _headers, _host_index)
        )
