"""Keys of custom integrations and of apps."""

from __future__ import annotations

from sunshine_conversations_client._model import Model


class IntegrationApiKey(Model):
    """What a key of a custom integration is made of; the service asks for a `display_name` of 1 to 100 characters."""

    display_name: str | None = None


class ApiKey(Model):
    """A key of a custom integration: its id (`int_…`), name and secret."""

    id: str | None = None
    display_name: str | None = None
    secret: str | None = None
    _nullable = frozenset({"display_name"})
    _secret = frozenset({"secret"})


class IntegrationApiKeyResponse(Model):
    key: ApiKey = None  # type: ignore[assignment]  # there in every answer


class IntegrationApiKeyListResponse(Model):
    keys: list[ApiKey] = None  # type: ignore[assignment]  # there in every answer


class AppKeyCreateBody(Model):
    """What an app's key is made of; the service asks for a `display_name` of 1 to 100 characters."""

    display_name: str | None = None


class AppKey(Model):
    """A key of an app: its id (`app_…`), name and secret."""

    id: str | None = None
    display_name: str | None = None
    secret: str | None = None
    _secret = frozenset({"secret"})


class AppKeyResponse(Model):
    key: AppKey = None  # type: ignore[assignment]  # there in every answer


class AppKeyListResponse(Model):
    keys: list[AppKey] = None  # type: ignore[assignment]  # there in every answer
