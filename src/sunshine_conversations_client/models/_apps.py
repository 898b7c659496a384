"""Apps."""

from __future__ import annotations

from sunshine_conversations_client._model import TYPE_CHECKING, Model
from sunshine_conversations_client.models._paging import Links, Meta

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "App",
    "AppCreateBody",
    "AppListFilter",
    "AppListResponse",
    "AppResponse",
    "AppSettings",
    "AppUpdateBody",
    "Links",
    "Meta",
]


class AppSettings(Model):
    conversation_retention_seconds: int | None = None
    mask_credit_card_numbers: bool | None = None
    use_animal_names: bool | None = None
    echo_postback: bool | None = None
    ignore_auto_conversation_start: bool | None = None
    multi_convo_enabled: bool | None = None
    app_localization_enabled: bool | None = None
    end_session_enabled: bool | None = None
    disable_conversation_reopen: bool | None = None


class App(Model):
    """An app. `subdomain` is told by `get_app` and `get_token_info` only."""

    id: str | None = None
    display_name: str | None = None
    settings: AppSettings | None = None
    metadata: dict[str, Any] | None = None
    subdomain: str | None = None
    _nullable = frozenset({"display_name", "metadata"})


class AppCreateBody(Model):
    """What an app is made of; the service asks for a `display_name` of 1 to 100 characters."""

    display_name: str | None = None
    settings: AppSettings | None = None
    metadata: dict[str, Any] | None = None
    _nullable = frozenset({"metadata"})


class AppUpdateBody(Model):
    """What of an app is to change; a `metadata` of None clears it."""

    display_name: str | None = None
    settings: AppSettings | None = None
    metadata: dict[str, Any] | None = None
    _nullable = frozenset({"metadata"})


class AppListFilter(Model):
    service_account_id: str | None = None


class AppResponse(Model):
    app: App = None  # type: ignore[assignment]  # there in every answer


class AppListResponse(Model):
    apps: list[App] = None  # type: ignore[assignment]  # there in every answer
    meta: Meta | None = None
    links: Links | None = None
