"""The models, by the official package's import path."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sunshine_conversations_client.model import android as android
    from sunshine_conversations_client.model import android_update as android_update
    from sunshine_conversations_client.model import api_key as api_key
    from sunshine_conversations_client.model import app as app
    from sunshine_conversations_client.model import app_create_body as app_create_body
    from sunshine_conversations_client.model import app_key as app_key
    from sunshine_conversations_client.model import app_key_create_body as app_key_create_body
    from sunshine_conversations_client.model import app_key_list_response as app_key_list_response
    from sunshine_conversations_client.model import app_key_response as app_key_response
    from sunshine_conversations_client.model import app_list_filter as app_list_filter
    from sunshine_conversations_client.model import app_list_response as app_list_response
    from sunshine_conversations_client.model import app_response as app_response
    from sunshine_conversations_client.model import app_settings as app_settings
    from sunshine_conversations_client.model import app_update_body as app_update_body
    from sunshine_conversations_client.model import apple as apple
    from sunshine_conversations_client.model import apple_update as apple_update
    from sunshine_conversations_client.model import custom as custom
    from sunshine_conversations_client.model import custom_update as custom_update
    from sunshine_conversations_client.model import (
        default_responder_default_responder as default_responder_default_responder,
    )
    from sunshine_conversations_client.model import error as error
    from sunshine_conversations_client.model import error_response as error_response
    from sunshine_conversations_client.model import instagram as instagram
    from sunshine_conversations_client.model import instagram_update as instagram_update
    from sunshine_conversations_client.model import integration as integration
    from sunshine_conversations_client.model import integration_api_key as integration_api_key
    from sunshine_conversations_client.model import (
        integration_api_key_list_response as integration_api_key_list_response,
    )
    from sunshine_conversations_client.model import integration_api_key_response as integration_api_key_response
    from sunshine_conversations_client.model import integration_list_filter as integration_list_filter
    from sunshine_conversations_client.model import integration_list_response as integration_list_response
    from sunshine_conversations_client.model import integration_response as integration_response
    from sunshine_conversations_client.model import integration_update as integration_update
    from sunshine_conversations_client.model import integration_update_base as integration_update_base
    from sunshine_conversations_client.model import ios as ios
    from sunshine_conversations_client.model import ios_update as ios_update
    from sunshine_conversations_client.model import line as line
    from sunshine_conversations_client.model import line_update as line_update
    from sunshine_conversations_client.model import links as links
    from sunshine_conversations_client.model import mailgun as mailgun
    from sunshine_conversations_client.model import mailgun_update as mailgun_update
    from sunshine_conversations_client.model import message_bird_update as message_bird_update
    from sunshine_conversations_client.model import messagebird as messagebird
    from sunshine_conversations_client.model import messenger as messenger
    from sunshine_conversations_client.model import messenger_update as messenger_update
    from sunshine_conversations_client.model import meta as meta
    from sunshine_conversations_client.model import model_field as model_field
    from sunshine_conversations_client.model import page as page
    from sunshine_conversations_client.model import prechat_capture as prechat_capture
    from sunshine_conversations_client.model import status as status
    from sunshine_conversations_client.model import telegram as telegram
    from sunshine_conversations_client.model import telegram_update as telegram_update
    from sunshine_conversations_client.model import twilio as twilio
    from sunshine_conversations_client.model import twilio_update as twilio_update
    from sunshine_conversations_client.model import twitter as twitter
    from sunshine_conversations_client.model import twitter_update as twitter_update
    from sunshine_conversations_client.model import unity as unity
    from sunshine_conversations_client.model import unity_update as unity_update
    from sunshine_conversations_client.model import viber as viber
    from sunshine_conversations_client.model import viber_update as viber_update
    from sunshine_conversations_client.model import web as web
    from sunshine_conversations_client.model import web_update as web_update
    from sunshine_conversations_client.model import webhook as webhook
    from sunshine_conversations_client.model import webhook_body as webhook_body
    from sunshine_conversations_client.model import webhook_create_body as webhook_create_body
    from sunshine_conversations_client.model import webhook_list_response as webhook_list_response
    from sunshine_conversations_client.model import webhook_response as webhook_response
    from sunshine_conversations_client.model import whats_app_update as whats_app_update
    from sunshine_conversations_client.model import whatsapp as whatsapp
    from sunshine_conversations_client.models._apps import App as App
    from sunshine_conversations_client.models._apps import AppCreateBody as AppCreateBody
    from sunshine_conversations_client.models._apps import AppListFilter as AppListFilter
    from sunshine_conversations_client.models._apps import AppListResponse as AppListResponse
    from sunshine_conversations_client.models._apps import AppResponse as AppResponse
    from sunshine_conversations_client.models._apps import AppSettings as AppSettings
    from sunshine_conversations_client.models._apps import AppUpdateBody as AppUpdateBody
    from sunshine_conversations_client.models._errors import Error as Error
    from sunshine_conversations_client.models._errors import ErrorResponse as ErrorResponse
    from sunshine_conversations_client.models._integration_updates import AndroidUpdate as AndroidUpdate
    from sunshine_conversations_client.models._integration_updates import AppleUpdate as AppleUpdate
    from sunshine_conversations_client.models._integration_updates import CustomUpdate as CustomUpdate
    from sunshine_conversations_client.models._integration_updates import InstagramUpdate as InstagramUpdate
    from sunshine_conversations_client.models._integration_updates import IntegrationUpdate as IntegrationUpdate
    from sunshine_conversations_client.models._integration_updates import IntegrationUpdateBase as IntegrationUpdateBase
    from sunshine_conversations_client.models._integration_updates import IosUpdate as IosUpdate
    from sunshine_conversations_client.models._integration_updates import LineUpdate as LineUpdate
    from sunshine_conversations_client.models._integration_updates import MailgunUpdate as MailgunUpdate
    from sunshine_conversations_client.models._integration_updates import MessageBirdUpdate as MessageBirdUpdate
    from sunshine_conversations_client.models._integration_updates import MessengerUpdate as MessengerUpdate
    from sunshine_conversations_client.models._integration_updates import TelegramUpdate as TelegramUpdate
    from sunshine_conversations_client.models._integration_updates import TwilioUpdate as TwilioUpdate
    from sunshine_conversations_client.models._integration_updates import TwitterUpdate as TwitterUpdate
    from sunshine_conversations_client.models._integration_updates import UnityUpdate as UnityUpdate
    from sunshine_conversations_client.models._integration_updates import ViberUpdate as ViberUpdate
    from sunshine_conversations_client.models._integration_updates import WebUpdate as WebUpdate
    from sunshine_conversations_client.models._integration_updates import WhatsAppUpdate as WhatsAppUpdate
    from sunshine_conversations_client.models._integrations import Android as Android
    from sunshine_conversations_client.models._integrations import Apple as Apple
    from sunshine_conversations_client.models._integrations import Custom as Custom
    from sunshine_conversations_client.models._integrations import (
        DefaultResponderDefaultResponder as DefaultResponderDefaultResponder,
    )
    from sunshine_conversations_client.models._integrations import Instagram as Instagram
    from sunshine_conversations_client.models._integrations import Integration as Integration
    from sunshine_conversations_client.models._integrations import IntegrationListFilter as IntegrationListFilter
    from sunshine_conversations_client.models._integrations import IntegrationListResponse as IntegrationListResponse
    from sunshine_conversations_client.models._integrations import IntegrationResponse as IntegrationResponse
    from sunshine_conversations_client.models._integrations import Ios as Ios
    from sunshine_conversations_client.models._integrations import Line as Line
    from sunshine_conversations_client.models._integrations import Mailgun as Mailgun
    from sunshine_conversations_client.models._integrations import Messagebird as Messagebird
    from sunshine_conversations_client.models._integrations import Messenger as Messenger
    from sunshine_conversations_client.models._integrations import ModelField as ModelField
    from sunshine_conversations_client.models._integrations import PrechatCapture as PrechatCapture
    from sunshine_conversations_client.models._integrations import Telegram as Telegram
    from sunshine_conversations_client.models._integrations import Twilio as Twilio
    from sunshine_conversations_client.models._integrations import Twitter as Twitter
    from sunshine_conversations_client.models._integrations import Unity as Unity
    from sunshine_conversations_client.models._integrations import Viber as Viber
    from sunshine_conversations_client.models._integrations import Web as Web
    from sunshine_conversations_client.models._integrations import Whatsapp as Whatsapp
    from sunshine_conversations_client.models._keys import ApiKey as ApiKey
    from sunshine_conversations_client.models._keys import AppKey as AppKey
    from sunshine_conversations_client.models._keys import AppKeyCreateBody as AppKeyCreateBody
    from sunshine_conversations_client.models._keys import AppKeyListResponse as AppKeyListResponse
    from sunshine_conversations_client.models._keys import AppKeyResponse as AppKeyResponse
    from sunshine_conversations_client.models._keys import IntegrationApiKey as IntegrationApiKey
    from sunshine_conversations_client.models._keys import (
        IntegrationApiKeyListResponse as IntegrationApiKeyListResponse,
    )
    from sunshine_conversations_client.models._keys import IntegrationApiKeyResponse as IntegrationApiKeyResponse
    from sunshine_conversations_client.models._paging import Links as Links
    from sunshine_conversations_client.models._paging import Meta as Meta
    from sunshine_conversations_client.models._paging import Page as Page
    from sunshine_conversations_client.models._status import Status as Status
    from sunshine_conversations_client.models._webhooks import Webhook as Webhook
    from sunshine_conversations_client.models._webhooks import WebhookBody as WebhookBody
    from sunshine_conversations_client.models._webhooks import WebhookCreateBody as WebhookCreateBody
    from sunshine_conversations_client.models._webhooks import WebhookListResponse as WebhookListResponse
    from sunshine_conversations_client.models._webhooks import WebhookResponse as WebhookResponse

_HOMES = {
    "Android": "models._integrations",
    "AndroidUpdate": "models._integration_updates",
    "ApiKey": "models._keys",
    "App": "models._apps",
    "AppCreateBody": "models._apps",
    "AppKey": "models._keys",
    "AppKeyCreateBody": "models._keys",
    "AppKeyListResponse": "models._keys",
    "AppKeyResponse": "models._keys",
    "AppListFilter": "models._apps",
    "AppListResponse": "models._apps",
    "AppResponse": "models._apps",
    "AppSettings": "models._apps",
    "AppUpdateBody": "models._apps",
    "Apple": "models._integrations",
    "AppleUpdate": "models._integration_updates",
    "Custom": "models._integrations",
    "CustomUpdate": "models._integration_updates",
    "DefaultResponderDefaultResponder": "models._integrations",
    "Error": "models._errors",
    "ErrorResponse": "models._errors",
    "Instagram": "models._integrations",
    "InstagramUpdate": "models._integration_updates",
    "Integration": "models._integrations",
    "IntegrationApiKey": "models._keys",
    "IntegrationApiKeyListResponse": "models._keys",
    "IntegrationApiKeyResponse": "models._keys",
    "IntegrationListFilter": "models._integrations",
    "IntegrationListResponse": "models._integrations",
    "IntegrationResponse": "models._integrations",
    "IntegrationUpdate": "models._integration_updates",
    "IntegrationUpdateBase": "models._integration_updates",
    "Ios": "models._integrations",
    "IosUpdate": "models._integration_updates",
    "Line": "models._integrations",
    "LineUpdate": "models._integration_updates",
    "Links": "models._paging",
    "Mailgun": "models._integrations",
    "MailgunUpdate": "models._integration_updates",
    "MessageBirdUpdate": "models._integration_updates",
    "Messagebird": "models._integrations",
    "Messenger": "models._integrations",
    "MessengerUpdate": "models._integration_updates",
    "Meta": "models._paging",
    "ModelField": "models._integrations",
    "Page": "models._paging",
    "PrechatCapture": "models._integrations",
    "Status": "models._status",
    "Telegram": "models._integrations",
    "TelegramUpdate": "models._integration_updates",
    "Twilio": "models._integrations",
    "TwilioUpdate": "models._integration_updates",
    "Twitter": "models._integrations",
    "TwitterUpdate": "models._integration_updates",
    "Unity": "models._integrations",
    "UnityUpdate": "models._integration_updates",
    "Viber": "models._integrations",
    "ViberUpdate": "models._integration_updates",
    "Web": "models._integrations",
    "WebUpdate": "models._integration_updates",
    "Webhook": "models._webhooks",
    "WebhookBody": "models._webhooks",
    "WebhookCreateBody": "models._webhooks",
    "WebhookListResponse": "models._webhooks",
    "WebhookResponse": "models._webhooks",
    "WhatsAppUpdate": "models._integration_updates",
    "Whatsapp": "models._integrations",
}
_SUBMODULES = frozenset(
    [
        "app",
        "app_create_body",
        "app_list_filter",
        "app_list_response",
        "app_response",
        "app_settings",
        "app_update_body",
        "error",
        "error_response",
        "android_update",
        "apple_update",
        "custom_update",
        "instagram_update",
        "integration_update",
        "integration_update_base",
        "ios_update",
        "line_update",
        "mailgun_update",
        "message_bird_update",
        "messenger_update",
        "telegram_update",
        "twilio_update",
        "twitter_update",
        "unity_update",
        "viber_update",
        "web_update",
        "whats_app_update",
        "android",
        "apple",
        "custom",
        "default_responder_default_responder",
        "instagram",
        "integration",
        "integration_list_filter",
        "integration_list_response",
        "integration_response",
        "ios",
        "line",
        "mailgun",
        "messagebird",
        "messenger",
        "model_field",
        "prechat_capture",
        "telegram",
        "twilio",
        "twitter",
        "unity",
        "viber",
        "web",
        "whatsapp",
        "api_key",
        "app_key",
        "app_key_create_body",
        "app_key_list_response",
        "app_key_response",
        "integration_api_key",
        "integration_api_key_list_response",
        "integration_api_key_response",
        "links",
        "meta",
        "page",
        "status",
        "webhook",
        "webhook_body",
        "webhook_create_body",
        "webhook_list_response",
        "webhook_response",
    ]
)

__all__ = [
    "Android",
    "AndroidUpdate",
    "ApiKey",
    "App",
    "AppCreateBody",
    "AppKey",
    "AppKeyCreateBody",
    "AppKeyListResponse",
    "AppKeyResponse",
    "AppListFilter",
    "AppListResponse",
    "AppResponse",
    "AppSettings",
    "AppUpdateBody",
    "Apple",
    "AppleUpdate",
    "Custom",
    "CustomUpdate",
    "DefaultResponderDefaultResponder",
    "Error",
    "ErrorResponse",
    "Instagram",
    "InstagramUpdate",
    "Integration",
    "IntegrationApiKey",
    "IntegrationApiKeyListResponse",
    "IntegrationApiKeyResponse",
    "IntegrationListFilter",
    "IntegrationListResponse",
    "IntegrationResponse",
    "IntegrationUpdate",
    "IntegrationUpdateBase",
    "Ios",
    "IosUpdate",
    "Line",
    "LineUpdate",
    "Links",
    "Mailgun",
    "MailgunUpdate",
    "MessageBirdUpdate",
    "Messagebird",
    "Messenger",
    "MessengerUpdate",
    "Meta",
    "ModelField",
    "Page",
    "PrechatCapture",
    "Status",
    "Telegram",
    "TelegramUpdate",
    "Twilio",
    "TwilioUpdate",
    "Twitter",
    "TwitterUpdate",
    "Unity",
    "UnityUpdate",
    "Viber",
    "ViberUpdate",
    "Web",
    "WebUpdate",
    "Webhook",
    "WebhookBody",
    "WebhookCreateBody",
    "WebhookListResponse",
    "WebhookResponse",
    "WhatsAppUpdate",
    "Whatsapp",
]


if not TYPE_CHECKING:  # type checkers know the names, and would let any other pass for the sake of this

    def __getattr__(name: str) -> object:
        """Import what is asked for when it is first asked for."""
        home = _HOMES.get(name)
        if home is not None:
            value: object = getattr(__import__(f"sunshine_conversations_client.{home}", fromlist=[name]), name)
            globals()[name] = value
            return value
        if name in _SUBMODULES:
            return __import__(f"{__name__}.{name}", fromlist=[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBMODULES})
