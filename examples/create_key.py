"""Create the key NAME for a custom integration, and write its secret to the new file SECRET_TO, if that is set."""

import os
from pprint import pprint

import sunshine_conversations_client
from sunshine_conversations_client.models.integration_api_key import IntegrationApiKey
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
    integration_api_key = IntegrationApiKey()  # without a name, the service answers which property is missing
    if "NAME" in os.environ:
        integration_api_key.display_name = os.environ["NAME"]

    try:
        api_response = api_instance.create_custom_integration_key(app_id, integration_id, integration_api_key)
        pprint(api_response)  # the repr hides the secret; api_response.key.secret has it
        if "SECRET_TO" in os.environ:
            with open(os.environ["SECRET_TO"], "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(api_response.key.secret)
    except ApiException as error:
        raise SystemExit(f"CustomIntegrationApiKeysApi.create_custom_integration_key failed:\n{error}") from error
