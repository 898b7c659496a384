"""The asynchronous client: the same names and arguments, awaited."""

# Written by scripts/generate_client.py; change that, not this.

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sunshine_conversations_client.aio import api as api
    from sunshine_conversations_client.aio import api_client as api_client
    from sunshine_conversations_client.aio import transport as transport
    from sunshine_conversations_client.aio.api.app_keys_api import AppKeysApi as AppKeysApi
    from sunshine_conversations_client.aio.api.apps_api import AppsApi as AppsApi
    from sunshine_conversations_client.aio.api.custom_integration_api_keys_api import (
        CustomIntegrationApiKeysApi as CustomIntegrationApiKeysApi,
    )
    from sunshine_conversations_client.aio.api.integrations_api import IntegrationsApi as IntegrationsApi
    from sunshine_conversations_client.aio.api.o_auth_endpoints_api import OAuthEndpointsApi as OAuthEndpointsApi
    from sunshine_conversations_client.aio.api.webhooks_api import WebhooksApi as WebhooksApi
    from sunshine_conversations_client.aio.api_client import ApiClient as ApiClient
    from sunshine_conversations_client.aio.transport import Transport as Transport

_HOMES = {
    "ApiClient": "aio.api_client",
    "AppKeysApi": "aio.api.app_keys_api",
    "AppsApi": "aio.api.apps_api",
    "CustomIntegrationApiKeysApi": "aio.api.custom_integration_api_keys_api",
    "IntegrationsApi": "aio.api.integrations_api",
    "OAuthEndpointsApi": "aio.api.o_auth_endpoints_api",
    "Transport": "aio.transport",
    "WebhooksApi": "aio.api.webhooks_api",
}
_SUBMODULES = frozenset(["api", "api_client", "transport"])

__all__ = [
    "ApiClient",
    "AppKeysApi",
    "AppsApi",
    "CustomIntegrationApiKeysApi",
    "IntegrationsApi",
    "OAuthEndpointsApi",
    "Transport",
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
