"""What the `…_with_http_info` methods return."""

from __future__ import annotations

from typing import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sunshine_conversations_client._messages import Headers

T = TypeVar("T")


class ApiResponse(Generic[T]):
    """An answer: its HTTP status, its headers (names in any case), its data as a model, and its bytes."""

    def __init__(self, status_code: int, headers: Headers, data: T, raw_data: bytes) -> None:
        self.status_code = status_code
        self.headers = headers
        self.data = data
        self.raw_data = raw_data

    def __repr__(self) -> str:
        return f"ApiResponse(status_code={self.status_code}, data={self.data!r})"
