"""The result of the `…_with_http_info` methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class ApiResponse(Generic[T]):
    """Hold an answer: its status, its headers (names match in any case), its data as a model, and the bytes of its body.

    `deleted_before` is True if the answer to a DELETE was lost and its repetition got a 404: the first one had succeeded.
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
        """True if the service had already carried out a create with this Idempotency-Key and repeated its first answer."""
        return self.headers.get("idempotency-replayed") == "true"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiResponse) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # the official class is not hashable either

    def __repr__(self) -> str:
        shown = (
            repr(self.data) if hasattr(self.data, "to_dict") else f"({type(self.data).__name__})"
        )  # a model has no secret in its repr
        return f"ApiResponse(status_code={self.status_code}, data={shown})"
