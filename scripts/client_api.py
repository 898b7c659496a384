"""The tables that scripts/generate_client.py writes the client's facades and import paths from."""

from __future__ import annotations

import re
from dataclasses import dataclass


def snake(name: str) -> str:
    """As the official package names its modules: OAuthEndpointsApi is o_auth_endpoints_api."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


MODELS = {
    "_apps": "App AppCreateBody AppListFilter AppListResponse AppResponse AppSettings AppUpdateBody",
    "_errors": "Error ErrorResponse",
    "_integration_updates": (
        "AndroidUpdate AppleUpdate CustomUpdate InstagramUpdate IntegrationUpdate IntegrationUpdateBase"
        " IosUpdate LineUpdate MailgunUpdate MessageBirdUpdate MessengerUpdate TelegramUpdate TwilioUpdate"
        " TwitterUpdate UnityUpdate ViberUpdate WebUpdate WhatsAppUpdate"
    ),
    "_integrations": (
        "Android Apple Custom DefaultResponderDefaultResponder Instagram Integration IntegrationListFilter"
        " IntegrationListResponse IntegrationResponse Ios Line Mailgun Messagebird Messenger ModelField"
        " PrechatCapture Telegram Twilio Twitter Unity Viber Web Whatsapp"
    ),
    "_keys": (
        "ApiKey AppKey AppKeyCreateBody AppKeyListResponse AppKeyResponse IntegrationApiKey"
        " IntegrationApiKeyListResponse IntegrationApiKeyResponse"
    ),
    "_paging": "Links Meta Page",
    "_status": "Status",
    "_webhooks": "Webhook WebhookBody WebhookCreateBody WebhookListResponse WebhookResponse",
}

OTHER_NAMES = {
    "api_client": "ApiClient",
    "api_response": "ApiResponse",
    "configuration": "Configuration",
    "exceptions": (
        "ApiArgumentError ApiAttributeError ApiConnectionError ApiDecodeError ApiException ApiKeyError ApiTimeoutError"
        " ApiTypeError ApiValueError BadRequestException ConflictException ForbiddenException NotFoundException"
        " OpenApiException RateLimitedException ServiceException UnauthorizedException UnprocessableEntityException"
    ),
    "transport": "Transport",
    "_version": "__version__",
}
SUBMODULES = "aio api api_client api_response configuration exceptions model models rest transport"
ASYNCHRONOUS_NAMES = {"ApiClient": "aio.api_client", "Transport": "aio.transport"}


@dataclass(frozen=True)
class Method:
    name: str
    http: str
    path: str
    answer: str  # a model, or "object"
    summary: str
    errors: str
    body: str = ""  # the model of the body; its argument is its name in snake case
    also: str = ""  # other models the body may be
    query: str = ""  # "name:Model" pairs, optional arguments that become name[property] in the query

    @property
    def ids(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def template(self) -> str:
        """The path with the names that the arguments have."""
        return re.sub(r"{(\w+)}", lambda match: f"{{{snake(match[1])}}}", self.path)

    @property
    def body_argument(self) -> str:
        return snake(self.body)


_AUTH = "UnauthorizedException, ForbiddenException"
_APP = f"BadRequestException, {_AUTH}, NotFoundException"
_GONE = f"{_AUTH}, NotFoundException"
_INTEGRATION_PATH = "/v2/apps/{appId}/integrations/{integrationId}"

API: dict[str, tuple[str, list[Method]]] = {
    "AppKeysApi": (
        "Keys of apps (`app_…`), which may do everything in their app but account provisioning. An app has at most ten.",
        [
            Method("create_app_key", "POST", "/v2/apps/{appId}/keys", "AppKeyResponse",
                   "Create a key for an app; the answer holds its id and secret.", _APP, body="AppKeyCreateBody"),
            Method("delete_app_key", "DELETE", "/v2/apps/{appId}/keys/{keyId}", "object",
                   "Delete an app's key: from then on it authenticates nothing, nor does any token it signed.", _GONE),
            Method("get_app_key", "GET", "/v2/apps/{appId}/keys/{keyId}", "AppKeyResponse",
                   "Fetch an app's key with its secret.", _GONE),
            Method("list_app_keys", "GET", "/v2/apps/{appId}/keys", "AppKeyListResponse",
                   "List an app's keys with their secrets.", _GONE),
        ],
    ),
    "AppsApi": (
        "Apps, which hold integrations.",
        [
            Method("create_app", "POST", "/v2/apps", "AppResponse", "Create an app.",
                   f"BadRequestException, {_AUTH}", body="AppCreateBody"),
            Method("delete_app", "DELETE", "/v2/apps/{appId}", "object",
                   "Delete an app with its integrations and all their keys.", _GONE),
            Method("get_app", "GET", "/v2/apps/{appId}", "AppResponse", "Fetch an app.", _GONE),
            Method("list_apps", "GET", "/v2/apps", "AppListResponse", "List apps, a page at a time.",
                   f"BadRequestException, {_AUTH}", query="page:Page filter:AppListFilter"),
            Method("update_app", "PATCH", "/v2/apps/{appId}", "AppResponse", "Change what the body names of an app.",
                   _APP, body="AppUpdateBody"),
        ],
    ),
    "CustomIntegrationApiKeysApi": (
        "Keys of custom integrations (`int_…`). An integration has at most ten, and only one of type `custom` has any.",
        [
            Method("create_custom_integration_key", "POST", f"{_INTEGRATION_PATH}/keys", "IntegrationApiKeyResponse",
                   "Create a key for a custom integration; the answer holds its id and secret.", _APP,
                   body="IntegrationApiKey"),
            Method("delete_custom_integration_key", "DELETE", f"{_INTEGRATION_PATH}/keys/{{keyId}}", "object",
                   "Delete an integration's key: from then on it authenticates nothing, nor does any token it signed.",
                   _APP),
            Method("get_custom_integration_key", "GET", f"{_INTEGRATION_PATH}/keys/{{keyId}}",
                   "IntegrationApiKeyResponse", "Fetch an integration's key with its secret.", _APP),
            Method("list_custom_integration_keys", "GET", f"{_INTEGRATION_PATH}/keys",
                   "IntegrationApiKeyListResponse", "List an integration's keys with their secrets.", _APP),
        ],
    ),
    "IntegrationsApi": (
        "Integrations of an app: its channels, and the custom integrations that have keys.",
        [
            Method("create_integration", "POST", "/v2/apps/{appId}/integrations", "IntegrationResponse",
                   "Create an integration, for instance a `Custom` one with its webhook.", _APP, body="Integration"),
            Method("delete_integration", "DELETE", _INTEGRATION_PATH, "object",
                   "Delete an integration with its keys and webhooks.", _APP),
            Method("get_integration", "GET", _INTEGRATION_PATH, "IntegrationResponse", "Fetch an integration.", _GONE),
            Method("list_integrations", "GET", "/v2/apps/{appId}/integrations", "IntegrationListResponse",
                   "List an app's integrations, a page at a time.", _APP,
                   query="page:Page filter:IntegrationListFilter"),
            Method("update_integration", "PATCH", _INTEGRATION_PATH, "IntegrationResponse",
                   "Change what the body names of an integration.", _APP, body="IntegrationUpdate",
                   also="IntegrationUpdateBase"),
        ],
    ),
    "OAuthEndpointsApi": (
        "What the credentials themselves belong to.",
        [
            Method("get_token_info", "GET", "/v2/tokenInfo", "AppResponse", "Fetch the app the credentials belong to.",
                   _AUTH),
        ],
    ),
    "WebhooksApi": (
        "Webhooks of custom integrations. An integration's own key may use those of its integration.",
        [
            Method("create_webhook", "POST", f"{_INTEGRATION_PATH}/webhooks", "WebhookResponse", "Create a webhook.",
                   _APP, body="WebhookCreateBody"),
            Method("delete_webhook", "DELETE", f"{_INTEGRATION_PATH}/webhooks/{{webhookId}}", "object",
                   "Delete a webhook.", _APP),
            Method("get_webhook", "GET", f"{_INTEGRATION_PATH}/webhooks/{{webhookId}}", "WebhookResponse",
                   "Fetch a webhook with its secret.", _APP),
            Method("list_webhooks", "GET", f"{_INTEGRATION_PATH}/webhooks", "WebhookListResponse",
                   "List an integration's webhooks with their secrets.", _APP),
            Method("update_webhook", "PATCH", f"{_INTEGRATION_PATH}/webhooks/{{webhookId}}", "WebhookResponse",
                   "Change what the body names of a webhook.", _APP, body="WebhookBody"),
        ],
    ),
}  # fmt: skip
