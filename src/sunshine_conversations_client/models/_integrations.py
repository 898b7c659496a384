"""Integrations: the common fields, and each published type's own."""

from __future__ import annotations

from sunshine_conversations_client._model import TYPE_CHECKING, Model
from sunshine_conversations_client.models._paging import Links, Meta
from sunshine_conversations_client.models._status import Status
from sunshine_conversations_client.models._webhooks import Webhook

if TYPE_CHECKING:
    import builtins
    from typing import Any, ClassVar, Self, cast
else:

    def cast(kind: str, value: object) -> object:
        return value


class Integration(Model):
    """An integration. What a server answers is modelled by the class of its `type`; one of a new type by this one."""

    id: str | None = None
    type: str | None = None
    status: Status | None = None
    display_name: str | None = None
    default_responder_id: str | None = None
    default_responder: DefaultResponderDefaultResponder | None = None
    show_ai_disclaimer: bool | None = None
    _wire_names: ClassVar[dict[str, str]] = {"show_ai_disclaimer": "showAIDisclaimer"}
    _nullable = frozenset({"display_name", "default_responder_id"})

    @classmethod
    def _class_for(cls, obj: dict[str, Any]) -> builtins.type[Self]:
        if cls is not Integration:
            return cls
        kind = obj.get("type")
        return cast("builtins.type[Self]", INTEGRATION_TYPES.get(kind, cls) if isinstance(kind, str) else cls)


class DefaultResponderDefaultResponder(Model):
    name: str | None = None
    integration_id: str | None = None
    integration_type: str | None = None
    deliver_standby_events: bool | None = None
    next_switchboard_integration_id: str | None = None
    message_history_count: float | None = None
    inherited: bool | None = None
    _nullable = frozenset({"next_switchboard_integration_id"})


class PrechatCapture(Model):
    avatar_url: str | None = None
    enabled: bool | None = None
    enable_email_linking: bool | None = None
    fields: list[ModelField] | None = None


class ModelField(Model):
    type: str | None = None
    name: str | None = None
    label: str | None = None
    text: str | None = None
    email: str | None = None
    select: list[dict[str, Any]] | None = None
    format: str | None = None
    placeholder: str | None = None


class IntegrationListFilter(Model):
    """`types`: a comma-separated list, as in "custom,web"."""

    types: str | None = None


class IntegrationResponse(Model):
    integration: Integration = None  # type: ignore[assignment]  # there in every answer


class IntegrationListResponse(Model):
    integrations: list[Integration] = None  # type: ignore[assignment]  # there in every answer
    meta: Meta | None = None
    links: Links | None = None


class Android(Integration):
    type: str | None = "android"
    project_id: str | None = None
    client_email: str | None = None
    private_key: str | None = None
    server_key: str | None = None
    sender_id: str | None = None
    can_user_see_conversation_list: bool | None = None
    can_user_create_more_conversations: bool | None = None
    attachments_enabled: bool | None = None
    _nullable = frozenset({"project_id", "client_email", "private_key", "server_key", "sender_id"})
    _read_only = frozenset({"attachments_enabled"})
    _secret = frozenset({"private_key", "server_key"})


class Apple(Integration):
    type: str | None = "apple"
    business_id: str | None = None
    api_secret: str | None = None
    msp_id: str | None = None
    authentication_message_secret: str | None = None
    _secret = frozenset({"api_secret", "authentication_message_secret"})


class Custom(Integration):
    type: str | None = "custom"
    webhooks: list[Webhook] | None = None


class Instagram(Integration):
    type: str | None = "instagram"
    page_access_token: str | None = None
    app_id: str | None = None
    app_secret: str | None = None
    business_name: str | None = None
    business_username: str | None = None
    page_id: str | None = None
    business_id: str | None = None
    username: str | None = None
    user_id: str | None = None
    story_replies_enabled: bool | None = None
    story_mentions_enabled: bool | None = None
    _nullable = frozenset({"page_access_token", "app_secret"})
    _read_only = frozenset({"business_name", "business_username", "page_id", "business_id", "username", "user_id"})
    _secret = frozenset({"page_access_token", "app_secret"})


class Ios(Integration):
    type: str | None = "ios"
    certificate: str | None = None
    password: str | None = None
    production: bool | None = None
    auto_update_badge: bool | None = None
    can_user_see_conversation_list: bool | None = None
    can_user_create_more_conversations: bool | None = None
    attachments_enabled: bool | None = None
    _nullable = frozenset({"certificate"})
    _read_only = frozenset({"attachments_enabled"})
    _secret = frozenset({"certificate", "password"})


class Line(Integration):
    type: str | None = "line"
    channel_id: str | None = None
    channel_secret: str | None = None
    channel_access_token: str | None = None
    service_code: str | None = None
    switcher_secret: str | None = None
    qr_code_url: str | None = None
    line_id: str | None = None
    _read_only = frozenset({"line_id"})
    _secret = frozenset({"channel_secret", "channel_access_token", "switcher_secret"})


class Mailgun(Integration):
    type: str | None = "mailgun"
    api_key: str | None = None
    signing_key: str | None = None
    domain: str | None = None
    incoming_address: str | None = None
    hide_unsubscribe_link: bool | None = None
    from_address: str | None = None
    _nullable = frozenset({"api_key", "from_address"})
    _secret = frozenset({"api_key", "signing_key"})


class Messagebird(Integration):
    type: str | None = "messagebird"
    access_key: str | None = None
    signing_key: str | None = None
    originator: str | None = None
    webhook_secret: str | None = None
    _nullable = frozenset({"access_key", "signing_key"})
    _read_only = frozenset({"webhook_secret"})
    _secret = frozenset({"access_key", "signing_key", "webhook_secret"})


class Messenger(Integration):
    type: str | None = "messenger"
    page_access_token: str | None = None
    app_id: str | None = None
    app_secret: str | None = None
    page_id: float | None = None
    page_name: str | None = None
    _nullable = frozenset({"page_access_token", "app_secret"})
    _secret = frozenset({"page_access_token", "app_secret"})


class Telegram(Integration):
    type: str | None = "telegram"
    token: str | None = None
    username: str | None = None
    bot_id: str | None = None
    _nullable = frozenset({"token"})
    _read_only = frozenset({"username", "bot_id"})
    _secret = frozenset({"token"})


class Twilio(Integration):
    type: str | None = "twilio"
    account_sid: str | None = None
    auth_token: str | None = None
    phone_number_sid: str | None = None
    messaging_service_sid: str | None = None
    _nullable = frozenset({"auth_token"})
    _secret = frozenset({"auth_token"})


class Twitter(Integration):
    type: str | None = "twitter"
    tier: str | None = None
    env_name: str | None = None
    consumer_key: str | None = None
    consumer_secret: str | None = None
    access_token_key: str | None = None
    access_token_secret: str | None = None
    _nullable = frozenset({"consumer_secret", "access_token_secret"})
    _read_only = frozenset({"env_name"})
    _secret = frozenset({"consumer_key", "consumer_secret", "access_token_key", "access_token_secret"})


class Unity(Integration):
    type: str | None = "unity"
    can_user_see_conversation_list: bool | None = None
    can_user_create_more_conversations: bool | None = None
    attachments_enabled: bool | None = None
    _read_only = frozenset({"attachments_enabled"})


class Viber(Integration):
    type: str | None = "viber"
    token: str | None = None
    uri: str | None = None
    account_id: str | None = None
    _nullable = frozenset({"token"})
    _read_only = frozenset({"uri", "account_id"})
    _secret = frozenset({"token"})


class Web(Integration):
    type: str | None = "web"
    brand_color: str | None = None
    fixed_intro_pane: bool | None = None
    conversation_color: str | None = None
    action_color: str | None = None
    display_style: str | None = None
    button_icon_url: str | None = None
    button_width: str | None = None
    button_height: str | None = None
    integration_order: list[str] | None = None
    business_name: str | None = None
    business_icon_url: str | None = None
    background_image_url: str | None = None
    origin_whitelist: list[str] | None = None
    prechat_capture: PrechatCapture | None = None
    can_user_see_conversation_list: bool | None = None
    can_user_create_more_conversations: bool | None = None
    attachments_enabled: bool | None = None
    _nullable = frozenset({"button_icon_url", "integration_order", "origin_whitelist"})
    _read_only = frozenset({"attachments_enabled"})


class Whatsapp(Integration):
    type: str | None = "whatsapp"
    hsm_fallback_language: str | None = None
    account_id: str | None = None
    account_management_access_token: str | None = None
    phone_number: str | None = None
    _nullable = frozenset({"hsm_fallback_language", "account_id", "account_management_access_token", "phone_number"})
    _read_only = frozenset({"phone_number"})
    _secret = frozenset({"account_management_access_token"})


INTEGRATION_TYPES: dict[str, type[Integration]] = {
    each.type: each
    for each in (
        Android, Apple, Custom, Instagram, Ios, Line, Mailgun, Messagebird, Messenger, Telegram, Twilio, Twitter,
        Unity, Viber, Web, Whatsapp,
    )
    if each.type
}  # fmt: skip
