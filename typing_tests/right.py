"""Programs that type checkers must accept. Nothing runs them."""

import asyncio
from collections.abc import Mapping
from typing import assert_never, assert_type

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio
from sunshine_conversations_client.api.custom_integration_api_keys_api import CustomIntegrationApiKeysApi
from sunshine_conversations_client.model.integration_api_key_response import IntegrationApiKeyResponse
from sunshine_conversations_client.models.integration_api_key import IntegrationApiKey
from sunshine_conversations_client.rest import ApiException
from sunshine_conversations_client.transport import Headers, Request, Response, Timeout
from sunshine_conversations_client.webhooks import WebhookDecodeError, WebhookVerificationError, parse


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


def receive(headers: Mapping[str, str], body: bytes) -> int:
    try:
        envelope = parse(headers, body, ["new", "old"])
    except WebhookVerificationError:
        return 401
    except WebhookDecodeError:
        return 400
    for event in envelope.events:
        if event.type == "conversation:message" and event.payload and event.payload.message:
            content = event.payload.message.content
            if content and content.type == "text":
                text: str | None = content.text
                print(text)
    parse([("X-API-Key", "x")], body.decode(), "x")
    parse([(b"x-api-key", b"x")], body, {"x"})
    return 200


def every_event(envelope: sunshine.WebhookEnvelope) -> None:
    for event in envelope.events:
        if event.type == "client:add":
            assert_type(event, sunshine.ClientAddEvent)
        elif event.type == "client:remove":
            assert_type(event, sunshine.ClientRemoveEvent)
        elif event.type == "client:update":
            assert_type(event, sunshine.ClientUpdateEvent)
        elif event.type == "conversation:create":
            assert_type(event, sunshine.ConversationCreateEvent)
        elif event.type == "conversation:join":
            assert_type(event, sunshine.ConversationJoinEvent)
        elif event.type == "conversation:leave":
            assert_type(event, sunshine.ConversationLeaveEvent)
        elif event.type == "conversation:remove":
            assert_type(event, sunshine.ConversationRemoveEvent)
        elif event.type == "conversation:message:delivery:channel":
            assert_type(event, sunshine.ConversationMessageDeliveryChannelEvent)
        elif event.type == "conversation:message:delivery:failure":
            assert_type(event, sunshine.ConversationMessageDeliveryFailureEvent)
        elif event.type == "conversation:message:delivery:user":
            assert_type(event, sunshine.ConversationMessageDeliveryUserEvent)
        elif event.type == "conversation:message":
            assert_type(event, sunshine.ConversationMessageEvent)
        elif event.type == "conversation:postback":
            assert_type(event, sunshine.ConversationPostbackEvent)
        elif event.type == "conversation:read":
            assert_type(event, sunshine.ConversationReadEvent)
        elif event.type == "conversation:referral":
            assert_type(event, sunshine.ConversationReferralEvent)
        elif event.type == "conversation:typing":
            assert_type(event, sunshine.ConversationTypingEvent)
        elif event.type == "switchboard:acceptControl":
            assert_type(event, sunshine.SwitchboardAcceptControl)
        elif event.type == "switchboard:acceptControl:failure":
            assert_type(event, sunshine.SwitchboardAcceptControlFailure)
        elif event.type == "switchboard:offerControl":
            assert_type(event, sunshine.SwitchboardOfferControl)
        elif event.type == "switchboard:offerControl:failure":
            assert_type(event, sunshine.SwitchboardOfferControlFailure)
        elif event.type == "switchboard:passControl":
            assert_type(event, sunshine.SwitchboardPassControl)
        elif event.type == "switchboard:passControl:failure":
            assert_type(event, sunshine.SwitchboardPassControlFailure)
        elif event.type == "switchboard:releaseControl":
            assert_type(event, sunshine.SwitchboardReleaseControl)
        elif event.type == "user:merge":
            assert_type(event, sunshine.UserMergeEvent)
        elif event.type == "user:update":
            assert_type(event, sunshine.UserUpdateEvent)
        elif event.type == "user:remove":
            assert_type(event, sunshine.UserRemoveEvent)
        elif event.type == "passthrough:messaging":
            assert_type(event, sunshine.PassthroughMessagingEvent)
        else:
            assert_never(event)


class CustomTransport:
    """A transport that a user writes."""

    def send(self, request: Request, timeout: Timeout) -> Response:
        if request.method != "GET" or request.stream or timeout.total is not None:
            raise sunshine.ApiConnectionError("not supported", maybe_sent=False)
        return Response(
            200, None, Headers([("X-Url", request.url), *request.headers.items()]), bytes(request.body or b"{}")
        )

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


def messages(client: sunshine.ApiClient) -> None:
    api = sunshine.MessagesApi(client)
    author = sunshine.Author(type="business")
    api.post_message("app", "conversation", sunshine.MessagePost(author=author, content=sunshine.TextMessage(text="x")))
    wrapped = sunshine.Content(sunshine.TextMessage(text="x"))
    flat = sunshine.Content(type="text", text="x")
    for posted in (wrapped, flat):
        api.post_message("app", "conversation", sunshine.MessagePost(author=author, content=posted))
    for message in api.list_messages("app", "conversation").messages or []:
        content = message.content
        if content is None:
            continue
        text: str | None = content.text
        print(text, content.coordinates)
        if content.type == "image":
            reveal: sunshine.ImageMessage = content
            reveal.media_url = "https://example.com/x.png"
        elif content.type == "carousel":
            for item in content.items or []:
                title: str | None = item.title
                print(title)
    conversation = sunshine.ConversationCreateBody(type="personal")
    conversation.type = sunshine.ConversationType.SDKGROUP


def events(envelope: sunshine.WebhookEnvelope) -> None:
    for event in envelope.events or []:
        if event.type == "conversation:message":
            payload: sunshine.ConversationMessageEventAllOfPayload | None = event.payload
            if payload and payload.message and payload.message.content:
                print(payload.message.content.text)
        elif event.type == "user:merge" and event.payload:
            print(event.payload.merged_users)
