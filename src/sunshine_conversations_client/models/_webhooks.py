"""Webhooks of custom integrations."""

from __future__ import annotations

from sunshine_conversations_client._model import Model


class Webhook(Model):
    """A webhook. Its `id` and `version` are the service's, so `to_dict`, which makes a request, leaves them out."""

    id: str | None = None
    version: str | None = None
    target: str | None = None
    triggers: list[str] | None = None
    secret: str | None = None
    include_full_user: bool | None = None
    include_full_source: bool | None = None
    _read_only = frozenset({"id", "version"})
    _secret = frozenset({"secret"})


class WebhookCreateBody(Model):
    """What a webhook is made of; the service asks for a `target` and `triggers`."""

    target: str | None = None
    triggers: list[str] | None = None
    include_full_user: bool | None = None
    include_full_source: bool | None = None


class WebhookBody(Model):
    """What of a webhook is to change; what is unset stays as it is."""

    target: str | None = None
    triggers: list[str] | None = None
    include_full_user: bool | None = None
    include_full_source: bool | None = None


class WebhookResponse(Model):
    webhook: Webhook = None  # type: ignore[assignment]  # there in every answer


class WebhookListResponse(Model):
    webhooks: list[Webhook] = None  # type: ignore[assignment]  # there in every answer
