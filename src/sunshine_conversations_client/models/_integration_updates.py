"""What of an integration can be changed, by its type."""

from __future__ import annotations

from sunshine_conversations_client._model import TYPE_CHECKING, Model
from sunshine_conversations_client.models._integrations import PrechatCapture as PrechatCapture  # WebUpdate's, by name

if TYPE_CHECKING:
    import builtins
    from typing import Any, ClassVar, Self, cast
else:

    def cast(kind: str, value: object) -> object:
        return value


class IntegrationUpdateBase(Model):
    """What of any integration can be changed; a `display_name` of None clears it."""

    display_name: str | None = None
    default_responder_id: str | None = None
    show_ai_disclaimer: bool | None = None
    _wire_names: ClassVar[dict[str, str]] = {"show_ai_disclaimer": "showAIDisclaimer"}
    _nullable = frozenset({"display_name", "default_responder_id"})

    @classmethod
    def _class_for(cls, obj: dict[str, Any]) -> builtins.type[Self]:
        """Of a dictionary, which does not tell its type, the update that knows most of its names."""
        if cls is not IntegrationUpdateBase:
            return cls

        def known(update: builtins.type[IntegrationUpdateBase]) -> int:
            return sum(name in update._fields or name in update._by_wire for name in obj)

        updates: list[builtins.type[IntegrationUpdateBase]] = [CustomUpdate, *IntegrationUpdateBase.__subclasses__()]
        return cast("builtins.type[Self]", max(updates, key=known))


class AndroidUpdate(IntegrationUpdateBase):
    project_id: str | None = None
    client_email: str | None = None
    private_key: str | None = None
    server_key: str | None = None
    sender_id: str | None = None
    can_user_see_conversation_list: bool | None = None
    can_user_create_more_conversations: bool | None = None
    _nullable = frozenset({"project_id", "client_email", "private_key", "server_key", "sender_id"})
    _secret = frozenset({"private_key", "server_key"})


class AppleUpdate(IntegrationUpdateBase):
    authentication_message_secret: str | None = None
    _secret = frozenset({"authentication_message_secret"})


class CustomUpdate(IntegrationUpdateBase):
    pass


class InstagramUpdate(IntegrationUpdateBase):
    page_access_token: str | None = None
    story_replies_enabled: bool | None = None
    story_mentions_enabled: bool | None = None
    _secret = frozenset({"page_access_token"})


class IosUpdate(IntegrationUpdateBase):
    certificate: str | None = None
    password: str | None = None
    production: bool | None = None
    auto_update_badge: bool | None = None
    can_user_see_conversation_list: bool | None = None
    can_user_create_more_conversations: bool | None = None
    _nullable = frozenset({"certificate"})
    _secret = frozenset({"certificate", "password"})


class LineUpdate(IntegrationUpdateBase):
    pass


class MailgunUpdate(IntegrationUpdateBase):
    hide_unsubscribe_link: bool | None = None
    from_address: str | None = None
    _nullable = frozenset({"from_address"})


class MessageBirdUpdate(IntegrationUpdateBase):
    pass


class MessengerUpdate(IntegrationUpdateBase):
    page_access_token: str | None = None
    _secret = frozenset({"page_access_token"})


class TelegramUpdate(IntegrationUpdateBase):
    pass


class TwilioUpdate(IntegrationUpdateBase):
    pass


class TwitterUpdate(IntegrationUpdateBase):
    pass


class UnityUpdate(IntegrationUpdateBase):
    can_user_see_conversation_list: bool | None = None
    can_user_create_more_conversations: bool | None = None


class ViberUpdate(IntegrationUpdateBase):
    pass


class WebUpdate(IntegrationUpdateBase):
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
    _nullable = frozenset({"button_icon_url", "integration_order", "origin_whitelist"})


class WhatsAppUpdate(IntegrationUpdateBase):
    hsm_fallback_language: str | None = None
    account_id: str | None = None
    account_management_access_token: str | None = None
    _nullable = frozenset({"hsm_fallback_language", "account_id", "account_management_access_token"})
    _secret = frozenset({"account_management_access_token"})


class IntegrationUpdate(Model):
    """A holder for one of the …Update models, as the official package has it; any of them can also be given as it is.

    Raises ApiArgumentError for anything else.
    """

    actual_instance: IntegrationUpdateBase | None = None

    def __init__(self, actual_instance: IntegrationUpdateBase | dict[str, Any] | None = None) -> None:
        super().__init__(actual_instance=actual_instance)

    def to_dict(self) -> dict[str, Any]:
        held = self.actual_instance
        return {} if held is None else held.to_dict()

    @classmethod
    def wire_names_of(cls, given: dict[str, Any]) -> dict[str, Any]:
        return IntegrationUpdateBase.wire_names_of(given)

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        return None if obj is None else cls(IntegrationUpdateBase.from_dict(obj))
