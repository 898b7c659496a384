"""The error envelope."""

from __future__ import annotations

from sunshine_conversations_client._model import Model


class Error(Model):
    code: str | None = None
    title: str | None = None


class ErrorResponse(Model):
    """What every answer other than 2xx holds; several errors only in a 400."""

    errors: list[Error] | None = None
