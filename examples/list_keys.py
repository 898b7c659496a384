"""List the keys of a custom integration."""

import os
from pprint import pprint

import sunshine_conversations_client
from sunshine_conversations_client.rest import ApiException

# Credentials: the id and the secret of an API key, sent with HTTP Basic …
configuration = sunshine_conversations_client.Configuration(
    username=os.environ.get("KEY_ID"),
    password=os.environ.get("SECRET"),
)
# … or a JSON Web Token that the key has signed. It replaces the configuration above.
if os.environ.get("TOKEN"):
    configuration = sunshine_conversations_client.Configuration(access_token=os.environ["TOKEN"])

with sunshine_conversations_client.ApiClient(configuration) as api_client:
    api_instance = sunshine_conversations_client.CustomIntegrationApiKeysApi(api_client)
    app_id = os.environ.get("APP_ID", "5d8cff3cd55b040010928b5b")
    integration_id = os.environ.get("INTEGRATION_ID", "029c31f25a21b47effd7be90")

    try:
        api_response = api_instance.list_custom_integration_keys(app_id, integration_id)
        pprint(api_response)
    except ApiException as error:
        raise SystemExit(f"CustomIntegrationApiKeysApi.list_custom_integration_keys failed:\n{error}") from error
