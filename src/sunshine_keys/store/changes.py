"""The writes a store can do, as data. The type parameter is what `Store.transact` returns for it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from sunshine_keys.models import App, AppPatch, Integration, Key, Webhook, WebhookPatch

R = TypeVar("R")


class Change(msgspec.Struct, Generic[R], frozen=True):
    """Base of all changes."""


class CreateApp(Change[App], frozen=True):
    app: App


class UpdateApp(Change[App], frozen=True):
    """Raises AppNotFound."""

    app_id: str
    patch: AppPatch


class DeleteApp(Change[None], frozen=True):
    """Takes the app's keys, integrations, their keys and webhooks with it. Raises AppNotFound."""

    app_id: str


class CreateIntegration(Change[Integration], frozen=True):
    """Raises AppNotFound."""

    integration: Integration
    webhooks: list[Webhook]


class UpdateIntegration(Change[Integration], frozen=True):
    """Merges `attributes` (None removes one). Raises AppNotFound, IntegrationNotFound."""

    app_id: str
    integration_id: str
    attributes: dict[str, Any]


class DeleteIntegration(Change[None], frozen=True):
    """Takes the integration's keys and webhooks with it. Raises AppNotFound, IntegrationNotFound."""

    app_id: str
    integration_id: str


class CreateKey(Change[Key], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration, or ten keys already)."""

    key: Key


class DeleteKey(Change[None], frozen=True):
    """Deletes an app's key (`integration_id` None) or an integration's.

    Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound.
    """

    app_id: str
    integration_id: str | None
    key_id: str


class CreateWebhook(Change[Webhook], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration)."""

    app_id: str
    webhook: Webhook


class UpdateWebhook(Change[Webhook], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound."""

    app_id: str
    integration_id: str
    webhook_id: str
    patch: WebhookPatch


class DeleteWebhook(Change[None], frozen=True):
    """Raises AppNotFound, IntegrationNotFound, BadRequest (not a custom integration), NotFound."""

    app_id: str
    integration_id: str
    webhook_id: str


class Initialise(Change[bool], frozen=True):
    """Write the first rows of an empty store, all or nothing. Returns False, changing nothing, where there are any.

    Sealing is recorded under `sealing_key_id`.
    """

    sealing_key_id: str
    apps: list[App]
    integrations: list[Integration]
    webhooks: list[Webhook]
    keys: list[Key]
