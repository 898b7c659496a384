"""Programs that type checkers must accept. Nothing runs them."""

import asyncio

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio
from sunshine_conversations_client.api.custom_integration_api_keys_api import CustomIntegrationApiKeysApi
from sunshine_conversations_client.model.integration_api_key_response import IntegrationApiKeyResponse
from sunshine_conversations_client.models.integration_api_key import IntegrationApiKey
from sunshine_conversations_client.rest import ApiException
from sunshine_conversations_client.transport import Headers, Request, Response, Timeout


def provision(host: str) -> str | None:
    configuration = sunshine.Configuration(host=host, key_id="app_…", secret="…", scope="app")
    with sunshine.ApiClient(configuration) as client:
        api = CustomIntegrationApiKeysApi(client)
        try:
            created: IntegrationApiKeyResponse = api.create_custom_integration_key(
                "app", "integration", IntegrationApiKey(display_name="x"), _request_timeout=(1, 2.5)
            )
        except sunshine.NotFoundException as error:
            status: int | None = error.status
            print(status, error.code, error.title, error.request_id)
            return None
        except ApiException:
            return None
        for key in api.list_custom_integration_keys("app", "integration").keys or []:
            name: str | None = key.display_name
            print(name)
        for integration in sunshine.IntegrationsApi(client).iterate_integrations("app"):
            kind: str | None = integration.type
            print(kind)
        for app in sunshine.AppsApi(client).iterate_apps(filter={"serviceAccountId": "x"}, size=10):
            print(app.subdomain)
        integration = sunshine.IntegrationsApi(client).get_integration("app", "integration").integration
        if isinstance(integration, sunshine.Custom):
            print([webhook.target for webhook in integration.webhooks or []])
        held: sunshine.Integration = integration.actual_instance
        print(held.display_name)
        info = api.list_custom_integration_keys_with_http_info("app", "integration", _request_timeout=None)
        number: int = info.status_code
        print(number, info.headers["x-request-id"])
        api.delete_custom_integration_key("app", "integration", "key", async_req=True)
        api.create_custom_integration_key("app", "integration", {"displayName": "x"})
        return created.key.secret if created.key else None


async def provision_async(configuration: sunshine.Configuration) -> str | None:
    async with aio.ApiClient(configuration) as client:
        api = aio.CustomIntegrationApiKeysApi(client)
        created = await api.create_custom_integration_key("app", "integration", IntegrationApiKey(display_name="x"))
        async for app in aio.AppsApi(client).iterate_apps():
            print(app.id)
        return created.key.id if created.key else None


def models() -> None:
    update = sunshine.WebUpdate(brand_color="fff", show_ai_disclaimer=True)
    update.display_name = None
    sunshine.IntegrationUpdate(update)
    sunshine.IntegrationUpdate({"displayName": "x"})
    sunshine.IntegrationUpdate(display_name="x")
    sunshine.WebhookCreateBody(target="https://x", triggers=["*"])
    field = sunshine.ModelField(type="email", name="x", label="x")
    sunshine.PrechatCapture(fields=[field])
    sunshine.Custom(display_name="x", webhooks=[sunshine.Webhook(target="https://x", triggers=["*"])])
    key = sunshine.ApiKey.from_json("{}")
    if key is not None:
        print(key.secret, key.additional_properties, key.to_dict())


class CustomTransport:
    """A transport that a user writes."""

    def send(self, request: Request, timeout: Timeout) -> Response:
        if request.method != "GET" or request.stream or timeout.total is not None:
            raise sunshine.ApiConnectionError("not supported", maybe_sent=False)
        return Response(200, None, Headers([("X-Url", request.url), *request.headers.items()]), request.body or b"{}")

    def close(self) -> None: ...


class AsyncCustomTransport:
    """The same transport for the asynchronous client."""

    async def send(self, request: Request, timeout: Timeout) -> Response:
        return CustomTransport().send(request, timeout)

    async def close(self) -> None: ...


def transports(configuration: sunshine.Configuration) -> None:
    custom: sunshine.Transport = CustomTransport()
    asynchronous: aio.Transport = AsyncCustomTransport()
    sunshine.ApiClient(configuration, transport=custom)
    aio.ApiClient(configuration, transport=asynchronous)


asyncio.run(provision_async(sunshine.Configuration()))
