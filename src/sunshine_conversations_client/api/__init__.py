"""The API classes."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sunshine_conversations_client.api import app_keys_api as app_keys_api
    from sunshine_conversations_client.api import apps_api as apps_api
    from sunshine_conversations_client.api import custom_integration_api_keys_api as custom_integration_api_keys_api
    from sunshine_conversations_client.api import integrations_api as integrations_api
    from sunshine_conversations_client.api import o_auth_endpoints_api as o_auth_endpoints_api
    from sunshine_conversations_client.api import webhooks_api as webhooks_api
    from sunshine_conversations_client.api.app_keys_api import AppKeysApi as AppKeysApi
    from sunshine_conversations_client.api.apps_api import AppsApi as AppsApi
    from sunshine_conversations_client.api.custom_integration_api_keys_api import (
        CustomIntegrationApiKeysApi as CustomIntegrationApiKeysApi,
    )
    from sunshine_conversations_client.api.integrations_api import IntegrationsApi as IntegrationsApi
    from sunshine_conversations_client.api.o_auth_endpoints_api import OAuthEndpointsApi as OAuthEndpointsApi
    from sunshine_conversations_client.api.webhooks_api import WebhooksApi as WebhooksApi

_HOMES = {
    "AppKeysApi": "api.app_keys_api",
    "AppsApi": "api.apps_api",
    "CustomIntegrationApiKeysApi": "api.custom_integration_api_keys_api",
    "IntegrationsApi": "api.integrations_api",
    "OAuthEndpointsApi": "api.o_auth_endpoints_api",
    "WebhooksApi": "api.webhooks_api",
}
_SUBMODULES = frozenset(
    [
        "app_keys_api",
        "apps_api",
        "custom_integration_api_keys_api",
        "integrations_api",
        "o_auth_endpoints_api",
        "webhooks_api",
    ]
)

__all__ = [
    "AppKeysApi",
    "AppsApi",
    "CustomIntegrationApiKeysApi",
    "IntegrationsApi",
    "OAuthEndpointsApi",
    "WebhooksApi",
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
