"""Fetch the key of a custom integration whose id is KEY."""

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
    key_id = os.environ.get("KEY", "int_5d8cff3cd55b040010928b5b")

    try:
        api_response = api_instance.get_custom_integration_key(app_id, integration_id, key_id)
        pprint(api_response)
    except ApiException as error:
        raise SystemExit(f"CustomIntegrationApiKeysApi.get_custom_integration_key failed:\n{error}") from error
