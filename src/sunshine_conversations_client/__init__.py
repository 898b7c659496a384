"""Python client for the Sunshine Conversations API: everything public, imported on first use."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sunshine_conversations_client import aio as aio
    from sunshine_conversations_client import api as api
    from sunshine_conversations_client import api_client as api_client
    from sunshine_conversations_client import api_response as api_response
    from sunshine_conversations_client import configuration as configuration
    from sunshine_conversations_client import exceptions as exceptions
    from sunshine_conversations_client import model as model
    from sunshine_conversations_client import models as models
    from sunshine_conversations_client import rest as rest
    from sunshine_conversations_client import transport as transport
    from sunshine_conversations_client._version import __version__ as __version__
    from sunshine_conversations_client.api.app_keys_api import AppKeysApi as AppKeysApi
    from sunshine_conversations_client.api.apps_api import AppsApi as AppsApi
    from sunshine_conversations_client.api.custom_integration_api_keys_api import (
        CustomIntegrationApiKeysApi as CustomIntegrationApiKeysApi,
    )
    from sunshine_conversations_client.api.integrations_api import IntegrationsApi as IntegrationsApi
    from sunshine_conversations_client.api.o_auth_endpoints_api import OAuthEndpointsApi as OAuthEndpointsApi
    from sunshine_conversations_client.api.webhooks_api import WebhooksApi as WebhooksApi
    from sunshine_conversations_client.api_client import ApiClient as ApiClient
    from sunshine_conversations_client.api_response import ApiResponse as ApiResponse
    from sunshine_conversations_client.configuration import Configuration as Configuration
    from sunshine_conversations_client.exceptions import ApiArgumentError as ApiArgumentError
    from sunshine_conversations_client.exceptions import ApiAttributeError as ApiAttributeError
    from sunshine_conversations_client.exceptions import ApiConnectionError as ApiConnectionError
    from sunshine_conversations_client.exceptions import ApiDecodeError as ApiDecodeError
    from sunshine_conversations_client.exceptions import ApiException as ApiException
    from sunshine_conversations_client.exceptions import ApiKeyError as ApiKeyError
    from sunshine_conversations_client.exceptions import ApiTimeoutError as ApiTimeoutError
    from sunshine_conversations_client.exceptions import ApiTypeError as ApiTypeError
    from sunshine_conversations_client.exceptions import ApiValueError as ApiValueError
    from sunshine_conversations_client.exceptions import BadRequestException as BadRequestException
    from sunshine_conversations_client.exceptions import ConflictException as ConflictException
    from sunshine_conversations_client.exceptions import ForbiddenException as ForbiddenException
    from sunshine_conversations_client.exceptions import NotFoundException as NotFoundException
    from sunshine_conversations_client.exceptions import OpenApiException as OpenApiException
    from sunshine_conversations_client.exceptions import RateLimitedException as RateLimitedException
    from sunshine_conversations_client.exceptions import ServiceException as ServiceException
    from sunshine_conversations_client.exceptions import UnauthorizedException as UnauthorizedException
    from sunshine_conversations_client.exceptions import UnprocessableEntityException as UnprocessableEntityException
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
    from sunshine_conversations_client.transport import Transport as Transport

_HOMES = {
    "Android": "models._integrations",
    "AndroidUpdate": "models._integration_updates",
    "ApiArgumentError": "exceptions",
    "ApiAttributeError": "exceptions",
    "ApiClient": "api_client",
    "ApiConnectionError": "exceptions",
    "ApiDecodeError": "exceptions",
    "ApiException": "exceptions",
    "ApiKey": "models._keys",
    "ApiKeyError": "exceptions",
    "ApiResponse": "api_response",
    "ApiTimeoutError": "exceptions",
    "ApiTypeError": "exceptions",
    "ApiValueError": "exceptions",
    "App": "models._apps",
    "AppCreateBody": "models._apps",
    "AppKey": "models._keys",
    "AppKeyCreateBody": "models._keys",
    "AppKeyListResponse": "models._keys",
    "AppKeyResponse": "models._keys",
    "AppKeysApi": "api.app_keys_api",
    "AppListFilter": "models._apps",
    "AppListResponse": "models._apps",
    "AppResponse": "models._apps",
    "AppSettings": "models._apps",
    "AppUpdateBody": "models._apps",
    "Apple": "models._integrations",
    "AppleUpdate": "models._integration_updates",
    "AppsApi": "api.apps_api",
    "BadRequestException": "exceptions",
    "Configuration": "configuration",
    "ConflictException": "exceptions",
    "Custom": "models._integrations",
    "CustomIntegrationApiKeysApi": "api.custom_integration_api_keys_api",
    "CustomUpdate": "models._integration_updates",
    "DefaultResponderDefaultResponder": "models._integrations",
    "Error": "models._errors",
    "ErrorResponse": "models._errors",
    "ForbiddenException": "exceptions",
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
    "IntegrationsApi": "api.integrations_api",
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
    "NotFoundException": "exceptions",
    "OAuthEndpointsApi": "api.o_auth_endpoints_api",
    "OpenApiException": "exceptions",
    "Page": "models._paging",
    "PrechatCapture": "models._integrations",
    "RateLimitedException": "exceptions",
    "ServiceException": "exceptions",
    "Status": "models._status",
    "Telegram": "models._integrations",
    "TelegramUpdate": "models._integration_updates",
    "Transport": "transport",
    "Twilio": "models._integrations",
    "TwilioUpdate": "models._integration_updates",
    "Twitter": "models._integrations",
    "TwitterUpdate": "models._integration_updates",
    "UnauthorizedException": "exceptions",
    "Unity": "models._integrations",
    "UnityUpdate": "models._integration_updates",
    "UnprocessableEntityException": "exceptions",
    "Viber": "models._integrations",
    "ViberUpdate": "models._integration_updates",
    "Web": "models._integrations",
    "WebUpdate": "models._integration_updates",
    "Webhook": "models._webhooks",
    "WebhookBody": "models._webhooks",
    "WebhookCreateBody": "models._webhooks",
    "WebhookListResponse": "models._webhooks",
    "WebhookResponse": "models._webhooks",
    "WebhooksApi": "api.webhooks_api",
    "WhatsAppUpdate": "models._integration_updates",
    "Whatsapp": "models._integrations",
    "__version__": "_version",
}
_SUBMODULES = frozenset(
    ["aio", "api", "api_client", "api_response", "configuration", "exceptions", "model", "models", "rest", "transport"]
)

__all__ = [
    "Android",
    "AndroidUpdate",
    "ApiArgumentError",
    "ApiAttributeError",
    "ApiClient",
    "ApiConnectionError",
    "ApiDecodeError",
    "ApiException",
    "ApiKey",
    "ApiKeyError",
    "ApiResponse",
    "ApiTimeoutError",
    "ApiTypeError",
    "ApiValueError",
    "App",
    "AppCreateBody",
    "AppKey",
    "AppKeyCreateBody",
    "AppKeyListResponse",
    "AppKeyResponse",
    "AppKeysApi",
    "AppListFilter",
    "AppListResponse",
    "AppResponse",
    "AppSettings",
    "AppUpdateBody",
    "Apple",
    "AppleUpdate",
    "AppsApi",
    "BadRequestException",
    "Configuration",
    "ConflictException",
    "Custom",
    "CustomIntegrationApiKeysApi",
    "CustomUpdate",
    "DefaultResponderDefaultResponder",
    "Error",
    "ErrorResponse",
    "ForbiddenException",
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
    "IntegrationsApi",
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
    "NotFoundException",
    "OAuthEndpointsApi",
    "OpenApiException",
    "Page",
    "PrechatCapture",
    "RateLimitedException",
    "ServiceException",
    "Status",
    "Telegram",
    "TelegramUpdate",
    "Transport",
    "Twilio",
    "TwilioUpdate",
    "Twitter",
    "TwitterUpdate",
    "UnauthorizedException",
    "Unity",
    "UnityUpdate",
    "UnprocessableEntityException",
    "Viber",
    "ViberUpdate",
    "Web",
    "WebUpdate",
    "Webhook",
    "WebhookBody",
    "WebhookCreateBody",
    "WebhookListResponse",
    "WebhookResponse",
    "WebhooksApi",
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
