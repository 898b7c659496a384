"""What the `…_with_http_info` methods return."""

from __future__ import annotations

from typing import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class ApiResponse(Generic[T]):
    """An answer: its HTTP status, its headers (names in any case), its data as a model, and its bytes.

    `deleted_before` tells that a DELETE whose answer was lost had succeeded, and that its repetition met a 404.
    """

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str] | None = None,
        *,
        data: T,
        raw_data: bytes,
        deleted_before: bool = False,
    ) -> None:
        self.status_code = status_code
        self.headers: Mapping[str, str] = {} if headers is None else headers
        self.data = data
        self.raw_data = raw_data
        self.deleted_before = deleted_before

    @property
    def replayed(self) -> bool:
        """Whether the service had done this create before, by its Idempotency-Key, and answered as the first time."""
        return self.headers.get("idempotency-replayed") == "true"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiResponse) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # as the official one's

    def __repr__(self) -> str:
        return f"ApiResponse(status_code={self.status_code}, data={self.data!r})"
