"""Commands and programs for a key. They read its secret from the environment, and never contain it."""

from __future__ import annotations

import msgspec

from sunshine_keys.access.scopes import Scope
from sunshine_keys.keys.model import Key

SECRET = "SUNSHINE_KEYS_SECRET"  # noqa: S105 - the variable's name


class Snippet(msgspec.Struct, frozen=True):
    id: str
    title: str
    hint: str
    code: str


def snippets(key: Key, url: str) -> list[Snippet]:
    """Return the snippets of a key; `url` is that of the service."""
    match key.scope:
        case Scope.ACCOUNT:
            path, call = "/v2/apps", "sunshine.AppsApi(client).list_apps().apps"
        case Scope.APP:
            path = f"/v2/apps/{key.app_id}/integrations"
            call = f'sunshine.IntegrationsApi(client).list_integrations("{key.app_id}").integrations'
        case Scope.INTEGRATION:
            path = f"/v2/apps/{key.app_id}/integrations/{key.integration_id}/webhooks"
            call = f'sunshine.WebhooksApi(client).list_webhooks("{key.app_id}", "{key.integration_id}").webhooks'
    return [
        Snippet(
            "environment",
            "Environment",
            "Run this first. It asks for the secret, and keeps it out of the shell's history. The other programs read the variable.",
            f"read -rs {SECRET} && export {SECRET}\n",
        ),
        Snippet(
            "curl",
            "curl",
            "HTTP Basic: the id and the secret of the key.",
            f'curl --user "{key.id}:${SECRET}" \\\n  {url}{path}\n',
        ),
        Snippet(
            "python",
            "Python",
            "With the client, which signs a token with the secret, and renews it.",
            f"""\
import os
import sunshine_conversations_client as sunshine

configuration = sunshine.Configuration(
    host="{url}",
    key_id="{key.id}",
    secret=os.environ["{SECRET}"],
    scope="{key.scope.value}",
)
with sunshine.ApiClient(configuration) as client:
    print({call})
""",
        ),
        Snippet(
            "token",
            "Token",
            "A JSON Web Token from the command line, valid for five minutes, and curl with it.",
            f'token=$(sunshine-keys token {key.id})\ncurl -H "Authorization: Bearer $token" \\\n  {url}{path}\n',
        ),
        Snippet(
            "jwt",
            "Token in Python",
            "A JSON Web Token with PyJWT, or any other library: HS256, the key\u2019s id as kid, its scope as a claim.",
            f"""\
import os
import time

import jwt

claims = {{"scope": "{key.scope.value}", "exp": int(time.time()) + 300}}
print(jwt.encode(claims, os.environ["{SECRET}"], algorithm="HS256", headers={{"kid": "{key.id}"}}))
""",
        ),
    ]
