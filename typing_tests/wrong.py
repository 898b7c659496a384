"""Mistakes that type checkers must find: every line that ends in `# wrong`, and no other."""

import sunshine_conversations_client as sunshine
from sunshine_conversations_client import aio
from sunshine_conversations_client.webhooks import parse

client = sunshine.ApiClient(sunshine.Configuration())
api = sunshine.CustomIntegrationApiKeysApi(client)

sunshine.IntegrationApiKey(display_nme="x")  # wrong
sunshine.IntegrationApiKey(display_name=7)  # wrong
key = sunshine.ApiKey()
key.display_nme = "x"  # wrong
key.secret.upper()  # wrong
sunshine.Configuration(scope="user")  # wrong
sunshine.Configuration(hots="x")  # wrong
api.list_custom_integration_keys("app")  # wrong
api.create_custom_integration_key("app", "integration", sunshine.AppCreateBody())  # wrong
api.get_custom_integration_key("app", "integration", "key", _request_timeout="5")  # wrong
api.get_custom_integration_key("app", "integration", "key", asinc_req=True)  # wrong
api.get_custom_integration_keys("app", "integration", "key")  # wrong
aio.AppsApi(client)  # wrong
sunshine.Nonsense  # wrong
sunshine.ApiClient(sunshine.Configuration(), transport=client)  # wrong
sunshine.WebhookCreateBody(target="x")  # wrong
sunshine.ModelField(type="telephone")  # wrong
sunshine.IntegrationsApi(client).get_integration("app", "integration").keys  # wrong
sunshine.IntegrationUpdate(5)  # wrong

parse({}, b"", None)  # wrong
parse({}, b"", 5)  # wrong
parse({}, {"events": []}, "x")  # wrong
for event in parse({}, b"", "x").events:
    if event.type == "client:add" and event.payload:
        event.payload.message  # wrong
    if event.type == "conversation:message" and event.payload:
        event.payload.client  # wrong
    event.payload.conversation  # wrong
sunshine.MessagePost(author=sunshine.Author(type="business"))  # wrong
sunshine.ConversationCreateBody()  # wrong
sunshine.ConversationCreateBody(type="public")  # wrong
sunshine.Author(type="robot")  # wrong
sunshine.TextMessage(coordinates=None)  # wrong


def read(message: sunshine.Message, event: sunshine.ClientAddEvent | sunshine.UserMergeEvent) -> None:
    if message.content and message.content.type == "image":
        message.content.media_size.upper()  # wrong
    if message.content:
        message.content.txt  # wrong
    if event.type == "user:merge" and event.payload:
        event.payload.client  # wrong
